"""Random histories: a dozen operations on a few connections at once, recorded, and explained or not (gate G1)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from flask import Flask

from tests.gates.checker import Call, explanation
from tests.gates.floor import Connection, Floor, Ids, drawn, lay_out, read_back, unexplained
from tests.gates.model import Shop
from tests.gates.operations import Operation

AT_A_TIME: Final = 100
"""Floors that are laid out, and read back, together."""
MOST_THREADS: Final = 8


@dataclass(frozen=True)
class Plan:
    """What each connection does, one after the other. The same seed and number draw the same plan."""

    seed: int
    number: int
    floor: Floor
    programs: tuple[tuple[Operation, ...], ...]


@dataclass(frozen=True)
class Finding:
    """A history that no order of its calls explains, or that ended in something undocumented."""

    plan: Plan
    what: str
    calls: Sequence[Call] = ()
    after: Shop | None = None

    def __str__(self) -> str:
        lines = [f"seed {self.plan.seed}, history {self.plan.number}: {self.what}", f"  before {self.plan.floor.shop}"]
        lines += [f"  {call}" for call in sorted(self.calls, key=lambda c: c.start)]
        return "\n".join([*lines, f"  after  {self.after}"])


@dataclass
class Tally:
    """What a run of histories came to."""

    histories: int = 0
    calls: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.answers.items(), key=lambda kv: -kv[1]))
        rate = self.histories / self.seconds if self.seconds else 0
        return f"{self.histories} histories, {self.calls} calls ({kinds}), {rate:.0f}/s"


def planned(seed: int, number: int, ids: Ids, weights: Mapping[str, int]) -> Plan:
    """Draw a history: 8 to 12 operations over 4 to 8 connections."""
    rnd = random.Random(f"{seed}/{number}")
    floor = drawn(rnd, ids)
    programs: list[list[Operation]] = [[] for _ in range(rnd.randint(4, MOST_THREADS))]
    for n in range(rnd.randint(8, 12)):
        program = programs[n] if n < len(programs) else rnd.choice(programs)
        program.append(_drawn_operation(rnd, floor, weights))
    return Plan(seed, number, floor, tuple(tuple(program) for program in programs))


FIRST_WEIGHTS: Final = {
    "finalize": 9, "cancel": 3, "restock": 3, "adjust": 3, "count": 3, "sync": 3,
    "add_item": 2, "change_variant": 2, "set_active": 2, "read": 2,
}  # fmt: skip
"""What the kept histories were drawn from: with other weights the same seed draws another history."""
WEIGHTS: Final = {**FIRST_WEIGHTS, "finalize_many": 3, "write_off": 2, "reprice": 2, "delete": 2, "split": 2}


def _drawn_operation(rnd: random.Random, floor: Floor, weights: Mapping[str, int]) -> Operation:
    shop = floor.shop
    order, variant = rnd.choice(shop.orders), rnd.choice(shop.variants)
    line = rnd.choice(order.lines)
    [name] = rnd.choices(list(weights), list(weights.values()))
    draw: dict[str, Callable[[], tuple[Any, ...]]] = {
        "finalize": lambda: (order.id,),
        "cancel": lambda: (order.id,),
        "restock": lambda: (order.id, line.id, rnd.choice((1, 1, line.quantity))),
        "adjust": lambda: (variant.id, rnd.choice((-2, -1, 1, 2))),
        "count": lambda: (variant.id, rnd.randint(0, 3), rnd.choice((variant.stock, rnd.randint(0, 2)))),
        "sync": lambda: (f"{floor.products[0]}-{rnd.choice('ab')}", rnd.choice(floor.products), rnd.choice((100, 250)),
                         rnd.randint(0, 3)),
        "add_item": lambda: (order.id, variant.id, rnd.choice((1, 2))),
        "change_variant": lambda: (order.id, line.id, variant.id),
        "set_active": lambda: (variant.id, rnd.random() < 0.5),
        "finalize_many": lambda: (tuple(rnd.sample([o.id for o in shop.orders], len(shop.orders))),),
        "write_off": lambda: (order.id, line.id, 1),
        "reprice": lambda: (variant.id, rnd.choice((100, 250, 399))),
        "delete": lambda: (variant.id,),
        "split": lambda: (order.id,),
        "read": lambda: (tuple(v.id for v in shop.variants), tuple(o.id for o in shop.orders)),
    }  # fmt: skip
    return Operation(name, draw[name]())


class Stage:
    """Threads with connections of their own, on which histories are played."""

    def __init__(self, app: Flask, dsn: str) -> None:
        self._app = app
        self._connection: Connection = psycopg.connect(dsn, autocommit=True)
        self._threads = ThreadPoolExecutor(MOST_THREADS)
        self._ids = Ids(self._connection)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()
        self._connection.close()

    def run(self, seed: int, first: int, how_many: int, *, until_found: bool = False, kept: bool = False) -> Tally:
        """Play and check these histories of a seed; with `until_found`, only up to the first that is not explained."""
        tally = Tally()
        weights = FIRST_WEIGHTS if kept else WEIGHTS
        began = time.monotonic()
        for start in range(first, first + how_many, AT_A_TIME):
            numbers = range(start, min(start + AT_A_TIME, first + how_many))
            self._run_chunk([planned(seed, n, self._ids, weights) for n in numbers], tally)
            if until_found and tally.findings:
                break
        tally.seconds = time.monotonic() - began
        return tally

    def _run_chunk(self, plans: Sequence[Plan], tally: Tally) -> None:
        floors = [plan.floor for plan in plans]
        lay_out(self._connection, floors)
        played = [self._play(plan) for plan in plans]
        after = read_back(self._connection, floors)
        for plan, calls, shop in zip(plans, played, after, strict=True):
            tally.histories += 1
            tally.calls += len(calls)
            for call in calls:
                kind = str(call.answer[0]) if call.answer else "unknown"
                tally.answers[kind] = tally.answers.get(kind, 0) + 1
            if what := judged(plan, calls, shop):
                tally.findings.append(Finding(plan, what, calls, shop))
        for row in unexplained(self._connection, floors):
            owner = next(plan for plan in plans if any(v.id == row[0] for v in plan.floor.shop.variants))
            tally.findings.append(Finding(owner, f"movements of variant {row[0]} do not add up: {row}"))

    def _play(self, plan: Plan) -> list[Call]:
        barrier = threading.Barrier(len(plan.programs))
        # Timed from the start, so that two of them can be compared by eye.
        zero = time.monotonic()

        def program(operations: Sequence[Operation]) -> list[Call]:
            calls = []
            with self._app.app_context():
                barrier.wait()
                for operation in operations:
                    start = time.monotonic() - zero
                    answer = operation.run()
                    calls.append(Call(operation, answer, start, time.monotonic() - zero))
            return calls

        futures = [self._threads.submit(program, operations) for operations in plan.programs]
        return [call for future in futures for call in future.result()]


def judged(plan: Plan, calls: Sequence[Call], after: Shop) -> str | None:
    """What is wrong with a history; None when nothing is."""
    if faults := [call for call in calls if call.answer and call.answer[0] == "fault"]:
        return f"an answer that is not documented: {faults[0]}"
    # Who was told to come back later has changed nothing.
    done = [call for call in calls if not (call.answer and call.answer[0] == "retry_later")]
    if explanation(done, plan.floor.shop, after) is None:
        return "no order of its calls explains it"
    return None
