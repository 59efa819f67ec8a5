"""One measurement of MagFlow: `python -m benchmarks.driver [--http] W1 4` prints a JSON object on its last line.

Clients are processes that meet at a barrier and share the orders among them, as the reference does. Without `--http`
they call the service; with it they call `POST /api/v1/orders/{id}/finalize` of a running MagFlow.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import queue
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from http.client import HTTPConnection
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, Final, Literal, NamedTuple

from benchmarks.catalogue import measure_generation, measure_lists
from benchmarks.ground import SHOP, Ground, ground
from benchmarks.imports import measure_imports
from benchmarks.served import Served, served
from benchmarks.workloads import WORKLOADS, check, fill

Outcome = Literal["ok", "rejected", "retry_later", "error"]
Finalize = Callable[[int], Outcome]

PATIENCE: Final = 300

ALONE: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "W3": measure_imports,
    "W4": measure_lists,
    "W5": measure_generation,
}
"""Workloads that are one client's, whatever the number of clients that is asked for."""


class Report(NamedTuple):
    """What one client saw."""

    started: float
    ended: float
    outcomes: list[Outcome]
    seconds: list[float]


def by_service(place: Ground) -> Finalize:
    """Finalize through the service, in this process."""
    from magflow.app import create_app
    from magflow.domain.actors import Actor
    from magflow.domain.errors import InsufficientStock, Refused, RetryLater
    from magflow.services.checkout import FinalizeOrder, finalize

    app = create_app(place.settings(), areas=())
    app.app_context().push()
    actor = Actor(kind="token", name="bench", door="api", id=1)

    def call(order_id: int) -> Outcome:
        try:
            finalize(FinalizeOrder(order_id), actor=actor)
        except InsufficientStock:
            return "rejected"
        except RetryLater:
            return "retry_later"
        except Refused:
            return "error"
        return "ok"

    return call


def by_http(served_at: Served) -> Finalize:
    """Finalize through the API, over one kept connection."""
    connection = HTTPConnection(served_at.host, served_at.port, timeout=30)
    headers = {"Authorization": f"Bearer {served_at.token}", "Content-Type": "application/json"}

    def call(order_id: int) -> Outcome:
        connection.request("POST", f"/api/v1/orders/{order_id}/finalize", b"{}", headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            return "ok"
        code = json.loads(body).get("code")
        known: dict[str, Outcome] = {"insufficient_stock": "rejected", "retry_later": "retry_later"}
        return known.get(code, "error")

    return call


def _client(
    place: Ground, served_at: Served | None, orders: Sequence[int], barrier: Barrier, reports: Queue[Report]
) -> None:
    finalize = by_service(place) if served_at is None else by_http(served_at)
    finalize(0)  # an order that is not there: the connection is open before the clock runs
    barrier.wait(PATIENCE)
    outcomes: list[Outcome] = []
    seconds: list[float] = []
    started = time.time()
    for order_id in orders:
        before = time.perf_counter()
        outcomes.append(finalize(order_id))
        seconds.append(time.perf_counter() - before)
    reports.put(Report(started, time.time(), outcomes, seconds))


def measure(name: str, clients: int, *, http: bool) -> dict[str, Any]:
    """Fill a new shop, let the clients finalize all its orders, and say what came of it."""
    work = WORKLOADS[name]
    with ground() as place:
        place.new_shop()
        orders = fill(place.admin_of(SHOP), work)
        server: AbstractContextManager[Served | None] = served(place) if http else nullcontext()
        with server as served_at:
            reports = _drive(place, served_at, orders, clients)
        after = check(place.admin_of(SHOP), work)
    wall = max(r.ended for r in reports) - min(r.started for r in reports)
    seconds = sorted(s for r in reports for s in r.seconds)
    outcomes = [o for r in reports for o in r.outcomes]
    return {
        "orders_per_s": len(orders) / wall,
        "p50_ms": 1e3 * seconds[len(seconds) // 2],
        "p99_ms": 1e3 * seconds[int(len(seconds) * 0.99)],
        "wall_s": wall,
        **{kind: outcomes.count(kind) for kind in ("ok", "rejected", "retry_later", "error")},
        "expected_ok": work.sellable,
        **after,
    }


def _drive(place: Ground, served_at: Served | None, orders: Sequence[int], clients: int) -> list[Report]:
    # Forked after the imports and before any connection: a client starts fast and shares nothing.
    context = multiprocessing.get_context("fork")
    barrier, reports = context.Barrier(clients), context.Queue()
    processes = [
        context.Process(target=_client, args=(place, served_at, orders[n::clients], barrier, reports))
        for n in range(clients)
    ]
    for process in processes:
        process.start()
    collected: list[Report] = []
    while len(collected) < clients:
        try:
            collected.append(reports.get(timeout=1))
        except queue.Empty:
            if any(process.exitcode for process in processes):
                barrier.abort()
                raise RuntimeError("a client failed; what it said stands above") from None
    for process in processes:
        process.join()
    return collected


def main(arguments: Sequence[str]) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", action="store_true", help="through a running MagFlow instead of the service")
    parser.add_argument("workload", choices=[*sorted(WORKLOADS), *sorted(ALONE)])
    parser.add_argument("clients", type=int)
    asked = parser.parse_args(arguments)
    if asked.workload in ALONE:
        print(json.dumps(ALONE[asked.workload]()))
        return
    # Imported before the clients are forked, so that none of them pays for it.
    import magflow.app
    import magflow.services.checkout  # noqa: F401

    print(json.dumps(measure(asked.workload, asked.clients, http=asked.http)))


if __name__ == "__main__":
    main(sys.argv[1:])
