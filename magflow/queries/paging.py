"""Pages by key, not by offset: page 1,000 costs what page 1 costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Executable, Select, func, literal, literal_column, select, true, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement

T = TypeVar("T")

Columns: TypeAlias = Sequence[Any]
"""Columns and expressions of a statement."""

EXACT_UP_TO = 10_000
"""Rows that are counted one by one; beyond, the planner's estimate is good enough for "about 40,000"."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list. `next_key` is what to ask after for more, None at the end."""

    rows: Sequence[T]
    total: int
    total_is_estimate: bool
    next_key: Any


def counted(session: Session, statement: Select[Any]) -> tuple[int, bool]:
    """How many rows a list has, and whether that is an estimate."""
    # Without its columns a plain `select(Table)` would forget its table, and every list would have one row.
    bare: Select[Any] = statement.order_by(None).with_only_columns(literal_column("1"), maintain_column_froms=True)
    bounded = select(func.count()).select_from(bare.limit(EXACT_UP_TO + 1).subquery())
    number = session.scalar(bounded) or 0
    if number <= EXACT_UP_TO:
        return number, False
    return max(_estimated(session, bare), EXACT_UP_TO), True


def keyed(
    session: Session,
    statement: Select[Any],
    order: Columns,
    *,
    descending: bool = False,
    after: Sequence[Any] | None = None,
    limit: int,
    count: bool = True,
    exact_up_to: int = EXACT_UP_TO,
) -> Page[Sequence[Any]]:
    """The keys of one page of a list and the list's total. `order` ends with a unique key; `after` are its values.

    First as many rows as are counted exactly are looked for in no order, by whatever index finds them. Are there no
    more, they are the list, and its page is taken out of them. Otherwise they are common, and walking the list in its
    order meets enough of them soon. So neither a rare nor a common filter has the whole table sorted or read.
    Without `count` it is known that the list is long: all of a table that is, or words that many rows have.
    """
    names = [f"key{n}" for n in range(len(order))]
    keys = [column.label(name) for column, name in zip(order, names, strict=True)]
    bare = statement.order_by(None).with_only_columns(*keys, maintain_column_froms=True)
    estimate = None if count else _estimated(session, bare)
    if estimate is None or estimate < 2 * exact_up_to:
        hits = bare.limit(exact_up_to + 1).cte("hits").prefix_with("MATERIALIZED", dialect="postgresql")
        page = _page(select(hits), list(hits.c), descending, after, limit).subquery("page")
        number = select(func.count().label("n")).select_from(hits).subquery("counted")
        found = session.execute(
            select(*number.c, *page.c)
            .select_from(number.outerjoin(page, true()))
            .order_by(*_sorted(page.c, descending))
        ).all()
        total = found[0][0]
        if total <= exact_up_to:
            return _cut([row[1:] for row in found if row[-1] is not None], total, limit, estimate=False)
        estimate = _estimated(session, bare)
    rows = session.execute(_page(bare, list(order), descending, after, limit)).all()
    return _cut(rows, max(estimate, exact_up_to), limit, estimate=True)


def _page(
    statement: Select[Any],
    order: Columns,
    descending: bool,
    after: Sequence[Any] | None,
    limit: int,
) -> Select[Any]:
    if after is not None:
        there, given = tuple_(*order), tuple_(*(literal(value) for value in after))
        statement = statement.where(there < given if descending else there > given)
    return statement.order_by(*_sorted(order, descending)).limit(limit + 1)


def _sorted(order: Iterable[Any], descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column.asc() for column in order]


def _cut(rows: Sequence[Sequence[Any]], total: int, limit: int, *, estimate: bool) -> Page[Sequence[Any]]:
    shown = [tuple(row) for row in rows[:limit]]
    return Page(shown, total, estimate, shown[-1] if len(rows) > limit else None)


def _estimated(session: Session, bare: Select[Any]) -> int:
    plan = session.scalar(_Explained(bare))
    return int(plan[0]["Plan"]["Plan Rows"])


class _Explained(Executable, ClauseElement):
    """`EXPLAIN` of a statement, with its parameters bound as in the statement itself."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explained, "postgresql")
def _explain(element: _Explained, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"
