"""The whole concurrency policy: transactions, locks and their order, bounded waits, retries, and what errors mean.

No other module begins, commits, rolls back, locks or retries (domain, section 4; a test looks). The rules and the
measurements behind them are in the reliability notes of `docs/`:

* READ COMMITTED and explicit row locks, always taken in one order (`Level`), ascending by id inside a level.
* A lock is taken first; what it protects is read by the next statement.
* Whoever changes rows locks them `FOR NO KEY UPDATE`, so that foreign keys of others do not wait.
* A unit of work that met a deadlock runs again from its beginning, in a new transaction. It therefore changes
  nothing but the database, and keeps no object from the first run.
"""

import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from typing import Any, Concatenate, Final, Generic, NoReturn, ParamSpec, TypeVar, cast

import psycopg
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.actors import SYSTEM, Actor
from magflow.domain.errors import (
    AlreadyTaken,
    CombinationTaken,
    Conflict,
    ExternalIdTaken,
    FieldError,
    InUse,
    Invalid,
    NotFound,
    OrderNotEditable,
    OrderTaken,
    OutcomeUnknown,
    Refused,
    RetryLater,
    SkuTaken,
)
from magflow.models import BulkEdit, Order, OrderItem, Product, Variant

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Row = TypeVar("Row", BulkEdit, Product, Order, OrderItem, Variant)

MAX_RETRIES: Final = 5
MAX_RECONNECTS: Final = 1
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two runs of a unit, with full jitter, so that the same two do not meet again."""

MAX_ADVISORY_LOCKS: Final = 200
"""Per transaction: each one occupies the server's shared memory until the end."""


# --- transactions --------------------------------------------------------------------------------------------------


class UnitSession(Session):
    """The session of one unit of work; made here and nowhere else."""


class Transactional(Generic[P, R]):
    """A service as a unit of work. Called, it opens, retries and commits its own transaction; `within` joins one."""

    def __init__(self, unit: Callable[Concatenate[Session, P], R]) -> None:
        self.unit = unit
        self.__doc__ = unit.__doc__
        self.__name__ = unit.__name__
        self.__module__ = unit.__module__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        actor = kwargs.get("actor")
        return run(lambda session: self.unit(session, *args, **kwargs), actor if isinstance(actor, Actor) else SYSTEM)

    def within(self, session: Session, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, as a part of the caller's transaction."""
        return self.unit(session, *args, **kwargs)


def transactional(unit: Callable[Concatenate[Session, P], R]) -> Transactional[P, R]:
    """Make a service of a function whose first parameter is the session."""
    return Transactional(unit)


def run(unit: Callable[[Session], R], actor: Actor) -> R:
    """Run a unit of work in a transaction of its own, and again where the policy allows it.

    Raises what the unit refuses with; a named Refused for a race that a constraint decided; RetryLater when the
    database could not serve it now; OutcomeUnknown when the answer to COMMIT was lost and cannot be found out.
    """
    retries = reconnects = 0
    while True:
        session = UnitSession(db.engine, expire_on_commit=False)
        session.info["actor"] = actor
        committing = False
        try:
            result = unit(session)
            session.flush()
            committing = True
            session.commit()
            return result
        except (DBAPIError, psycopg.Error, StartAgain) as error:
            lost = _is_lost(error)
            session.invalidate() if lost else session.rollback()
            if lost and committing and _has_committed(session.info.get("transaction")):
                return result
            if lost and reconnects < MAX_RECONNECTS:
                reconnects += 1
            elif _meets_others(error) and retries < MAX_RETRIES:
                retries += 1
                log.warning("transaction repeated", extra={"sqlstate": sqlstate(error), "attempt": retries})
                # Not a wait for somebody: the two units that met must start apart from each other.
                time.sleep(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE * retries / MAX_RETRIES))  # noqa: S311
            else:
                _raise_refusal(error)
        except PoolTimeout as error:
            raise RetryLater("connections") from error
        finally:
            session.close()


class StartAgain(Exception):
    """Raised by a unit that found, under its locks, that it needs one it may no longer ask for: run it anew."""


def _meets_others(error: BaseException) -> bool:
    return isinstance(error, StartAgain) or sqlstate(error) in DEADLOCK


def _raise_refusal(error: "DBAPIError | psycopg.Error | StartAgain") -> NoReturn:
    refused = RetryLater("contention") if isinstance(error, StartAgain) else refusal(error)
    if refused is error:
        raise error
    raise refused from error


def current(session: Session) -> Actor:
    """Who the running transaction works for."""
    return cast("Actor", session.info.get("actor", SYSTEM))


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """A part that may fail alone. Its database errors arrive translated; its row locks go with its rollback."""
    held = _held(session).copy()
    try:
        with session.begin_nested():
            yield
    except (DBAPIError, psycopg.Error) as error:
        if _is_lost(error) or _meets_others(error):
            raise
        session.info["locks"] = held
        _raise_refusal(error)
    except BaseException:
        session.info["locks"] = held
        raise


class Batch:
    """Statements sent to the server together, in one network round trip; results are read after the block."""

    together = True
    """False sends them one at a time: for tests that walk through every place where others may come between."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def send(self, sql: str, parameters: Mapping[str, Any] | None = None) -> "psycopg.Cursor[Any]":
        """Queue a statement. The cursor holds its rows once the batch is over."""
        return self._connection.execute(sql, parameters, prepare=True)


@contextmanager
def batch(session: Session) -> Iterator[Batch]:
    """Send several statements at once, inside the session's transaction.

    They run one after the other, each with a snapshot of its own: a lock taken by the first is held when the second
    reads. What can only be decided after an answer belongs into the next batch.
    """
    session.flush()
    # Until here nothing may have begun: then the context travels in this round trip, not in one of its own.
    session.info["batching"] = True
    connection = _driver(session.connection())
    session.info["batching"] = False
    with connection.pipeline() if Batch.together else nullcontext():
        _declare_context(session, connection)
        yield Batch(connection)


def execute(session: Session, sql: str, parameters: Mapping[str, Any] | None = None) -> "psycopg.Cursor[Any]":
    """One set-based statement in the session's transaction, prepared by the driver."""
    with batch(session) as statements:
        return statements.send(sql, parameters)


def copy_in(session: Session, statement: str, blocks: Iterable[bytes]) -> None:
    """Load rows through COPY, in the session's transaction. The blocks may be sent again in a repeated unit."""
    session.flush()
    connection = _driver(session.connection())
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in blocks:
            copy.write(block)


def copy_out(session: Session, statement: str) -> Iterator[bytes]:
    """What a COPY … TO STDOUT answers, piece by piece, as the server sends it."""
    connection = _driver(session.connection())
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            yield bytes(block)


DECLARE_CONTEXT: Final = """
SELECT set_config('magflow.context', %(context)s, true), pg_current_xact_id()::text, now()"""


def _declare_context(session: Session, connection: "psycopg.Connection[Any]") -> None:
    """Name the actor for the triggers, and learn the transaction's id, by which a lost COMMIT is looked up."""
    if "transaction" not in session.info:
        session.info["transaction"] = connection.execute(DECLARE_CONTEXT, {"context": current(session).context})


@event.listens_for(UnitSession, "after_begin")
def _declare_before_orm_writes(session: Session, _transaction: object, connection: Connection) -> None:
    if not session.info.get("batching"):
        _declare_context(session, _driver(connection))


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


# A server that crashed may give a number anew whose transaction it had not written down; its statistics are then reset.
LOOK_UP_COMMIT: Final = text("""
SELECT pg_xact_status(CAST(:xid AS xid8)), coalesce((SELECT stats_reset > :began FROM pg_stat_bgwriter), true)""")


def _has_committed(declared: "psycopg.Cursor[Any] | None") -> bool:
    """Whether the transaction whose COMMIT got no answer took effect; False when it surely did not.

    Raises OutcomeUnknown when that cannot be found out.
    """
    row = declared.fetchone() if declared else None
    if row is None:
        return False
    asked = {"xid": row[1], "began": row[2]}
    try:
        db.engine.dispose()  # who cut this connection may have cut the idle ones too
        with db.engine.connect() as connection:
            for _ in range(50):
                status, crashed = connection.execute(LOOK_UP_COMMIT, asked).one()
                if status == "aborted":
                    return False
                if status == "committed" and not crashed:
                    return True
                if status != "in progress":
                    break
                # The server is still ending the broken session; it has nothing to notify us by.
                time.sleep(0.1)
    except SQLAlchemyError as error:
        raise OutcomeUnknown from error
    raise OutcomeUnknown


# --- what an error of the server means -----------------------------------------------------------------------------

DEADLOCK: Final = frozenset({"40001", "40P01"})
CONNECTION_ENDED: Final = frozenset({"25P03", "25P04", "57P01", "57P02", "57P03", "57P05"})

NOT_NOW: Final = {
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "53100": "disk_full",
    "53200": "memory",
    "53300": "connections",
    "40001": "serialization",
    "40P01": "deadlock",
    "25006": "read_only",
}

MEANING: Final[dict[str, Callable[[], Refused]]] = {
    "idx_unique_sku_per_product": SkuTaken,
    "idx_unique_external_sku": ExternalIdTaken,
    "idx_unique_variant_external_id": ExternalIdTaken,
    "idx_unique_active_options_per_product": CombinationTaken,
    "idx_unique_active_default_variant": CombinationTaken,
    "idx_unique_product_handle": lambda: AlreadyTaken("handle"),
    "idx_unique_order_number": lambda: AlreadyTaken("number"),
    "idx_unique_order_external_id": OrderTaken,
    "idx_unique_user_email": lambda: AlreadyTaken("email"),
    "idx_unique_option_type_name_key": lambda: AlreadyTaken("name"),
    "idx_unique_option_value_name_key": lambda: AlreadyTaken("name"),
    "uq_price_templates_name": lambda: AlreadyTaken("name"),
    "chk_variants_price_positive": lambda: invalid("price", "below_zero"),
    "chk_variants_stock_positive": lambda: invalid("stock", "below_zero"),
    "chk_variants_sku_trimmed": lambda: invalid("sku", "blank"),
    "chk_order_items_quantity_positive": lambda: invalid("quantity", "below_one"),
    "chk_order_items_restocked_at_most_sold": lambda: invalid("quantity", "more_than_sold"),
    "fk_option_value_variants_option_value_id": lambda: InUse("option value", "", "variants"),
    "fk_variants_product_id": lambda: InUse("product", "", "variants"),
}
"""A constraint that trips is a race that somebody else won, or the last line under a check that was passed."""


def invalid(field: str, code: str) -> Invalid:
    """A refusal of one field."""
    return Invalid([FieldError(field, code)])


def sqlstate(error: BaseException | None) -> str | None:
    """The server's code for an error of the driver, however it was wrapped."""
    original = getattr(error, "orig", None) or error
    return cast("str | None", getattr(original, "sqlstate", None))


def refusal(error: DBAPIError | psycopg.Error) -> Exception:
    """What a database error means to a caller; the error itself when nobody has given it a meaning."""
    state = sqlstate(error) or ""
    if _is_lost(error):
        return RetryLater("connection")
    if state in NOT_NOW:
        log.warning("database refused", extra={"sqlstate": state, "error": str(error).splitlines()[0]})
        return RetryLater(NOT_NOW[state])
    if state == "MF002":
        return OrderNotEditable(0, "confirmed")
    if state == "MF004":
        return Conflict("this status cannot follow the present one")
    if state in {"22003", "22008", "22P05", "22021"}:
        return Invalid(message="a value is outside of what can be stored")
    diagnostics = getattr(getattr(error, "orig", None) or error, "diag", None)
    name = getattr(diagnostics, "constraint_name", None)
    if name in MEANING:
        return MEANING[name]()
    return error


def _is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nothing can be asked of it any more."""
    state = sqlstate(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    original = getattr(error, "orig", None) or error
    if state is None:
        return isinstance(original, psycopg.OperationalError)
    return state.startswith("08") or state in CONNECTION_ENDED


# --- locks and their order ------------------------------------------------------------------------------------------


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


def _held(session: Session) -> Held:
    return cast("Held", session.info.setdefault("locks", Held()))


def advisory_key(*parts: str) -> int:
    """A 64-bit key for something that has no row to lock; the same for the same parts on every server version."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return int.from_bytes(digest.digest(), "big", signed=True)


LOCK_NAMES: Final = """
SELECT CASE WHEN key = ANY(%(shared)s::bigint[]) THEN pg_advisory_xact_lock_shared(key)::text
            ELSE pg_advisory_xact_lock(key)::text END
FROM (SELECT unnest(%(keys)s::bigint[]) AS key ORDER BY 1) AS ordered"""


def lock_names(session: Session, names: Iterable[Sequence[str]], *, shared: Iterable[Sequence[str]] = ()) -> None:
    """Advisory locks on names until the transaction ends, ascending by number: two names may share one.

    For what has no row yet: `("external_id", source, account, id)`, `("option_type", name)`. Of the `shared` names
    others may hold a share too, but nobody the whole: one record of a feed shares `("feed", source, account)`, a whole
    chunk of an import takes it, instead of thousands of ids.
    """
    whole = {advisory_key(*name) for name in names}
    keys = sorted(whole | (parts := {advisory_key(*name) for name in shared}))
    if len(keys) > MAX_ADVISORY_LOCKS:
        raise ValueError(f"{len(keys)} advisory locks in one transaction, at most {MAX_ADVISORY_LOCKS}: work in chunks")
    _held(session).take(Level.ADVISORY, keys)
    execute(session, LOCK_NAMES, {"keys": keys, "shared": list(parts - whole)})


def lock_product(session: Session, product_id: int) -> Product:
    """For a change of the product's options: nobody may create or re-option a variant of it meanwhile.

    `FOR UPDATE` on purpose: it is the one place where inserts that refer to the row must wait (reliability 5.3).
    """
    return _one(session, Product, product_id, Level.PRODUCT, {})


def share_product(session: Session, product_id: int) -> Product:
    """For creating or re-optioning a variant: the product's options stay as they are until the end."""
    return _one(session, Product, product_id, Level.PRODUCT, {"read": True})


def lock_products(session: Session, product_ids: Iterable[int]) -> None:
    """Many products, lowest id first: nobody may create, re-option or archive variants of them meanwhile.

    `FOR NO KEY UPDATE`: it keeps out everybody who creates variants (they take `FOR SHARE`), but not the order lines
    that refer to a product, so that a long import does not stop the tills.
    """
    wanted = sorted(set(product_ids))
    _held(session).take(Level.PRODUCT, wanted)
    execute(
        session,
        "SELECT id FROM products WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        {"ids": wanted},
    )


def lock_order(session: Session, order_id: int) -> Order:
    """The order's row. Whoever writes lines or snapshots holds it first."""
    return _one(session, Order, order_id, Level.ORDER, {"key_share": True})


def lock_items(session: Session, order_id: int) -> list[OrderItem]:
    """The lines of an order whose row the caller has locked, by id."""
    if order_id not in _held(session).keys.get(Level.ORDER, set()):
        raise LockOrderBroken(f"lines of order {order_id} without the order's lock")
    rows = session.scalars(
        select(OrderItem)
        .where(OrderItem.order_id == order_id)
        .order_by(OrderItem.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    _held(session).take(Level.ORDER_ITEM, [row.id for row in rows])
    return list(rows)


def lock_variants(session: Session, variant_ids: Iterable[int], *, whole: bool = False) -> dict[int, Variant]:
    """Lock these variants, lowest id first, and return them by id. Raises NotFound when one is missing.

    `whole` keeps out those who merely refer to a row too, for when its SKU changes or it goes: PostgreSQL would ask for
    that by itself later, and a lock that grows can meet another. For one variant only; order lines wait for it.
    """
    wanted = set(variant_ids)
    _held(session).take(Level.VARIANT, wanted)
    rows = session.scalars(
        select(Variant)
        .where(Variant.id.in_(wanted))
        .order_by(Variant.id)
        .with_for_update(key_share=not whole)  # order lines of others may still refer to it
        .execution_options(populate_existing=True)  # a lock on stale values protects nothing
    )
    locked = {variant.id: variant for variant in rows}
    if missing := wanted - locked.keys():
        raise NotFound("variant", ", ".join(map(str, sorted(missing))))
    return locked


def lock_variants_of_product(session: Session, product_id: int) -> list[Variant]:
    """All variants of a product whose row the caller has locked, by id."""
    rows = session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    _held(session).take(Level.VARIANT, [row.id for row in rows])
    return list(rows)


def lock_variant_rows(session: Session, variant_ids: Iterable[int]) -> None:
    """The same lock for thousands of variants that a statement will write without loading them."""
    wanted = sorted(set(variant_ids))
    _held(session).take(Level.VARIANT, wanted)
    execute(
        session,
        "SELECT id FROM variants WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        {"ids": wanted},
    )


def lock_variants_of_combination(session: Session, product_id: int, digest: str | None) -> list[Variant]:
    """The variants of a product that have this digest once they are locked, by id."""
    rows = session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id, Variant.options_digest.is_not_distinct_from(digest))
        .order_by(Variant.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    _held(session).take(Level.VARIANT, [row.id for row in rows])
    return list(rows)


LOCK_ORDER: Final = """
SELECT id, number, status, currency, version FROM orders WHERE id = %(order)s FOR NO KEY UPDATE"""
LOCK_ITEMS: Final = """
SELECT id FROM order_items WHERE order_id = %(order)s ORDER BY id FOR NO KEY UPDATE"""
LOCK_SOLD_VARIANTS: Final = """
SELECT id FROM variants
WHERE id IN (SELECT variant_id FROM order_items WHERE order_id = %(order)s AND stock_source = 'own')
ORDER BY id FOR NO KEY UPDATE"""


@contextmanager
def locked_for_sale(session: Session, order_id: int) -> "Iterator[tuple[psycopg.Cursor[Any], Batch]]":
    """Lock an order, its lines and the variants they take stock of: three statements, one round trip.

    Gives the cursor of the order (id, number, status, currency, version), whose row was read again after the wait for
    it, and the batch: more reads may be sent inside the block, and see what stands after the locks.
    """
    held = _held(session)
    held.take(Level.ORDER, [order_id])
    with batch(session) as statements:
        order = statements.send(LOCK_ORDER, {"order": order_id})
        items = statements.send(LOCK_ITEMS, {"order": order_id})
        variants = statements.send(LOCK_SOLD_VARIANTS, {"order": order_id})
        yield order, statements
    held.take(Level.ORDER_ITEM, [row[0] for row in items])
    held.take(Level.VARIANT, [row[0] for row in variants])


def lock_orders_with_variant(session: Session, variant_id: int) -> list[Order]:
    """Orders with a line of this variant, and those lines: before a hard delete, whose foreign keys touch them.

    Taken in the program's order; PostgreSQL's own `ON DELETE SET NULL` would take the variant first (reliability 5.2).
    """
    ids = select(OrderItem.order_id).where(OrderItem.variant_id == variant_id)
    orders = session.scalars(
        select(Order)
        .where(Order.id.in_(ids))
        .order_by(Order.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    _held(session).take(Level.ORDER, [order.id for order in orders])
    items = session.scalars(
        select(OrderItem.id)
        .where(OrderItem.variant_id == variant_id)
        .order_by(OrderItem.id)
        .with_for_update(key_share=True)
    ).all()
    _held(session).take(Level.ORDER_ITEM, items)
    return list(orders)


def claim_events(session: Session, most: int) -> list[tuple[int, str, dict[str, Any]]]:
    """The oldest events that wait and that nobody else is handing out: (id, type, payload).

    By state, never by "behind the highest id": ids become visible out of order (reliability 2.10).
    """
    rows = execute(
        session,
        "SELECT id, type, payload FROM events WHERE dispatched_at IS NULL ORDER BY id LIMIT %(most)s "
        "FOR NO KEY UPDATE SKIP LOCKED",
        {"most": most},
    ).fetchall()
    _held(session).take(Level.CLAIM, [row[0] for row in rows])
    return rows


def claim_import_chunk(session: Session, import_id: int, number: int, run: int) -> bool:
    """Take a chunk of an import; False when it was done already, or when the import was started anew since.

    Two runners of one import may meet here, after a takeover: the second waits, and then sees that nothing is left.
    """
    _held(session).take(Level.CLAIM, [number])
    row = execute(
        session,
        "SELECT c.done_at IS NULL AND i.run = %(run)s FROM import_chunks c JOIN imports i ON i.id = c.import_id "
        "WHERE c.import_id = %(import)s AND c.number = %(number)s FOR NO KEY UPDATE OF c",
        {"import": import_id, "number": number, "run": run},
    ).fetchone()
    return bool(row and row[0])


def lock_bulk_edit(session: Session, bulk_edit_id: int) -> BulkEdit:
    """A bulk edit that is about to be carried out or undone: once, however often it is asked for."""
    return _one(session, BulkEdit, bulk_edit_id, Level.CLAIM, {"key_share": True})


def _one(session: Session, model: type[Row], key: int, level: Level, how: Mapping[str, bool]) -> Row:
    _held(session).take(level, [key])
    row = session.scalars(
        select(model)
        .where(model.id == key)
        .with_for_update(read=how.get("read", False), key_share=how.get("key_share", False))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound(model.__name__.lower(), key)
    return row
