"""Faults that others have shipped, each planted alone (gate G4). A gate that lets one of them live proves nothing.

The numbers are those of the reliability notes. A fault whose place has two guards is planted with the other guard taken
away, as those who shipped it had none; what the database itself refuses then counts as found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal

import psycopg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session

from magflow.concurrency import locks, many_orders, run, transactions
from magflow.concurrency.transactions import UnitSession
from magflow.domain.errors import InsufficientStock
from magflow.services import checkout, dispatch, feeds, idempotency, ledger, restock
from tests.concurrency import units
from tests.gates import scenarios
from tests.gates.planting import edited, swapped

LOCK: Final = " FOR NO KEY UPDATE"
GUARD: Final = "v.status = 0 AND v.stock >= w.amount"
THERE: Final = "(SELECT s.stock FROM variants s WHERE s.id = w.variant_id)"
NO_LOCK: Final = edited(locks.LOCK_SOLD_VARIANTS, "\nORDER BY id" + LOCK, "")


@dataclass(frozen=True)
class Mutant:
    """A fault, how it is planted, and what must find it: histories, a storm, or a play of its own."""

    number: str
    what: str
    plant: Callable[[], AbstractContextManager[Any]]
    found_by: Literal["histories", "storm"] | Callable[[Any, Any], None] = "histories"

    def __str__(self) -> str:
        return f"{self.number} {self.what}"


def _unlocked_sale(*parts: tuple[str, str]) -> AbstractContextManager[Any]:
    """Sell by a statement that is edited so, with the variants not locked before."""
    statement = checkout.SELL
    for old, new in parts:
        statement = edited(statement, old, new)
    stack = contextlib.ExitStack()
    stack.enter_context(swapped(locks, LOCK_SOLD_VARIANTS=NO_LOCK))
    stack.enter_context(swapped(checkout, SELL=statement))
    return stack


def read_and_write_back() -> AbstractContextManager[Any]:
    """The stock that was read, less what is sold, is written."""
    read = f"stock = {THERE} - w.amount"
    return _unlocked_sale(("stock = v.stock - w.amount", read), (GUARD, "v.status = 0"))


def guard_by_subselect() -> AbstractContextManager[Any]:
    """Whether there is enough is asked in a sub-select."""
    return _unlocked_sale((GUARD, f"v.status = 0 AND {THERE} >= w.amount"))


def guard_by_cte() -> AbstractContextManager[Any]:
    """Whether there is enough is asked in a CTE, and there alone."""
    return _unlocked_sale((GUARD, "true"))


def order_without_lock() -> AbstractContextManager[Any]:
    """The order is read, not locked."""
    return swapped(locks, LOCK_ORDER=edited(locks.LOCK_ORDER, LOCK, ""))


@contextlib.contextmanager
def commit_what_there_is() -> Iterator[None]:
    """When a line is short, those that are not are sold all the same."""
    unit = checkout.finalize.unit

    def finalize(session: Session, command: checkout.FinalizeOrder, *, actor: Any) -> checkout.Finalized:
        try:
            return unit(session, command, actor=actor)
        except InsufficientStock as refused:
            there = {s.variant_id: -s.available for s in refused.shortages if s.available}
            if "closing" in session.info:
                run(lambda own: ledger.add(own, there, reason="adjustment"), actor)
            else:
                ledger.add(session, there, reason="adjustment")
                session.commit()
            raise

    with swapped(checkout.finalize, unit=finalize):
        yield


def input_order() -> AbstractContextManager[Any]:
    """The variants are locked in the order of the lines."""
    return swapped(
        locks,
        LOCK_SOLD_VARIANTS="SELECT v.id FROM order_items i JOIN variants v ON v.id = i.variant_id "
        "WHERE i.order_id = %(order)s AND i.stock_source = 'own' ORDER BY i.id FOR NO KEY UPDATE OF v",
    )


def whole_lock() -> AbstractContextManager[Any]:
    """Variants that are sold are locked FOR UPDATE."""
    return swapped(locks, LOCK_SOLD_VARIANTS=edited(locks.LOCK_SOLD_VARIANTS, LOCK, " FOR UPDATE"))


@contextlib.contextmanager
def stale_objects() -> Iterator[None]:
    """A locking read leaves the objects as the session knew them."""

    def keep(state: ORMExecuteState) -> None:
        state.update_execution_options(populate_existing=False)

    event.listen(UnitSession, "do_orm_execute", keep)
    try:
        yield
    finally:
        event.remove(UnitSession, "do_orm_execute", keep)


def retry_inside() -> AbstractContextManager[Any]:
    """A unit that met a deadlock goes on in its broken transaction."""

    def go_on(unit: Callable[[Session], Any], actor: Any) -> Any:
        def twice(session: Session) -> Any:
            try:
                return unit(session)
            except (DBAPIError, psycopg.Error):
                return unit(session)

        return run(twice, actor)

    return swapped(units, run=go_on)


@contextlib.contextmanager
def key_of_its_own() -> Iterator[None]:
    """The idempotency key is committed before the work is done."""
    claim = idempotency._claim

    def claimed(session: Session, row: Any) -> bool:
        return run(lambda own: claim(own, row), transactions.current(session))

    with swapped(idempotency, _claim=claimed):
        yield


@contextlib.contextmanager
def highest_id() -> Iterator[None]:
    """News is handed out behind the highest number that was seen."""
    seen = [0]

    def behind(session: Session, most: int) -> list[Any]:
        rows = transactions.execute(
            session, "SELECT id, type, payload FROM events WHERE id > %(seen)s ORDER BY id LIMIT %(most)s",
            {"seen": seen[0], "most": most},
        ).fetchall()  # fmt: skip
        seen[0] = max([seen[0], *(row[0] for row in rows)])
        return rows

    with swapped(dispatch, claim_events=behind):
        yield


def no_running_total() -> AbstractContextManager[Any]:
    """What came back before is not looked at."""
    wanted_back = restock._wanted_back

    def all_of_it(items: Any, lines: Any) -> Any:
        never: Any = [_NeverBack(item) for item in items]
        return wanted_back(never, lines)

    return swapped(restock, _wanted_back=all_of_it)


class _NeverBack:
    def __init__(self, item: Any) -> None:
        self.id, self.quantity, self.restocked_quantity = item.id, item.quantity, 0


def skip_locked() -> AbstractContextManager[Any]:
    """Stock that somebody else holds is passed over."""
    return swapped(locks, LOCK_SOLD_VARIANTS=locks.LOCK_SOLD_VARIANTS + " SKIP LOCKED")


def sorted_by_text() -> AbstractContextManager[Any]:
    """Names are locked in the order of the alphabet."""

    def lock_names(session: Session, names: Any, *, shared: Any = ()) -> None:
        for name in sorted({*names, *shared}):
            key = locks.advisory_key(*name)
            transactions.execute(session, "SELECT pg_advisory_xact_lock(%(key)s)", {"key": key})

    return swapped(scenarios, lock_names=lock_names)


def lines_not_summed() -> AbstractContextManager[Any]:
    """Two lines of one variant each count alone."""
    return swapped(checkout, SELL=edited(checkout.SELL, "sum(quantity) AS amount", "max(quantity) AS amount"))


def count_without_expected() -> AbstractContextManager[Any]:
    """A count is written whatever was sold since it was made."""
    return swapped(ledger, check_expected=lambda *_: None)


def feed_without_its_lock() -> AbstractContextManager[Any]:
    """Two records of one external id are not kept apart."""
    return swapped(feeds, lock_names=lambda *_, **__: None)


def many_orders_without_lock() -> AbstractContextManager[Any]:
    """Many orders that are confirmed together are read, not locked."""
    return swapped(many_orders, LOCK_ORDERS=edited(many_orders.LOCK_ORDERS, LOCK, ""))


def many_without_their_variants() -> AbstractContextManager[Any]:
    """What many orders sell is not locked before it is sold."""
    return swapped(many_orders, LOCK_THEIR_VARIANTS=edited(many_orders.LOCK_THEIR_VARIANTS, "\nORDER BY id" + LOCK, ""))


def many_orders_backwards() -> AbstractContextManager[Any]:
    """Many orders are locked in another order than everybody else locks them."""
    return swapped(
        many_orders, LOCK_ORDERS=edited(many_orders.LOCK_ORDERS, "ORDER BY id" + LOCK, "ORDER BY id DESC" + LOCK)
    )


MUTANTS: Final = [
    Mutant("1", "stock is read, reckoned and written back", read_and_write_back),
    Mutant("2", "guard by sub-select", guard_by_subselect),
    Mutant("3", "guard by CTE", guard_by_cte),
    Mutant("4", "order read without lock", order_without_lock),
    Mutant("5", "commit after the short line", commit_what_there_is),
    Mutant("6", "variants in the order of the lines", input_order, "storm"),
    Mutant("7", "FOR UPDATE on variants", whole_lock, scenarios.a_line_is_added_while_its_variant_is_being_sold),
    Mutant("9", "no populate_existing", stale_objects, scenarios.a_lock_shows_what_stands_now),
    Mutant("10", "retry without rollback", retry_inside, scenarios.a_deadlock_is_repeated_as_a_whole),
    Mutant("11", "idempotency key on its own", key_of_its_own, scenarios.a_key_is_free_again_when_the_work_failed),
    Mutant("12", "outbox by highest id", highest_id, scenarios.news_of_a_slow_transaction_is_handed_out),
    Mutant("15", "restock without running total", no_running_total),
    Mutant("16", "SKIP LOCKED on stock", skip_locked),
    Mutant("17", "names locked by the alphabet", sorted_by_text, scenarios.names_are_locked_by_their_numbers),
    Mutant("18", "lines of one variant not summed", lines_not_summed),
    Mutant("A", "count without the figure that was seen", count_without_expected),
    Mutant("B", "variant sync without its lock", feed_without_its_lock),
    Mutant("C", "many orders read without lock", many_orders_without_lock),
    Mutant("D", "variants of many orders not locked", many_without_their_variants),
    Mutant("E", "many orders locked backwards", many_orders_backwards, scenarios.many_orders_are_locked_by_their_ids),
]
"""8, 13 and 14 belong to imports, jobs and the inbox."""
