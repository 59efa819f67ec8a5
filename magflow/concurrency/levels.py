"""The one order in which locks are taken, and what a transaction holds of them."""

import logging
from collections.abc import Iterable
from enum import IntEnum
from typing import cast

from sqlalchemy.orm import Session

log = logging.getLogger(__name__)


class Level(IntEnum):
    """The one lock order of the program, lowest first; a transaction never takes a level below one it holds."""

    ADVISORY = 0
    CLAIM = 1
    PRODUCT = 2
    ORDER = 3
    ORDER_ITEM = 4
    VARIANT = 5
    DEPENDENT = 6


class LockOrderBroken(AssertionError):
    """A lock was asked for out of order: two such transactions can wait for each other for ever."""


class Held:
    """The locks of one transaction: per level, which keys, and the highest of them."""

    strict = True
    """Outside production a step down is an error at once; in production it is logged (set by `create_app`)."""

    def __init__(self) -> None:
        self.keys: dict[Level, set[int]] = {}

    def copy(self) -> "Held":
        twin = Held()
        twin.keys = {level: set(keys) for level, keys in self.keys.items()}
        return twin

    def take(self, level: Level, wanted: Iterable[int]) -> None:
        """Note these locks before they are asked for; those already held are free."""
        new = set(wanted) - self.keys.get(level, set())
        if not new:
            return
        highest = max((held for held, keys in self.keys.items() if keys), default=Level.ADVISORY)
        if level < highest or min(new) < max(self.keys.get(level, {min(new)})):
            message = f"lock {level.name} {sorted(new)[:5]} asked for while holding {highest.name}"
            if self.strict:
                raise LockOrderBroken(message)
            log.error(message)
        self.keys.setdefault(level, set()).update(new)


def held_by(session: Session) -> Held:
    return cast("Held", session.info.setdefault("locks", Held()))
