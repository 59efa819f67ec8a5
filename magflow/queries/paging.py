"""Pages by key, not by offset: page 1,000 costs what page 1 costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Executable, Select, func, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement

T = TypeVar("T")

EXACT_UP_TO = 10_000
"""Rows that are counted one by one; beyond, the planner's estimate is good enough for "about 40,000"."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list. `next_key` is what to ask after for more, None at the end."""

    rows: Sequence[T]
    total: int
    total_is_estimate: bool
    next_key: int | None


def counted(session: Session, statement: Select[Any]) -> tuple[int, bool]:
    """How many rows a list has, and whether that is an estimate."""
    # Without its columns a plain `select(Table)` would forget its table, and every list would have one row.
    bare: Select[Any] = statement.order_by(None).with_only_columns(literal_column("1"), maintain_column_froms=True)
    bounded = select(func.count()).select_from(bare.limit(EXACT_UP_TO + 1).subquery())
    number = session.scalar(bounded) or 0
    if number <= EXACT_UP_TO:
        return number, False
    plan = session.scalar(_Explained(bare))
    return max(int(plan[0]["Plan"]["Plan Rows"]), EXACT_UP_TO), True


class _Explained(Executable, ClauseElement):
    """`EXPLAIN` of a statement, with its parameters bound as in the statement itself."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explained, "postgresql")
def _explain(element: _Explained, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"
