"""Many orders at once: confirmed together, each for itself, and taken away as a file."""

from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.orders import forms
from magflow.blueprints.orders.shown import reading
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.imports.writing import blocks, cell
from magflow.domain.orders import CONFIRMED, PENDING
from magflow.queries import coverage
from magflow.queries import orders as reads
from magflow.queries.orders import OrderFilter, OrderRow
from magflow.services import audit, checkout_in_bulk
from magflow.services.checkout_in_bulk import FinalizeOrders
from magflow.web.auth import current_actor
from magflow.web.forms import Form, Landing
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires

blueprint = Blueprint("order_bulk", __name__)

CSV_HEADER: Final = (
    "number", "source", "source_account", "external_id", "status", "placed_at", "ship_by", "customer_name",
    "customer_email", "town", "lines", "units", "total", "currency", "marketplace_status", "blocked_reason", "waybill",
    "invoice_number",
)  # fmt: skip
CSV_PAGE: Final = 500


def _ids(values: list[str]) -> list[int]:
    """The orders that were ticked, at most a page of them, each once."""
    found = []
    for value in values[:PAGE]:
        try:
            found.append(integer(value, least=1, most=INT64_MAX, as_text=True))
        except Unfit:
            continue
    return list(dict.fromkeys(found))


@blueprint.post("/orders/bulk")
@requires("orders:write")
def confirm() -> ResponseReturnValue:
    """Confirm the ticked orders, each for itself, and show what became of each."""
    wanted = _ids(request.form.getlist("rowid"))
    if not wanted:
        flash(_("Tick the orders first."), "error")
        return redirect(url_for("orders.index", view="pending"), 303)

    def work(session: Session, actor: Actor) -> Landing:
        done = checkout_in_bulk.finalize_many.within(session, FinalizeOrders(wanted), actor=actor)
        confirmed = sum(outcome.done is not None for outcome in done)
        said = ngettext("%(num)d order is confirmed.", "%(num)d orders are confirmed.", confirmed)
        if left := len(done) - confirmed:
            said += " " + ngettext("%(num)d is not.", "%(num)d are not.", left)
        url = url_for("order_bulk.outcome", ids="-".join(map(str, wanted)))
        return Landing(url, said, "warning" if left else "success")

    form = Form()
    answer = form.once(work)
    if answer is None:
        flash(" ".join(said for _field, said in form.summary()), "error")
        return redirect(url_for("orders.index"), 303)
    return answer


@blueprint.get("/orders/outcome")
@requires("orders:read")
def outcome() -> str:
    """How these orders stand: confirmed, or what each of them lacks."""
    ids = _ids(request.args.get("ids", "").split("-"))
    pages = sorted(reads.order_pages(reading(), ids), key=lambda page: ids.index(page.order.id)) if ids else []
    return render_template(
        "orders/outcome.html",
        pages=pages,
        lacks=coverage.lacks(reading(), ids),
        confirmed=sum(page.order.status == CONFIRMED for page in pages),
        pending=sum(page.order.status == PENDING for page in pages),
    )


@blueprint.get("/orders/list.csv")
@requires("orders:read")
def as_csv() -> Response:
    """The list as it is filtered, as a file; it is sent as it is read."""
    listing = Listing(forms.OrdersQuery())
    wanted = forms.order_filter(listing)
    db.session.remove()
    audit.note(current_actor(), "export.orders", {"format": "list", "view": wanted.view})
    answer = Response(stream_with_context(blocks(CSV_HEADER, _rows(wanted))), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="orders.csv"'
    return answer


def _rows(wanted: OrderFilter) -> Iterator[list[str]]:
    """Row after row; each page is read by itself, and its transaction is over before anybody sees a row of it."""
    after: int | None = None
    while True:
        page = reads.orders(reading(), wanted, after=after, limit=CSV_PAGE)
        db.session.remove()
        yield from ([_cell(value) for value in _values(row)] for row in page.rows)
        after = page.next_key
        if after is None:
            return


def _values(row: OrderRow) -> tuple[Any, ...]:
    order, handling, there = row.order, row.handling, row.there
    return (
        order.number, order.source, order.source_account, order.external_id, order.status, order.placed_at,
        there.ship_by if there else None, order.customer_name, order.customer_email, row.town, row.lines, row.units,
        row.total, order.currency, there.status if there else None, order.blocked_reason,
        handling.waybill if handling else None, handling.invoice_number if handling else None,
    )  # fmt: skip


def _cell(value: Any) -> str:
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else cell(value)
