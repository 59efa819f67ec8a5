"""The operations of a history: each calls a service and says in the model's words what it answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text

from magflow.db import db
from magflow.domain import errors
from magflow.domain.actors import Actor
from magflow.services import checkout, checkout_in_bulk, feeds, order_split, orders, restock, stock, variants
from tests.gates import model
from tests.gates.model import Answer, Outcome, Shop

ACTOR: Final = Actor(kind="user", name="gate", door="admin")
SOURCE, ACCOUNT = "feed", "gate"


@dataclass(frozen=True)
class Operation:
    """One call: the model's function of this name, and its arguments."""

    name: str
    args: tuple[Any, ...]

    def run(self) -> Answer:
        """Call the service. A refusal is an answer; what is no answer of ours comes back as ("fault", what it was)."""
        try:
            return CALLS[self.name](*self.args)
        except errors.Refused as refused:
            return in_words(refused)
        except Exception as fault:  # noqa: BLE001 - a history records whatever came
            return ("fault", type(fault).__name__, str(fault).splitlines()[0][:200])

    def apply(self, shop: Shop, seen: Answer | None) -> Outcome:
        """What the model answers here, and the shop afterwards. New ids are taken from the answer that was seen."""
        extra: tuple[Any, ...] = ()
        if self.name == "split":
            done = seen if seen and seen[0] == "ok" else ("ok", -1, ())
            extra = (done[1], tuple(id_ for id_, _ in done[2]))
        elif self.name in NAMES_NEW_ROWS:
            extra = (seen[1] if seen and len(seen) > 1 and isinstance(seen[1], int) else -1,)
        apply: model.Apply = getattr(model, self.name)
        return apply(shop, *self.args, *extra)

    def __str__(self) -> str:
        return f"{self.name}{self.args}"


NAMES_NEW_ROWS: Final = frozenset({"sync", "add_item"})


def in_words(refused: errors.Refused) -> Answer:
    """A refusal as the model says it."""
    for kind, words in WORDS:
        if isinstance(refused, kind):
            return words(refused)
    return ("fault", type(refused).__name__, str(refused))


def _shortages(refused: errors.InsufficientStock) -> Answer:
    return ("insufficient_stock", tuple(sorted((s.variant_id, s.wanted, s.available) for s in refused.shortages)))


WORDS: Final[list[tuple[type[errors.Refused], Callable[[Any], Answer]]]] = [
    (errors.AlreadyFinalized, lambda r: ("already_finalized", r.order_status)),
    (errors.OrderNotEditable, lambda r: ("order_not_editable", r.order_status)),
    (errors.EmptyOrder, lambda _: ("empty_order",)),
    (errors.VariantUnavailable, lambda r: ("variant_unavailable", tuple(sorted(v["item_id"] for v in r.variants)))),
    (errors.InsufficientStock, _shortages),
    (errors.StatusMoveRefused, lambda r: ("status_move_refused", r.was)),
    (errors.OverRestock, lambda r: ("over_restock", r.item_id, r.asked, r.returnable)),
    (errors.StaleVersion, lambda r: ("stale_version", r.current)),
    (errors.ProductMismatch, lambda r: ("product_mismatch", r.mapped_product_id)),
    (errors.CombinationTaken, lambda r: ("taken", r.winner_id)),
    (errors.InvalidOptions, lambda _: ("invalid_options",)),
    (errors.Invalid, lambda r: ("invalid", r.errors[0].code)),
    (errors.InUse, lambda _: ("in_use",)),
    (errors.NotFound, lambda _: ("not_found",)),
    (errors.RetryLater, lambda r: ("retry_later", r.cause)),
]
"""The first that fits."""


def _finalize(order: int) -> Answer:
    done = checkout.finalize(checkout.FinalizeOrder(order), actor=ACTOR)
    return ("ok", int(done.order.total_gross * 100))


def _cancel(order: int) -> Answer:
    done = restock.cancel(restock.CancelOrder(order), actor=ACTOR)
    return ("ok", tuple(sorted(done.returned.items())))


def _restock(order: int, line: int, units: int) -> Answer:
    command = restock.RestockOrder(order, "gate", [restock.RestockLine(line, units)])
    return ("ok", tuple(sorted(restock.restock(command, actor=ACTOR).returned.items())))


def _write_off(order: int, line: int, units: int) -> Answer:
    command = restock.RestockOrder(order, "gate", [restock.RestockLine(line, units)], to_stock=False, write_off="lost")
    return ("ok", tuple(sorted(restock.restock(command, actor=ACTOR).returned.items())))


def _finalize_many(order_ids: tuple[int, ...]) -> Answer:
    command = checkout_in_bulk.FinalizeOrders(order_ids)
    done = checkout_in_bulk.finalize_many(command, actor=ACTOR)
    return ("ok", tuple(_one_of_many(outcome) for outcome in done))


def _one_of_many(outcome: checkout_in_bulk.Outcome) -> Answer:
    if outcome.refused is not None:
        return in_words(outcome.refused)
    if outcome.done is None:
        raise AssertionError("an order is confirmed or refused")
    return ("ok", int(outcome.done.order.total_gross * 100))


def _reprice(variant: int, price: int) -> Answer:
    variants.edit(variants.EditVariant(variant, {"price": Decimal(price) / 100}), actor=ACTOR)
    return ("ok",)


def _adjust(variant: int, delta: int) -> Answer:
    return ("ok", stock.adjust(stock.AdjustStock(variant, "gate", delta=delta), actor=ACTOR).stock)


def _count(variant: int, found: int, expected: int) -> Answer:
    command = stock.AdjustStock(variant, "gate", set_to=found, expected=expected)
    return ("ok", stock.adjust(command, actor=ACTOR).stock)


def _set_active(variant: int, active: bool) -> Answer:
    return ("ok", variants.set_active(variant, active, actor=ACTOR).status == variants.ACTIVE)


def _sync(external_id: str, product: int, price: int, units: int) -> Answer:
    record = feeds.FeedRecord(SOURCE, ACCOUNT, external_id, product, price=Decimal(price) / 100, stock=units)
    done = feeds.sync_variant(record, actor=ACTOR)
    return (done.outcome, done.variant.id, done.variant.stock)


def _add_item(order: int, variant: int, quantity: int) -> Answer:
    command = orders.AddItem(order, orders.NewItem(quantity, variant_id=variant))
    return _line_answer(orders.add_item(command, actor=ACTOR))


def _change_variant(order: int, line: int, variant: int) -> Answer:
    return _line_answer(orders.change_item_variant(orders.ChangeItemVariant(order, line, variant), actor=ACTOR))


def _line_answer(change: orders.ItemChange) -> Answer:
    return (change.action, change.item.id if change.item else None, change.item.quantity if change.item else 0)


def _delete(variant: int) -> Answer:
    variants.delete_for_good(variant, actor=ACTOR)
    return ("ok",)


def _split(order: int) -> Answer:
    rest = order_split.split(order_split.SplitOrder(order), actor=ACTOR).rest.id
    lines = text("SELECT id, quantity FROM order_items WHERE order_id = :order ORDER BY id")
    with db.engine.connect() as connection:
        return ("ok", rest, tuple((row[0], row[1]) for row in connection.execute(lines, {"order": rest})))


READ: Final = text("""
SELECT 'v', id, stock, NULL, status = 0 FROM variants WHERE id = ANY(:variants)
UNION ALL
SELECT 'o', id, (SELECT coalesce(sum(quantity), 0) FROM order_items i WHERE i.order_id = o.id), status, NULL
FROM orders o WHERE id = ANY(:orders)
ORDER BY 1, 2""")


def _read(variant_ids: tuple[int, ...], order_ids: tuple[int, ...]) -> Answer:
    with db.engine.connect() as connection:
        rows = connection.execute(READ, {"variants": list(variant_ids), "orders": list(order_ids)}).all()
    shown = tuple((r[1], r[2], r[4]) for r in rows if r[0] == "v")
    return ("ok", shown, tuple((r[1], r[3], r[2]) for r in rows if r[0] == "o"))


CALLS: Final[Mapping[str, Callable[..., Answer]]] = {
    "finalize": _finalize,
    "cancel": _cancel,
    "restock": _restock,
    "write_off": _write_off,
    "finalize_many": _finalize_many,
    "reprice": _reprice,
    "adjust": _adjust,
    "count": _count,
    "set_active": _set_active,
    "sync": _sync,
    "add_item": _add_item,
    "change_variant": _change_variant,
    "delete": _delete,
    "split": _split,
    "read": _read,
}
