"""The page of one order, as it is shown by every form that stands on it."""

from decimal import Decimal
from typing import cast

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.orders import documents, forms, story
from magflow.db import db
from magflow.domain.errors import InsufficientStock, StaleVersion, VariantUnavailable
from magflow.domain.orders import CONFIRMED, OWN, PENDING
from magflow.queries import audit, catalogue, coverage
from magflow.queries import orders as reads
from magflow.queries.orders import OrderPage
from magflow.services.restock import Restocked
from magflow.web.forms import Form, show
from magflow.web.locale import _, money, ngettext, number


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


def order_page(order_id: int, sent: Form | None = None, named: forms.Named | None = None) -> ResponseReturnValue:
    """The page of an order; with a form on it that was refused, and what the person may have meant by it."""
    shown = reads.order_page(reading(), order_id)
    entries = audit.history_of_order(reading(), order_id)
    rows = catalogue.variant_rows(reading(), list(story.variants_in(entries)))
    refused = sent.refused if sent is not None else None
    pending = shown.order.status == PENDING
    own = {line.item.variant_id for line in shown.lines if line.item.variant_id is not None} if pending else set()
    rate = reads.shop_vat_rate(reading())
    said = [documents.figures(line, rate) for line in shown.lines]
    html = show(
        "orders/page.html",
        page=shown,
        order=shown.order,
        pending=pending,
        figures=dict(zip((line.item.id for line in shown.lines), said, strict=True)),
        rates=documents.by_rate(said),
        claims=coverage.claims(reading(), own, besides=order_id),
        lacks=coverage.lacks(reading(), [order_id]).get(order_id, []) if pending else [],
        dearer=repriced(shown),
        handling=reads.handling_of(reading(), order_id),
        relatives=reads.relatives(reading(), order_id),
        previous=reads.previous_orders(reading(), shown.order),
        billing=documents.address_lines(shown.order.billing_address),
        shipping=documents.address_lines(shown.order.shipping_address),
        after=stock_after(shown),
        taken=taken(shown),
        question=finalize_question(shown),
        cancel_consequences=cancel_consequences(shown),
        events=story.told(entries, {row.variant.id: row.variant.sku for row in rows}, shown),
        sent=sent,
        named=named,
        short={s.variant_id: s for s in refused.shortages} if isinstance(refused, InsufficientStock) else {},
        unavailable={v["item_id"] for v in refused.variants} if isinstance(refused, VariantUnavailable) else set(),
        reasons=forms.REASONS_OF.get(shown.order.source, ()),
        returnable=sum(line.outstanding for line in shown.lines) if shown.order.status == CONFIRMED else 0,
    )
    return html, sent.status if sent is not None else 200


def repriced(page: OrderPage) -> dict[int, Decimal]:
    """Lines whose catalogue price is another one now than when they were written: what it was then."""
    if page.order.status != PENDING:
        return {}
    return {
        line.item.id: line.item.unit_price
        for line in page.lines
        if line.item.price_source == "catalogue"
        and line.item.unit_price is not None
        and line.item.unit_price != line.unit_price
    }


def stock_after(page: OrderPage) -> dict[int, int]:
    """What confirming the order would leave of each variant's stock; below zero, it is short."""
    left: dict[int, int] = {}
    for line in page.lines:
        if line.item.variant_id is not None and line.stock is not None and line.item.stock_source == OWN:
            there = left.get(line.item.variant_id, line.stock)
            left[line.item.variant_id] = there - line.item.quantity
    return left


def taken(page: OrderPage) -> list[str]:
    """What leaves the stock when the order is confirmed, one a line, for the question before it."""
    left = stock_after(page)
    stocks = {line.item.variant_id: line for line in page.lines if line.item.variant_id in left}
    said = []
    for variant_id, after in left.items():
        line = stocks[variant_id]
        stock = line.stock or 0
        figures = {"sku": line.sku, "units": number(stock - after), "stock": number(stock), "after": number(after)}
        if after < 0:
            said.append(_("%(sku)s: %(units)s asked, only %(stock)s there", **figures))
        else:
            said.append(_("%(sku)s: %(units)s (stock %(stock)s → %(after)s)", **figures))
    lines = {line.item.id: line for line in page.lines}
    for item_id, before in repriced(page).items():
        line = lines[item_id]
        prices = {"before": money(before, page.order.currency), "now": money(line.unit_price, page.order.currency)}
        said.append(_("%(sku)s: the price is %(now)s now; the line was taken at %(before)s", sku=line.sku, **prices))
    return [*said, _("Its lines become a snapshot: prices, names and quantities no longer change.")]


def refused_page(order_id: int, form: Form, named: forms.Named | None = None) -> ResponseReturnValue:
    """The order's page with a form on it that was refused."""
    if isinstance(form.refused, StaleVersion):
        form.general = [
            _("Somebody changed this order meanwhile. This is how it is now; do it again if you still want.")
        ]
    return order_page(order_id, form, named)


def finalize_question(page: OrderPage) -> str:
    """What is asked before an order is confirmed."""
    units = sum(line.item.quantity for line in page.lines if line.item.stock_source == OWN)
    return ngettext(
        "Confirm order %(number)s and take %(num)d unit from stock?",
        "Confirm order %(number)s and take %(num)d units from stock?",
        units,
        number=page.order.number,
    )


def cancel_consequences(page: OrderPage) -> list[str]:
    """What cancelling does."""
    if page.order.status == PENDING:
        return [_("No stock was taken yet, so none comes back."), _("A cancelled order cannot be opened again.")]
    units = sum(line.outstanding for line in page.lines)
    return [
        ngettext("%(num)d unit is still out.", "%(num)d units are still out.", units),
        _("A cancelled order cannot be opened again."),
    ]


def owed_words(done: Restocked) -> str:
    """What a return owes the customer, as a sentence behind another; nothing when it owes nothing."""
    if not done.refunded:
        return ""
    return " " + _("Owed back: %(amount)s.", amount=money(done.refunded, done.order.currency))
