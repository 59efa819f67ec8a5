"""Is there an order of these calls, one at a time, that explains every answer and what stands at the end?

After Wing and Gong, with a memory of where the search has been. A call may be placed only while no call that is not
placed yet had ended before it began: the order respects the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.gates.model import Answer, Shop
from tests.gates.operations import Operation


@dataclass(frozen=True)
class Call:
    """An operation as it happened. `answer` None: nobody knows whether it took effect."""

    operation: Operation
    answer: Answer | None
    start: float
    end: float

    def __str__(self) -> str:
        return f"{self.start * 1e3:9.3f} - {self.end * 1e3:9.3f} ms  {self.operation} -> {self.answer}"


def explanation(calls: Sequence[Call], before: Shop, after: Shop) -> list[Call] | None:
    """The calls in an order that explains them; None when there is none."""
    seen: set[tuple[int, Shop]] = set()
    order: list[Call] = []

    def search(placed: int, shop: Shop) -> bool:
        open_calls = [n for n in range(len(calls)) if not placed >> n & 1]
        if all(calls[n].answer is None for n in open_calls) and shop == after:
            return True
        if (placed, shop) in seen:
            return False
        seen.add((placed, shop))
        first_end = min((calls[n].end for n in open_calls), default=0.0)
        for n in open_calls:
            call = calls[n]
            if call.start > first_end:
                continue
            answer, then = call.operation.apply(shop, call.answer)
            if call.answer is not None and answer != call.answer:
                continue
            order.append(call)
            if search(placed | 1 << n, then):
                return True
            order.pop()
        return False

    return order if search(0, before) else None
