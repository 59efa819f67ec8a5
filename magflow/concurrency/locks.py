"""The locks by name. No other module writes FOR UPDATE, an advisory lock or SKIP LOCKED."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency.levels import Held, Level, LockOrderBroken, held_by
from magflow.concurrency.statements import Batch, Rows
from magflow.concurrency.transactions import done_again_after_a_crash, execute
from magflow.domain.errors import NotFound
from magflow.models import BulkEdit, Order, OrderItem, Product, Variant

Row = TypeVar("Row", BulkEdit, Product, Order, OrderItem, Variant)

MAX_ADVISORY_LOCKS: Final = 200
"""Per transaction: each one occupies the server's shared memory until the end."""


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
    held_by(session).take(Level.ADVISORY, keys)
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
    held_by(session).take(Level.PRODUCT, wanted)
    execute(
        session,
        "SELECT id FROM products WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        {"ids": wanted},
    )


SHARE_PRODUCTS_OF: Final = """
SELECT id FROM products
WHERE id = ANY (ARRAY(SELECT product_id FROM variants
                      WHERE id = ANY (%(variants)s::bigint[]) OR sku = ANY (%(skus)s::text[])
                      UNION ALL
                      SELECT product_id FROM order_items WHERE order_id = ANY (%(orders)s::bigint[])))
ORDER BY id FOR KEY SHARE"""


def refer_to_products_of(
    session: Session, *, variants: Iterable[int] = (), skus: Iterable[str] = (), orders: Iterable[int] = ()
) -> None:
    """Before lines of these variants are written, or a variant is updated twice: foreign keys will ask for its product.

    They would ask while variants are held, and a change of options holds the product while it waits for variants. The
    lock hinders nobody but that change. Variants that are not there are no matter of this function.
    """
    asked = {"variants": sorted(set(variants)), "skus": sorted(set(skus)), "orders": sorted(set(orders))}
    if any(asked.values()):
        held_by(session).take(Level.PRODUCT, [row[0] for row in execute(session, SHARE_PRODUCTS_OF, asked)])


def lock_order(session: Session, order_id: int) -> Order:
    """The order's row. Whoever writes lines or snapshots holds it first."""
    return _one(session, Order, order_id, Level.ORDER, {"key_share": True})


def lock_items(session: Session, order_id: int) -> list[OrderItem]:
    """The lines of an order whose row the caller has locked, by id."""
    if order_id not in held_by(session).keys.get(Level.ORDER, set()):
        raise LockOrderBroken(f"lines of order {order_id} without the order's lock")
    rows = session.scalars(
        select(OrderItem)
        .where(OrderItem.order_id == order_id)
        .order_by(OrderItem.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    held_by(session).take(Level.ORDER_ITEM, [row.id for row in rows])
    return list(rows)


def lock_variants(session: Session, variant_ids: Iterable[int], *, whole: bool = False) -> dict[int, Variant]:
    """Lock these variants, lowest id first, and return them by id. Raises NotFound when one is missing.

    `whole` keeps out those who merely refer to a row too, for when its SKU changes or it goes: PostgreSQL would ask for
    that by itself later, and a lock that grows can meet another. For one variant only; order lines wait for it.
    """
    wanted = set(variant_ids)
    held_by(session).take(Level.VARIANT, wanted)
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
    held_by(session).take(Level.VARIANT, [row.id for row in rows])
    return list(rows)


def lock_variant_rows(session: Session, variant_ids: Iterable[int], *, whole: bool = False) -> None:
    """The same lock for thousands of variants that a statement will write without loading them.

    `whole` as in `lock_variants`: their SKUs change.
    """
    wanted = sorted(set(variant_ids))
    held_by(session).take(Level.VARIANT, wanted)
    strength = "UPDATE" if whole else "NO KEY UPDATE"
    execute(
        session,
        f"SELECT id FROM variants WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR {strength}",  # noqa: S608
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
    held_by(session).take(Level.VARIANT, [row.id for row in rows])
    return list(rows)


def refer_to_variants(session: Session, variant_ids: Iterable[int]) -> None:
    """Before lines are written: these variants stay until the end. Raises NotFound when one is gone.

    The foreign keys would take the same locks one by one, in the order of the lines, where two could meet. They hinder
    nobody but a rename and a removal, so they are no level of the order.
    """
    wanted = set(variant_ids)
    if not wanted:
        return
    there = session.scalars(
        select(Variant.id).where(Variant.id.in_(wanted)).order_by(Variant.id).with_for_update(read=True, key_share=True)
    )
    if missing := wanted - set(there):
        raise NotFound("variant", ", ".join(map(str, sorted(missing))))


LOCK_ORDER: Final = """
SELECT id, status, version FROM orders WHERE id = %(order)s FOR NO KEY UPDATE"""
LOCK_ITEMS: Final = """
SELECT id FROM order_items WHERE order_id = %(order)s ORDER BY id FOR NO KEY UPDATE"""
# An array and not a join: after a wait for a row the server asks the whole condition again.
LOCK_SOLD_VARIANTS: Final = """
SELECT id FROM variants
WHERE id = ANY (ARRAY(SELECT variant_id FROM order_items WHERE order_id = %(order)s AND stock_source = 'own'))
ORDER BY id FOR NO KEY UPDATE"""


@dataclass(frozen=True)
class LockedForSale:
    """What was locked, readable once its batch is over."""

    order: Rows
    """(id, status, version), or nothing; read again after the wait for the row."""
    items: Rows
    variants: Rows
    held: Held

    def note(self) -> None:
        """Remember the locks, for the check of their order."""
        self.held.take(Level.ORDER_ITEM, [row[0] for row in self.items])
        self.held.take(Level.VARIANT, [row[0] for row in self.variants])


def lock_for_sale(session: Session, statements: Batch, order_id: int) -> LockedForSale:
    """Lock an order, its lines and the variants they take stock of: three statements in the caller's batch.

    What is sent behind them sees what stands after the locks.
    """
    held = held_by(session)
    held.take(Level.ORDER, [order_id])
    asked = {"order": order_id}
    order = statements.send(LOCK_ORDER, asked)
    items = statements.send(LOCK_ITEMS, asked)
    return LockedForSale(order, items, statements.send(LOCK_SOLD_VARIANTS, asked), held)


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
    held_by(session).take(Level.ORDER, [order.id for order in orders])
    items = session.scalars(
        select(OrderItem.id)
        .where(OrderItem.variant_id == variant_id)
        .order_by(OrderItem.id)
        .with_for_update(key_share=True)
    ).all()
    held_by(session).take(Level.ORDER_ITEM, items)
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
    held_by(session).take(Level.CLAIM, [row[0] for row in rows])
    return rows


def claim_import_chunk(session: Session, import_id: int, number: int, run: int) -> bool:
    """Take a chunk of an import; False when it was done already, or when the import was started anew since.

    Two runners of one import may meet here, after a takeover: the second waits, and then sees that nothing is left.
    """
    held_by(session).take(Level.CLAIM, [number])
    done_again_after_a_crash(session)  # with its mark: both are there afterwards, or neither
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
    held_by(session).take(level, [key])
    row = session.scalars(
        select(model)
        .where(model.id == key)
        .with_for_update(read=how.get("read", False), key_share=how.get("key_share", False))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound(model.__name__.lower(), key)
    return row
