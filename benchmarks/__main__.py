"""`python -m benchmarks`: MagFlow beside the reference, on one server, in turns; prints the ratios as JSON.

The reference is a script outside of this repository that does the same work in hand-written SQL and calls our driver
right after each of its own measurements. LIMIT_SCRIPT names it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.driver import ALONE, measure
from benchmarks.ground import Ground, as_url, ground

HERE: Final = Path(__file__).resolve().parent
BESIDE_THE_CHECKOUT: Final = HERE.parent.parent / "shared" / "bench" / "reference_limit.py"
TARGETS: Final = {
    "service": 0.6,
    "http": 0.3,
    "imports": {"first": 4, "reimport_same": 3, "reimport_1pct": 3},
    "lists": {"page_sql": 3},
    "generation": 3,
}
"""Orders per second, divided by the reference's step-by-step figure; of the others, time divided by the reference's."""


ONLY_THROUGH: Final = {"W4": "http", "W5": "service"}
"""What is measured through one door alone: lists from outside, generation as the service does it."""


def limit_script() -> Path | None:
    """The reference, where there is one."""
    named = os.environ.get("LIMIT_SCRIPT")
    path = Path(named) if named else BESIDE_THE_CHECKOUT
    return path if path.is_file() else None


def beside(
    place: Ground, script: Path, asked: argparse.Namespace, names: Sequence[str], *, http: bool
) -> dict[str, Any]:
    """Run the reference with our driver beside it; per workload and clients, the medians that matter."""
    command = [sys.executable, str(script), "--reps", str(asked.reps), "--clients", asked.clients]
    command += ["--only", ",".join(names), "--no-pgbench"]
    command += ["--beside", f"{sys.executable} -m benchmarks.driver{' --http' if http else ''}"]
    environment = {**os.environ, **place.passed_on(), "DATABASE_URL": as_url(place.admin)}
    done = subprocess.run(command, env=environment, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True)
    results = json.loads(done.stdout)["results"]
    summaries = {"W3": _imports, "W4": _lists, "W5": _generation}
    return {name: summaries.get(name, _clients)(results[name]) for name in names}


def _clients(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {at: _summary(one) for at, one in figures.items()}


def _summary(figures: Mapping[str, Any]) -> dict[str, Any]:
    app, steps = figures["app"], figures["steps"]
    if "orders_per_s" not in app:
        return {"failed": app}
    must_be_zero = ("oversold", "lost", "unexplained_variants", "deadlocks", "retry_later", "error")
    return {
        "limit_orders_per_s": steps["orders_per_s"]["median"],
        "orders_per_s": app["orders_per_s"]["median"],
        "ratio": round(figures["ratio"]["orders_per_s"]["median"], 3),
        "ratios": figures["ratio"]["orders_per_s"]["all"],
        "p50_ms": app["p50_ms"]["median"],
        "p99_ms": app["p99_ms"]["median"],
        "limit_p50_ms": steps["p50_ms"]["median"],
        "limit_p99_ms": steps["p99_ms"]["median"],
        "sold_all_it_could": app["ok"]["all"] == app["expected_ok"]["all"],
        **{name: sum(app[name]["all"]) for name in must_be_zero},
    }


def _imports(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Of each of the three imports: seconds, how many times the reference's, and the most memory it took."""
    return {
        name: {
            "seconds": app["seconds"]["median"],
            "limit_seconds": figures[name]["seconds"]["median"],
            "times_the_limit": round(app["seconds"]["median"] / figures[name]["seconds"]["median"], 2),
            "peak_rss_mb": max(app["peak_rss_mb"]["all"]),
            "applied": app["applied"]["median"],
        }
        for name, app in figures["app"].items()
    }


def _lists(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Of each list: what the reference takes and what we take, over HTTP and in SQL."""
    app = figures["app"]
    found = {}
    for name in app["http_ms"]:
        theirs = "page1000_offset" if name == "page1000" else name
        limit = {door: figures[door][theirs]["median"] for door in ("http_ms", "sql_ms")}
        ours = {part: app[part][name]["median"] for part in ("http_ms", "sql_ms", "page_sql_ms")}
        found[name] = {
            "limit": limit,
            "ours": ours,
            "http_times_the_limit": round(ours["http_ms"] / limit["http_ms"], 2),
            "page_sql_times_the_limit": round(ours["page_sql_ms"] / limit["sql_ms"], 2),
            "all_sql_times_the_limit": round(ours["sql_ms"] / limit["sql_ms"], 2),
        }
    return {"rows": app["rows"]["median"], **found}


def _generation(figures: Mapping[str, Any]) -> dict[str, Any]:
    ours, limit = figures["app"]["ms"]["median"], figures["set_based_ms"]["median"]
    return {"limit_ms": limit, "ms": ours, "times_the_limit": round(ours / limit, 2)}


def alone(asked: argparse.Namespace, names: Sequence[str], *, http: bool) -> dict[str, Any]:
    """Our figures without the reference."""
    counts = [int(number) for number in asked.clients.split(",")]
    return {
        name: ALONE[name]() if name in ALONE else {f"c{n}": measure(name, n, http=http) for n in counts}
        for name in names
    }


def main(arguments: Sequence[str]) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--only", default="W1,W2,W4,W5")
    parser.add_argument("--doors", default="service,http", help="service, http, or both")
    asked = parser.parse_args(arguments)
    script = limit_script()
    report: dict[str, Any] = {"targets": TARGETS, "cpus": os.cpu_count(), "load_at_start": os.getloadavg()[0]}
    with ground() as place:
        for door in asked.doors.split(","):
            names = [name for name in asked.only.split(",") if ONLY_THROUGH.get(name, door) == door]
            if not names:
                continue
            if script is None:
                print("no reference script (LIMIT_SCRIPT): our figures alone", file=sys.stderr)
                os.environ.update(place.passed_on())
                report[door] = alone(asked, names, http=door == "http")
            else:
                report[door] = beside(place, script, asked, names, http=door == "http")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
