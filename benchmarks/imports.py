"""W3: the reference's file, imported three times: new, again as it is, and with one row in a hundred changed.

The file has the same products, SKUs, names, prices and stocks; the colour and the size that the reference only writes
into the name are options here, as a shop would have them. Each import is a process of its own, so that its peak memory
is its own.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import random
import re
import time
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Final

from benchmarks.ground import Ground, ground

SEED: Final = 20240501
PRODUCTS: Final = int(os.environ.get("LIMIT_IMPORT_PRODUCTS", "100"))
"""Each has 100 variants; the reference reads the same setting."""
HEADER: Final = ("product", "sku", "title", "option1_name", "option1_value", "option2_name", "option2_value", "price",
                 "stock")  # fmt: skip
RUNS: Final = {"first": 0.0, "reimport_same": 0.0, "reimport_1pct": 0.01}


def file_text(changed: float, products: int = PRODUCTS) -> str:
    """The file. `changed`: the share of rows with another price and stock."""
    rnd = random.Random(SEED)
    rows = products * 100
    pick = set(rnd.sample(range(rows), int(rows * changed)))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for n in range(rows):
        product, colour, size = n // 100, n // 10 % 10, n % 10
        more = 7 if n in pick else 0
        writer.writerow([
            f"P{product:03d}", f"P{product:03d}-C{colour}-S{size}", f"Product {product} colour {colour} size {size}",
            "Colour", f"C{colour}", "Size", f"S{size}", f"{10 + n % 90 + more}.{n % 100:02d}", n % 500 + more,
        ])  # fmt: skip
    return out.getvalue()


def measure_imports() -> dict[str, Any]:
    """The three imports, one after the other, into one new shop."""
    with ground() as place:
        place.new_shop()
        home = Path(place.settings().home)
        home.mkdir(parents=True, exist_ok=True)
        done = {}
        for name, changed in RUNS.items():
            path = home / f"{name}.csv"
            path.write_text(file_text(changed), encoding="utf-8", newline="")
            done[name] = _in_own_process(place, path)
    rows = PRODUCTS * 100
    written = [done[name]["applied"] for name in RUNS]
    if written != [rows, 0, int(rows * RUNS["reimport_1pct"])]:
        raise RuntimeError(f"{written} rows were written")
    return done


def _in_own_process(place: Ground, path: Path) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    answers: Queue[dict[str, Any]] = context.Queue()
    process = context.Process(target=_import, args=(place, path, answers))
    process.start()
    process.join(3600)
    if process.exitcode:
        raise RuntimeError("an import failed; what it said stands above")
    return answers.get(timeout=10)


def _most_memory() -> int:
    """In KiB. Not `ru_maxrss`: a new process inherits that from the one that started it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def _import(place: Ground, path: Path, answers: Queue[dict[str, Any]]) -> None:
    from magflow.app import create_app
    from magflow.domain.actors import Actor
    from magflow.services.imports import commands, files, runner

    settings = place.settings()
    app = create_app(settings, areas=())
    app.app_context().push()
    actor = Actor(kind="cli", name="bench", door="import")
    before = _most_memory()
    started = time.perf_counter()
    with path.open("rb") as file:
        stored = files.store(settings.home, file)
    command = commands.take_in(settings.home, stored, filename=path.name, kind="variants", queued=False)
    row = commands.register(command, actor=actor)
    done = runner.perform(row.id, settings.home, actor=actor)
    seconds = time.perf_counter() - started
    after = _most_memory()
    answers.put({
        "rows": done.counts.rows, "applied": done.counts.applied, "refused": done.counts.refused, "seconds": seconds,
        "rows_per_s": done.counts.rows / seconds, "peak_rss_mb": after / 1024, "rss_before_mb": before / 1024,
    })  # fmt: skip
