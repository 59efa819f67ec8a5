"""The locks of a sale for many orders at once: products, orders, lines, variants, each by id."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency.levels import Level, held_by
from magflow.concurrency.statements import Rows
from magflow.concurrency.transactions import StartAgain, batch

# A variant that two of the orders sell is updated twice, and at the second time the server asks its foreign key again:
# it would then want the product while it holds variants. The lock hinders nobody but a change of the product's options.
SHARE_THEIR_PRODUCTS: Final = """
SELECT id FROM products
WHERE id = ANY (ARRAY(SELECT v.product_id FROM order_items i JOIN variants v ON v.id = i.variant_id
                      WHERE i.order_id = ANY (%(orders)s::bigint[]) AND i.stock_source = 'own'))
ORDER BY id FOR KEY SHARE"""
LOCK_ORDERS: Final = """
SELECT id, status, version FROM orders WHERE id = ANY (%(orders)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"""
LOCK_THEIR_ITEMS: Final = """
SELECT id FROM order_items WHERE order_id = ANY (%(orders)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"""
LOCK_THEIR_VARIANTS: Final = """
SELECT id, product_id FROM variants
WHERE id = ANY (ARRAY(SELECT variant_id FROM order_items
                      WHERE order_id = ANY (%(orders)s::bigint[]) AND stock_source = 'own'))
ORDER BY id FOR NO KEY UPDATE"""


def lock_for_sales(session: Session, order_ids: Iterable[int]) -> Rows:
    """Lock all that these orders sell, in a packet of its own; gives the orders' rows (id, status, version).

    A line that came while the locks were waited for may name a product that is not shared; then the unit starts anew.
    """
    held = held_by(session)
    wanted = sorted(set(order_ids))
    held.take(Level.ORDER, wanted)
    asked = {"orders": wanted}
    with batch(session) as statements:
        products = statements.send(SHARE_THEIR_PRODUCTS, asked)
        orders = statements.send(LOCK_ORDERS, asked)
        items = statements.send(LOCK_THEIR_ITEMS, asked)
        variants = statements.send(LOCK_THEIR_VARIANTS, asked)
    rows = variants.fetchall()
    held.take(Level.ORDER_ITEM, [row[0] for row in items])
    held.take(Level.VARIANT, [row[0] for row in rows])
    if {row[1] for row in rows} - {row[0] for row in products}:
        raise StartAgain
    return orders
