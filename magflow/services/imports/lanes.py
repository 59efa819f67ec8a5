"""Work side by side: while one thread waits for the database, another reads on, or asks it for the next thing.

Every piece is a unit of work with a transaction of its own, so that pieces meet as two imports at once would.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Final, TypeVar

Piece = TypeVar("Piece")
Came = TypeVar("Came")

LANES: Final = 2
"""Chunks that are applied at once: more would keep the tills waiting, and the smallest server has two processors."""


@contextmanager
def lanes(count: int = LANES) -> Iterator[Callable[..., Future[Any]]]:
    """Gives a `submit` whose work sees what this thread sees. The block ends when all work has ended."""
    with ThreadPoolExecutor(count, thread_name_prefix="import") as pool:
        yield lambda work, *args: pool.submit(copy_context().run, work, *args)


def each(work: Callable[[Piece], Came], pieces: Iterable[Piece], step: Callable[[Came], None]) -> None:
    """Do the work for every piece, `LANES` at a time; `step` gets each result in this thread, and may raise.

    One more piece waits, so that no lane stands still during a `step`. What raises ends the whole, once the pieces that
    were begun or wait have ended.
    """
    with lanes() as submit:
        begun: set[Future[Came]] = set()
        for piece in pieces:
            begun.add(submit(work, piece))
            if len(begun) > LANES:
                begun = _collect(begun, step)
        while begun:
            begun = _collect(begun, step)


def _collect(begun: set[Future[Came]], step: Callable[[Came], None]) -> set[Future[Came]]:
    ended, others = wait(begun, return_when=FIRST_COMPLETED)
    for one in ended:
        step(one.result())
    return others
