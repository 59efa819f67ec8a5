"""Short plays about one promise each. They raise AssertionError when the promise is broken.

Tests play them; the mutants are played against them too, and must make them fail.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import advisory_key, execute, lock_names, lock_variants, run
from magflow.db import db
from magflow.domain.errors import RetryLater
from magflow.models import Variant
from magflow.services import checkout, checkout_in_bulk, dispatch, events, idempotency, orders, stock
from tests.concurrency.units import ACTOR, Unit, one
from tests.shop import make_order, make_variant

Admin = psycopg.Connection[Any]
_numbers = itertools.count(1)


def side_by_side(app: Flask, *acts: Callable[[], Any]) -> list[Any]:
    """Run these at once, each in a thread with a context of its own; their results, or what they raised."""
    results: list[Any] = [None] * len(acts)

    def start(n: int) -> None:
        with app.app_context():
            try:
                results[n] = acts[n]()
            except Exception as raised:  # noqa: BLE001 - an outcome like any other; the caller looks at it
                results[n] = raised
            finally:
                db.session.remove()

    threads = [threading.Thread(target=start, args=(n,)) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def a_deadlock_is_repeated_as_a_whole(app: Flask, admin: Admin) -> None:
    """Two units lock two rows in opposite order. Both take effect once, and nobody hears of it."""
    first, second = make_variant().id, make_variant().id
    key = f"deadlock.{next(_numbers)}"
    met = threading.Barrier(2)

    def in_order(*ids: int) -> Callable[[Session, int], None]:
        def then(session: Session, number: int) -> None:
            for n, variant in enumerate(ids):
                execute(session, "UPDATE variants SET title = 'a' WHERE id = %(id)s", {"id": variant})
                if n == 0 and number == 1:
                    met.wait(10)

        return then

    units = [Unit(f"{key}.a", in_order(first, second)), Unit(f"{key}.b", in_order(second, first))]
    ended = side_by_side(app, *(unit.start for unit in units))
    assert sorted(unit.runs for unit in units) == [1, 2], f"{[u.runs for u in units]} runs, ended {ended}"
    repeated = max(units, key=lambda unit: unit.runs)
    assert ended[units.index(repeated)] == "run 2", f"the repeated unit ended with {ended}"
    assert len(set(repeated.transactions)) == 2, "the unit was repeated inside the broken transaction"
    done = admin.execute("SELECT value #>> '{}' FROM settings WHERE key LIKE %s", [f"{key}.%"]).fetchall()
    assert done == [("1",), ("1",)], f"each counts once: {done}"


def a_lock_shows_what_stands_now(app: Flask, admin: Admin) -> None:
    """A row that the session had read before somebody changed it is locked: what is seen is the change."""
    variant = make_variant(stock=5)

    def unit(session: Session) -> int:
        before = session.scalars(select(Variant).where(Variant.id == variant.id)).one()
        assert before.stock == 5
        side_by_side(app, lambda: stock.adjust(stock.AdjustStock(variant.id, "sold", delta=-4), actor=ACTOR))
        return lock_variants(session, [variant.id])[variant.id].stock

    seen = run(unit, ACTOR)
    assert seen == 1, f"the lock showed stock {seen}, there is 1"


def a_line_is_added_while_its_variant_is_being_sold(app: Flask, admin: Admin) -> None:
    """A basket is filled while another order of the same variant is being finalized: it does not wait."""
    variant = make_variant(stock=5)
    order, other = make_order((variant, 1)), make_order()

    def sell_and_wait(session: Session) -> list[Any]:
        checkout.finalize.within(session, checkout.FinalizeOrder(order.id), actor=ACTOR)
        command = orders.AddItem(other.id, orders.NewItem(1, variant_id=variant.id))
        return side_by_side(app, lambda: _in_no_time(lambda s: orders.add_item.within(s, command, actor=ACTOR)))

    [added] = run(sell_and_wait, ACTOR)
    assert not isinstance(added, Exception), f"adding the line ended with {added!r}"


def _in_no_time(unit: Callable[[Session], Any]) -> Any:
    def impatient(session: Session) -> Any:
        execute(session, "SET LOCAL lock_timeout = '200ms'")
        return unit(session)

    return run(impatient, ACTOR)


def names_are_locked_by_their_numbers(app: Flask, admin: Admin) -> None:
    """Somebody holds the middle one of several names; who wants them all has those below it, and none above."""
    names = sorted((("gate", str(n)) for n in range(12)), key=lambda name: advisory_key(*name))
    middle = 6
    assert [name for name in names if name < names[middle]] != names[:middle], "the text's order must be another"
    asked = threading.Event()

    def wants_all(session: Session) -> None:
        execute(session, "SET LOCAL lock_timeout = '300ms'")
        asked.pid = one(session, "SELECT pg_backend_pid()")[0]  # type: ignore[attr-defined]
        asked.set()
        lock_names(session, names)

    with psycopg.connect(admin.info.dsn, password=admin.info.password) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_key(*names[middle])])
        held: list[set[int]] = []

        def look() -> None:
            asked.wait(10)
            while not admin.execute("SELECT pg_blocking_pids(%s)", [asked.pid]).fetchone()[0]:  # type: ignore[attr-defined,index]
                pass
            rows = admin.execute(
                "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid = %s AND granted",
                [asked.pid],  # type: ignore[attr-defined]
            )
            held.append({_signed(int(row[0])) for row in rows})

        [ended, _] = side_by_side(app, lambda: run(wants_all, ACTOR), look)
    assert isinstance(ended, RetryLater), f"ended with {ended!r}"
    assert held == [{advisory_key(*name) for name in names[:middle]}], "not those below, and only those"


def many_orders_are_locked_by_their_ids(app: Flask, admin: Admin) -> None:
    """Somebody holds the lower of two orders; who confirms both waits for it, and does not hold the other meanwhile."""
    mug = make_variant(stock=2)
    low, high = make_order((mug, 1)), make_order((mug, 1))
    begun = threading.Event()
    pids: list[int] = []
    free: list[int] = []

    def confirm_both(session: Session) -> list[checkout_in_bulk.Outcome]:
        pids.append(one(session, "SELECT pg_backend_pid()")[0])
        begun.set()
        command = checkout_in_bulk.FinalizeOrders([high.id, low.id])
        return checkout_in_bulk.finalize_many.within(session, command, actor=ACTOR)

    with psycopg.connect(admin.info.dsn, password=admin.info.password) as holder:
        holder.execute("SELECT FROM orders WHERE id = %s FOR NO KEY UPDATE", [low.id])

        def look() -> None:
            begun.wait(10)
            while not admin.execute("SELECT pg_blocking_pids(%s)", [pids[0]]).fetchone()[0]:  # type: ignore[index]
                pass
            held = "SELECT id FROM orders WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"
            free.extend(row[0] for row in admin.execute(held, [high.id]))
            holder.rollback()

        [ended, _] = side_by_side(app, lambda: run(confirm_both, ACTOR), look)
    assert free == [high.id], "the higher order was held while the lower one was waited for"
    assert [outcome.refused for outcome in ended] == [None, None], f"ended with {ended!r}"


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def a_key_is_free_again_when_the_work_failed(app: Flask, admin: Admin) -> None:
    """The first call breaks after its key was written: the second is not told that the first is done, or running."""
    key = f"intention-{next(_numbers)}"

    def request(work: Callable[[Session], idempotency.Answer]) -> idempotency.KeyedRequest:
        answer = idempotency.Answer(409, b"no", {})
        return idempotency.KeyedRequest("POST", "/gate", key, b"hash", work, lambda _refused: answer)

    def breaks(session: Session) -> idempotency.Answer:
        raise ZeroDivisionError

    [first] = side_by_side(app, lambda: idempotency.once(request(breaks), actor=ACTOR))
    assert isinstance(first, ZeroDivisionError), f"the first call ended with {first!r}"
    done = idempotency.Answer(200, b"done", {})
    [second] = side_by_side(app, lambda: idempotency.once(request(lambda _session: done), actor=ACTOR))
    assert second == done, f"the second call ended with {second!r}"


def news_of_a_slow_transaction_is_handed_out(app: Flask, admin: Admin) -> None:
    """An event gets its number, another one after it is committed and handed out, then the first one is committed."""
    told: list[str] = []
    kind = f"gate.{next(_numbers)}"
    subscribers = {kind: [lambda _session, _kind, payload: told.append(payload["which"])]}

    def slow(session: Session) -> None:
        events.publish(session, kind, which="slow")
        side_by_side(app, lambda: run(lambda s: events.publish(s, kind, which="fast"), ACTOR))
        side_by_side(app, hand_out)

    def hand_out() -> None:
        while dispatch.hand_out(subscribers, actor=ACTOR) == dispatch.BATCH:
            pass

    run(slow, ACTOR)
    hand_out()
    assert told == ["fast", "slow"], f"handed out: {told}"
