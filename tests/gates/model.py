"""The shop in a few lines of plain Python: what each operation answers, and what it leaves behind, one at a time.

The checker of histories tries orders of operations against this. It knows nothing of SQL, locks or the services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
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
    variant: int | None
    """None: it was removed for good."""
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

    def has(self, key: int | None) -> bool:
        """Whether this variant is there."""
        return any(v.id == key for v in self.variants)

    def order(self, key: int) -> Order:
        """One order by id."""
        return next(o for o in self.orders if o.id == key)

    def with_variants(self, *changed: Variant) -> Shop:
        """The same with these variants in place of those of the same id, or beside them."""
        kept = {v.id: v for v in self.variants} | {v.id: v for v in changed}
        return self._replace(variants=tuple(kept[key] for key in sorted(kept)))

    def with_order(self, changed: Order) -> Shop:
        """The same with this order in place of the one of the same id; its lines by id."""
        changed = changed._replace(lines=tuple(sorted(changed.lines, key=attrgetter("id"))))
        return self._replace(orders=tuple(changed if o.id == changed.id else o for o in self.orders))

    def moved(self, units: dict[int, int]) -> Shop:
        """The same with these differences of stock."""
        return self.with_variants(
            *(v._replace(stock=v.stock + units[v.id]) for v in self.variants if v.id in units)
        )  # fmt: skip


Outcome = tuple[Answer, Shop]


def summed(lines: Iterable[tuple[int | None, int]]) -> dict[int, int]:
    """(variant, units) of many lines, per variant; what is gone is in no stock."""
    total: dict[int, int] = {}
    for variant, units in lines:
        if variant is not None:
            total[variant] = total.get(variant, 0) + units
    return total


def finalize(shop: Shop, order_id: int) -> Outcome:
    """Sell all lines, or name every reason why not."""
    order = shop.order(order_id)
    if order.status != "pending":
        return ("already_finalized", order.status), shop
    if not order.lines:
        return ("empty_order",), shop
    sold_here = {v.id: v for v in shop.variants if v.active}
    if gone := [line.id for line in order.lines if line.variant not in sold_here]:
        return ("variant_unavailable", tuple(gone)), shop
    wanted = summed((line.variant, line.quantity) for line in order.lines)
    short = [(v, q, shop.variant(v).stock) for v, q in wanted.items() if shop.variant(v).stock < q]
    if short:
        return ("insufficient_stock", tuple(sorted(short))), shop
    total = sum(units * sold_here[v].price for v, units in wanted.items())
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
    if not shop.has(variant_id):
        return ("not_found",), shop
    return ("ok",), shop.with_variants(shop.variant(variant_id)._replace(price=price))


def _taken_back(shop: Shop, order: Order, back: dict[int, int]) -> Shop:
    units = summed((line.variant, back[line.id]) for line in order.lines if line.id in back)
    lines = tuple(line._replace(back=line.back + back.get(line.id, 0)) for line in order.lines)
    return shop.moved(units).with_order(order._replace(lines=lines))


def adjust(shop: Shop, variant_id: int, delta: int) -> Outcome:
    """A signed difference; never below zero."""
    if not shop.has(variant_id):
        return ("not_found",), shop
    there = shop.variant(variant_id).stock
    if there + delta < 0:
        return ("insufficient_stock", ((variant_id, -delta, there),)), shop
    return ("ok", there + delta), shop.moved({variant_id: delta})


def count(shop: Shop, variant_id: int, found: int, expected: int) -> Outcome:
    """An absolute figure, for the stock that was seen."""
    if not shop.has(variant_id):
        return ("not_found",), shop
    there = shop.variant(variant_id).stock
    if there != expected:
        return ("stale_version", there), shop
    return ("ok", found), shop.moved({variant_id: found - there})


def set_active(shop: Shop, variant_id: int, active: bool) -> Outcome:
    """At most one variant of a product is active: they are all default variants here."""
    if not shop.has(variant_id):
        return ("not_found",), shop
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
    if not shop.has(variant_id):
        return ("not_found",), shop
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
    if line is None or not shop.has(variant_id):
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


def delete(shop: Shop, variant_id: int) -> Outcome:
    """Removed for good: lines stay and name nothing any more, and a feed has to map it anew."""
    if not shop.has(variant_id):
        return ("not_found",), shop
    orders = tuple(
        order._replace(lines=tuple(line._replace(variant=None) if line.variant == variant_id else line
                                   for line in order.lines))
        for order in shop.orders
    )  # fmt: skip
    kept = tuple(v for v in shop.variants if v.id != variant_id)
    mapped = tuple(pair for pair in shop.mapped if pair[1] != variant_id)
    return ("ok",), Shop(kept, orders, mapped)


def split(shop: Shop, order_id: int, rest_id: int, line_ids: tuple[int, ...]) -> Outcome:
    """What cannot be covered goes into an order of its own. The ids: what the new order and its lines were called."""
    order = shop.order(order_id)
    if order.status != "pending":
        return ("order_not_editable", order.status), shop
    left = {v.id: v.stock if v.active else 0 for v in shop.variants}
    stays, goes = [], []
    for line in order.lines:
        there = left.get(line.variant, 0) if line.variant is not None else 0
        covered = min(there, line.quantity)
        if line.variant is not None:
            left[line.variant] = there - covered
        if covered:
            stays.append(line._replace(quantity=covered))
        if covered < line.quantity:
            goes.append((line.variant, line.quantity - covered))
    if not goes:
        return ("invalid", "nothing_missing"), shop
    if not stays:
        return ("invalid", "nothing_there"), shop
    # As many ids as lines: who named more or fewer gave another answer.
    named = [*line_ids, *[-1] * len(goes)][: len(goes)]
    lines = tuple(Line(id_, variant, units) for id_, (variant, units) in zip(named, goes, strict=True))
    answer = ("ok", rest_id, tuple((line.id, line.quantity) for line in lines))
    rest = Order(rest_id, "pending", tuple(sorted(lines, key=lambda line: line.id)))
    orders = (*shop.with_order(order._replace(lines=tuple(stays))).orders, rest)
    return answer, shop._replace(orders=tuple(sorted(orders, key=attrgetter("id"))))


def _with_line(order: Order, changed: Line) -> Order:
    return order._replace(lines=tuple(changed if line.id == changed.id else line for line in order.lines))


def read(shop: Shop, variant_ids: tuple[int, ...], order_ids: tuple[int, ...]) -> Outcome:
    """What a page shows: one moment of several rows."""
    variants = tuple((v.id, v.stock, v.active) for v in shop.variants if v.id in variant_ids)
    orders = tuple((o.id, o.status, sum(line.quantity for line in o.lines)) for o in shop.orders if o.id in order_ids)
    return ("ok", variants, orders), shop


Apply = Callable[..., Outcome]
