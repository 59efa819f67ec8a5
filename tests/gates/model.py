"""The shop in a few lines of plain Python: what each operation answers, and what it leaves behind, one at a time.

The checker of histories tries orders of operations against this. It knows nothing of SQL, locks or the services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

Answer = tuple[Any, ...]

UNKNOWN: Final = None
"""The answer of a call whose outcome nobody learnt: it may have happened or not."""


class Variant(NamedTuple):
    """A default variant of a product; `price` in cents."""

    id: int
    product: int
    stock: int
    active: bool
    price: int


class Line(NamedTuple):
    id: int
    variant: int
    quantity: int
    back: int = 0


class Order(NamedTuple):
    id: int
    status: str
    lines: tuple[Line, ...]
    sold: bool = False
    """Whether it was confirmed at some time."""


class Shop(NamedTuple):
    """Everything that a history can change; tuples ordered by id, so that equal shops are equal values."""

    variants: tuple[Variant, ...]
    orders: tuple[Order, ...]
    mapped: tuple[tuple[str, int], ...] = ()

    def variant(self, key: int) -> Variant:
        """One variant by id."""
        return next(v for v in self.variants if v.id == key)

    def order(self, key: int) -> Order:
        """One order by id."""
        return next(o for o in self.orders if o.id == key)

    def with_variants(self, *changed: Variant) -> Shop:
        """The same with these variants in place of those of the same id, or beside them."""
        kept = {v.id: v for v in self.variants} | {v.id: v for v in changed}
        return self._replace(variants=tuple(kept[key] for key in sorted(kept)))

    def with_order(self, changed: Order) -> Shop:
        """The same with this order in place of the one of the same id; its lines by id."""
        changed = changed._replace(lines=tuple(sorted(changed.lines)))
        return self._replace(orders=tuple(changed if o.id == changed.id else o for o in self.orders))

    def moved(self, units: dict[int, int]) -> Shop:
        """The same with these differences of stock."""
        return self.with_variants(
            *(v._replace(stock=v.stock + units[v.id]) for v in self.variants if v.id in units)
        )  # fmt: skip


Outcome = tuple[Answer, Shop]


def summed(lines: Iterable[tuple[int, int]]) -> dict[int, int]:
    """(variant, units) of many lines, per variant."""
    total: dict[int, int] = {}
    for variant, units in lines:
        total[variant] = total.get(variant, 0) + units
    return total


def finalize(shop: Shop, order_id: int) -> Outcome:
    """Sell all lines, or name every reason why not."""
    order = shop.order(order_id)
    if order.status != "pending":
        return ("already_finalized", order.status), shop
    if not order.lines:
        return ("empty_order",), shop
    if gone := [line.id for line in order.lines if not shop.variant(line.variant).active]:
        return ("variant_unavailable", tuple(gone)), shop
    wanted = summed((line.variant, line.quantity) for line in order.lines)
    short = [(v, q, shop.variant(v).stock) for v, q in wanted.items() if shop.variant(v).stock < q]
    if short:
        return ("insufficient_stock", tuple(sorted(short))), shop
    total = sum(line.quantity * shop.variant(line.variant).price for line in order.lines)
    sold = shop.moved({v: -q for v, q in wanted.items()})
    return ("ok", total), sold.with_order(order._replace(status="confirmed", sold=True))


def cancel(shop: Shop, order_id: int) -> Outcome:
    """Everything that is still out comes back."""
    order = shop.order(order_id)
    if order.status == "cancelled":
        return ("ok", ()), shop
    if order.status == "returned":
        return ("status_move_refused", "returned"), shop
    back = {line.id: line.quantity - line.back for line in order.lines} if order.status == "confirmed" else {}
    back = {line: units for line, units in back.items() if units}
    done = _taken_back(shop, order, back)
    return ("ok", tuple(sorted(back.items()))), done.with_order(done.order(order_id)._replace(status="cancelled"))


def restock(shop: Shop, order_id: int, line_id: int, units: int) -> Outcome:
    """Some units of one line come back; with the last one the order is returned."""
    order = shop.order(order_id)
    if not order.sold:
        return ("order_not_editable", order.status), shop
    line = next((line for line in order.lines if line.id == line_id), None)
    if line is None:
        return ("not_found",), shop
    if units > line.quantity - line.back:
        return ("over_restock", line_id, units, line.quantity - line.back), shop
    done = _taken_back(shop, order, {line_id: units})
    after = done.order(order_id)
    if after.status == "confirmed" and all(line.back == line.quantity for line in after.lines):
        done = done.with_order(after._replace(status="returned"))
    return ("ok", ((line_id, units),)), done


def write_off(shop: Shop, order_id: int, line_id: int, units: int) -> Outcome:
    """As `restock`, of goods that are damaged or lost: they are back, and the stock stays as it is."""
    answer, done = restock(shop, order_id, line_id, units)
    return answer, done if done is shop else done._replace(variants=shop.variants)


def finalize_many(shop: Shop, order_ids: tuple[int, ...]) -> Outcome:
    """One order after the other, each for itself, at one moment."""
    answers = []
    for order_id in order_ids:
        answer, shop = finalize(shop, order_id)
        answers.append(answer)
    return ("ok", tuple(answers)), shop


def reprice(shop: Shop, variant_id: int, price: int) -> Outcome:
    """Another price in the catalogue: what is confirmed from now on costs it, what was confirmed does not."""
    return ("ok",), shop.with_variants(shop.variant(variant_id)._replace(price=price))


def _taken_back(shop: Shop, order: Order, back: dict[int, int]) -> Shop:
    units = summed((line.variant, back[line.id]) for line in order.lines if line.id in back)
    lines = tuple(line._replace(back=line.back + back.get(line.id, 0)) for line in order.lines)
    return shop.moved(units).with_order(order._replace(lines=lines))


def adjust(shop: Shop, variant_id: int, delta: int) -> Outcome:
    """A signed difference; never below zero."""
    there = shop.variant(variant_id).stock
    if there + delta < 0:
        return ("insufficient_stock", ((variant_id, -delta, there),)), shop
    return ("ok", there + delta), shop.moved({variant_id: delta})


def count(shop: Shop, variant_id: int, found: int, expected: int) -> Outcome:
    """An absolute figure, for the stock that was seen."""
    there = shop.variant(variant_id).stock
    if there != expected:
        return ("stale_version", there), shop
    return ("ok", found), shop.moved({variant_id: found - there})


def set_active(shop: Shop, variant_id: int, active: bool) -> Outcome:
    """At most one variant of a product is active: they are all default variants here."""
    variant = shop.variant(variant_id)
    if active and not variant.active:
        for other in shop.variants:
            if other.product == variant.product and other.active:
                return ("taken", other.id), shop
    return ("ok", active), shop.with_variants(variant._replace(active=active))


def sync(shop: Shop, external_id: str, product: int, price: int, stock: int, new_id: int) -> Outcome:
    """A feed's record: its variant is updated, brought back or made. `new_id`: what a made one was called."""
    mapped = dict(shop.mapped)
    if external_id in mapped:
        variant = shop.variant(mapped[external_id])
        if variant.product != product:
            return ("product_mismatch", variant.product), shop
        same = variant.price == price and variant.stock == stock
        done = shop.with_variants(variant._replace(price=price, stock=stock))
        return ("unchanged" if same else "updated", variant.id, stock), done
    of_product = [v for v in shop.variants if v.product == product]
    for other in of_product:
        if other.active:
            return ("taken", other.id), shop
    kind, chosen = (
        ("reactivated", of_product[0]) if of_product else ("created", Variant(new_id, product, 0, True, price))
    )
    done = shop.with_variants(chosen._replace(active=True, price=price, stock=stock))
    mapping = tuple(sorted({**mapped, external_id: chosen.id}.items()))
    return (kind, chosen.id, stock), done._replace(mapped=mapping)


def add_item(shop: Shop, order_id: int, variant_id: int, quantity: int, new_id: int) -> Outcome:
    """A line that has the variant takes the quantity. `new_id`: what a new line was called."""
    order = shop.order(order_id)
    if order.status != "pending":
        return ("order_not_editable", order.status), shop
    for line in order.lines:
        if line.variant == variant_id:
            merged = line._replace(quantity=line.quantity + quantity)
            return ("merged", line.id, merged.quantity), shop.with_order(_with_line(order, merged))
    line = Line(new_id, variant_id, quantity)
    return ("created", new_id, quantity), shop.with_order(order._replace(lines=(*order.lines, line)))


def change_variant(shop: Shop, order_id: int, line_id: int, variant_id: int) -> Outcome:
    """A line becomes another variant's; where a line has that already, the two are one."""
    order = shop.order(order_id)
    if order.status != "pending":
        return ("order_not_editable", order.status), shop
    line = next((line for line in order.lines if line.id == line_id), None)
    if line is None:
        return ("not_found",), shop
    if line.variant == variant_id:
        return ("no_change", line.id, line.quantity), shop
    for other in order.lines:
        if other.variant == variant_id:
            merged = other._replace(quantity=other.quantity + line.quantity)
            rest = order._replace(lines=tuple(one for one in order.lines if one.id != line_id))
            return ("merged", other.id, merged.quantity), shop.with_order(_with_line(rest, merged))
    changed = line._replace(variant=variant_id)
    return ("changed", line.id, line.quantity), shop.with_order(_with_line(order, changed))


def _with_line(order: Order, changed: Line) -> Order:
    return order._replace(lines=tuple(changed if line.id == changed.id else line for line in order.lines))


def read(shop: Shop, variant_ids: tuple[int, ...], order_ids: tuple[int, ...]) -> Outcome:
    """What a page shows: one moment of several rows."""
    variants = tuple((v.id, v.stock, v.active) for v in shop.variants if v.id in variant_ids)
    orders = tuple((o.id, o.status, sum(line.quantity for line in o.lines)) for o in shop.orders if o.id in order_ids)
    return ("ok", variants, orders), shop


Apply = Callable[..., Outcome]
