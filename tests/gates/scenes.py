"""A small shop for two operations that meet in every possible way, and what it looks like afterwards.

    product  Mug, option Color with Red and Blue        variants  red (active, 1), blue (active, 2)
    orders   first: red x 1, blue x 1 (pending)         second: red x 1 (pending)         sold: red x 1 (confirmed)
    transfer three red, on the road from the marketplace's warehouse to ours

`lean`: the first order has no red line, so that only `second` and `sold` refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import psycopg

from magflow.domain import errors
from magflow.services import checkout, checkout_in_bulk, feeds, orders, products, restock, stock, variants
from magflow.services.options import OptionInput
from magflow.services.stock_sync import transfers
from tests.gates.operations import ACCOUNT, ACTOR, SOURCE, in_words

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Scene:
    """The ids of one laid out scene."""

    product: int
    red: int
    blue: int
    values: dict[str, int]
    first: int
    first_line: int
    second: int
    sold: int
    sold_line: int
    transfer: int
    lean: bool


def lay_out(connection: Connection, *, lean: bool) -> Scene:
    """One scene. What can be written directly is; the sold order went through the service."""
    with connection.transaction():
        [product] = _ids(
            connection, "INSERT INTO products (name, handle) VALUES ('Mug', gen_random_uuid()) RETURNING id"
        )
        values = _values(connection, product)
        red, blue = _ids(
            connection,
            "INSERT INTO variants (product_id, sku, price, stock, status, options_digest) "
            "SELECT %s, sku, price, 2, 0, digest "
            "FROM (VALUES ('RED', 5, %s), ('BLUE', 7, %s)) AS v (sku, price, digest) RETURNING id",
            [product, str(values["Red"]), str(values["Blue"])],
        )
        connection.execute(
            "INSERT INTO option_value_variants (variant_id, option_value_id) VALUES (%s, %s), (%s, %s)",
            [red, values["Red"], blue, values["Blue"]],
        )
        connection.execute(
            "INSERT INTO variant_external_ids (variant_id, source, source_account, external_id) "
            "VALUES (%s, %s, %s, %s)",
            [red, SOURCE, ACCOUNT, f"red-{red}"],
        )
        first, second, sold = _ids(
            connection,
            "INSERT INTO orders (number) SELECT gen_random_uuid() FROM generate_series(1, 3) RETURNING id",
        )
        lines = [(second, red), (sold, red), (first, blue if lean else red), *([] if lean else [(first, blue)])]
        ids = _ids(
            connection,
            "INSERT INTO order_items (order_id, variant_id, product_id, quantity) "
            "SELECT o, v, %s, 1 FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY l (o, v, n) ORDER BY n "
            "RETURNING id",
            [product, [o for o, _ in lines], [v for _, v in lines]],
        )
        transfer = _on_the_road(connection, red)
    checkout.finalize(checkout.FinalizeOrder(sold), actor=ACTOR)
    return Scene(product, red, blue, values, first, ids[2], second, sold, ids[1], transfer, lean)


def _on_the_road(connection: Connection, variant: int) -> int:
    for code, fulfilment in (("fbe", "marketplace"), ("main", "seller")):
        connection.execute(
            "INSERT INTO marketplace_accounts (source, code, fulfilment) SELECT 'gate', %s, %s "
            "WHERE NOT EXISTS (SELECT FROM marketplace_accounts WHERE source = 'gate' AND code = %s)",
            [code, fulfilment, code],
        )
    [transfer] = _ids(
        connection,
        "INSERT INTO transfers (variant_id, sku, from_account_id, to_account_id, kind, amount, state, stage, "
        "stock_before, created_by) SELECT %s, 'RED', f.id, m.id, 'shipment', 3, 'running', 'in_transit', '{}', 'gate' "
        "FROM marketplace_accounts f, marketplace_accounts m "
        "WHERE f.source = 'gate' AND f.code = 'fbe' AND m.source = 'gate' AND m.code = 'main' RETURNING id",
        [variant],
    )
    return transfer


def _ids(connection: Connection, statement: str, parameters: Iterable[Any] = ()) -> list[int]:
    return [int(row[0]) for row in connection.execute(statement, list(parameters)).fetchall()]


def _values(connection: Connection, product: int) -> dict[str, int]:
    """Color with Red, Blue and Green; Size with Small. The product uses Color."""
    for name, values in (("Color", ("Red", "Blue", "Green")), ("Size", ("Small",))):
        connection.execute(
            "INSERT INTO option_types (name, name_key, presentation) VALUES (%s, lower(%s), %s) ON CONFLICT DO NOTHING",
            [name, name, name],
        )
        connection.execute(
            "INSERT INTO option_values (option_type_id, name, name_key, presentation) "
            "SELECT t.id, v, lower(v), v FROM option_types t, unnest(%s::text[]) v WHERE t.name = %s "
            "ON CONFLICT DO NOTHING",
            [list(values), name],
        )
    found = {str(row[0]): int(row[1]) for row in connection.execute("SELECT name, id FROM option_values")}
    connection.execute(
        "INSERT INTO product_option_types (product_id, option_type_id) "
        "SELECT %s, id FROM option_types WHERE name = 'Color'",
        [product],
    )
    connection.execute(
        "INSERT INTO product_option_values (product_id, option_value_id) SELECT %s, id FROM option_values "
        "WHERE name IN ('Red', 'Blue', 'Green')",
        [product],
    )
    return found


# --- what may be done ------------------------------------------------------------------------------------------------


def _finalize(scene: Scene, other: bool) -> Any:
    checkout.finalize(checkout.FinalizeOrder(scene.second if other else scene.first), actor=ACTOR)
    return "confirmed"


def _finalize_same(scene: Scene, other: bool) -> Any:
    return _finalize(scene, True)


def _finalize_many(scene: Scene, other: bool) -> Any:
    """Both pending orders, in either order."""
    wanted = [scene.second, scene.first] if other else [scene.first, scene.second]
    done = checkout_in_bulk.finalize_many(checkout_in_bulk.FinalizeOrders(wanted), actor=ACTOR)
    said = {outcome.order_id: outcome.refused.code if outcome.refused else "confirmed" for outcome in done}
    return (said[scene.first], said[scene.second])


def _reprice(scene: Scene, other: bool) -> Any:
    variants.edit(variants.EditVariant(scene.red, {"price": Decimal(9 if other else 8)}), actor=ACTOR)
    return "repriced"


def _cancel(scene: Scene, other: bool) -> Any:
    done = restock.cancel(restock.CancelOrder(scene.second if other else scene.sold), actor=ACTOR)
    return sum(done.returned.values())


def _restock(scene: Scene, other: bool) -> Any:
    command = restock.RestockOrder(scene.sold, "back", [restock.RestockLine(scene.sold_line, 1)])
    return sum(restock.restock(command, actor=ACTOR).returned.values())


def _add_item(scene: Scene, other: bool) -> Any:
    order = scene.second if other else scene.first
    done = orders.add_item(orders.AddItem(order, orders.NewItem(2, variant_id=scene.red)), actor=ACTOR)
    return (done.action, done.item.quantity if done.item else 0)


def _change_variant(scene: Scene, other: bool) -> Any:
    """The two lines become one; where there is only a blue one, it becomes red."""
    command = orders.ChangeItemVariant(scene.first, scene.first_line, scene.red if scene.lean else scene.blue)
    done = orders.change_item_variant(command, actor=ACTOR)
    return (done.action, done.item.quantity if done.item else 0)


def _count(scene: Scene, other: bool) -> Any:
    command = stock.AdjustStock(scene.red, "count", set_to=5 if other else 4, expected=1)
    return stock.adjust(command, actor=ACTOR).stock


def _sync(scene: Scene, other: bool) -> Any:
    record = feeds.FeedRecord(
        SOURCE, ACCOUNT, f"red-{scene.red}", scene.product, price=Decimal(9 if other else 8), stock=3 if other else 2
    )
    done = feeds.sync_variant(record, actor=ACTOR)
    return (done.outcome, done.variant.stock, done.variant.price)


def _create(scene: Scene, other: bool) -> Any:
    command = variants.NewVariant(scene.product, [scene.values["Green"]], {"sku": "GREEN", "stock": 1})
    return variants.create_or_reactivate(command, actor=ACTOR).outcome


def _options(scene: Scene, other: bool) -> Any:
    """One side adds Size; the other takes Color away, so that red and blue become one combination."""
    color, size = OptionInput("Color", ("Red", "Blue", "Green")), OptionInput("Size", ("Small",))
    command = products.SetOptions(scene.product, [size] if other else [color, size])
    done = products.set_options(command, actor=ACTOR)
    return (len(done.deactivated), len(done.incomplete))


def _receive(scene: Scene, other: bool) -> Any:
    """One, or two in all, of the three that are on the road."""
    done = transfers.receive(transfers.Receive(scene.transfer, 2 if other else 1, final=False), actor=ACTOR)
    return (done.received, done.state)


def _delete(scene: Scene, other: bool) -> Any:
    variants.delete_for_good(scene.red, actor=ACTOR)
    return "gone"


DEEDS: Final[dict[str, Callable[[Scene, bool], Any]]] = {
    "finalize": _finalize,
    "finalize the same order": _finalize_same,
    "finalize many": _finalize_many,
    "price change": _reprice,
    "cancel": _cancel,
    "restock": _restock,
    "add item": _add_item,
    "change line's variant": _change_variant,
    "count": _count,
    "variant sync": _sync,
    "create variant": _create,
    "change product options": _options,
    "hard delete": _delete,
    "transfer receipt": _receive,
}


def act(scene: Scene, deed: str, *, other: bool) -> Callable[[], Any]:
    """A deed as a session's act: its answer, or its refusal in words. `other`: as the second of two."""

    def run() -> Any:
        try:
            return ("ok", DEEDS[deed](scene, other))
        except errors.Refused as refused:
            return in_words(refused)[:1]

    return run


# --- what it looks like afterwards -----------------------------------------------------------------------------------

VIEW: Final = """
SELECT 'variant', v.sku, v.stock, v.status, v.price::text,
       (SELECT string_agg(o.name, ',' ORDER BY o.id) FROM option_values o
        WHERE o.id::text = ANY(string_to_array(v.options_digest, '-')))
FROM variants v WHERE v.product_id = %(product)s
UNION ALL
SELECT 'options', t.name, NULL, NULL, NULL, NULL
FROM product_option_types p JOIN option_types t ON t.id = p.option_type_id WHERE p.product_id = %(product)s
UNION ALL
SELECT 'order', o.n::text, i.quantity, i.restocked_quantity, coalesce(i.unit_price::text, '-'),
       o.status || ' ' || coalesce(v.sku, 'gone') || ' ' || coalesce(i.variant_sku, '-')
FROM (SELECT row_number() OVER (ORDER BY id) AS n, id, status FROM orders WHERE id = ANY(%(orders)s)) o
LEFT JOIN order_items i ON i.order_id = o.id LEFT JOIN variants v ON v.id = i.variant_id
UNION ALL
SELECT 'movement', m.sku, m.seq::int, m.delta, m.balance_after::text, m.reason
FROM stock_movements m WHERE m.variant_id IN (%(red)s, %(blue)s)
UNION ALL
SELECT 'transfer', t.stage, t.received, t.version, NULL, t.state FROM transfers t WHERE t.id = %(transfer)s
UNION ALL
SELECT 'mapped', v.sku, NULL, NULL, NULL, NULL
FROM variant_external_ids x JOIN variants v ON v.id = x.variant_id WHERE v.product_id = %(product)s
ORDER BY 1, 2, 3, 4, 5, 6"""


def view(connection: Connection, scene: Scene) -> tuple[Any, ...]:
    """Everything that the deeds can change, by names instead of ids."""
    rows = connection.execute(
        VIEW,
        {
            "product": scene.product,
            "orders": [scene.first, scene.second, scene.sold],
            "red": scene.red,
            "blue": scene.blue,
            "transfer": scene.transfer,
        },
    ).fetchall()
    return tuple(rows)
