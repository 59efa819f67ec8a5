"""Swapping parts of the program for the length of a test, without touching a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def swapped(owner: Any, **parts: Any) -> Iterator[None]:
    """These attributes of a module, class or object are others inside the block."""
    before = {name: getattr(owner, name) for name in parts}
    for name, part in parts.items():
        setattr(owner, name, part)
    try:
        yield
    finally:
        for name, part in before.items():
            setattr(owner, name, part)


def edited(statement: str, old: str, new: str) -> str:
    """The statement with one passage changed. The passage must be there: a fault that plants nothing proves nothing."""
    if statement.count(old) != 1:
        raise LookupError(f"{old!r} stands {statement.count(old)} times in the statement")
    return statement.replace(old, new)
