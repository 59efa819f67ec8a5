"""An order on paper: a page for the printer, PDFs of the order and of its packing slip, and what its lines showed."""

import re
from typing import Final

from flask import Blueprint, Response, current_app, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from magflow.blueprints.orders import documents
from magflow.blueprints.orders.shown import reading
from magflow.domain.errors import NotFound
from magflow.queries import images
from magflow.queries import orders as reads
from magflow.services import settings_store, shared_documents
from magflow.web.locale import speaking
from magflow.web.permissions import public, requires
from magflow.web.security import proves_itself

blueprint = Blueprint("order_documents", __name__)

NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
# At this address there is never another picture.
KEPT: Final = "private, max-age=31536000, immutable"
LANGUAGE_OF: Final = {"ro": "ro", "fd-ro": "ro"}
"""What the customers of an account's country read; elsewhere the shop's own language."""


@blueprint.get("/orders/<int:order_id>/order.pdf")
@requires("orders:read")
def order(order_id: int) -> Response:
    """The order as PDF."""
    page = reads.order_page(reading(), order_id)
    return _pdf(documents.order_pdf(page, reads.shop_vat_rate(reading())), page.order.number)


@blueprint.get("/orders/<int:order_id>/packing-slip.pdf")
@requires("orders:read")
def packing_slip(order_id: int) -> Response:
    """What goes into the parcel, as PDF."""
    page = reads.order_page(reading(), order_id)
    return _pdf(documents.packing_slip_pdf(page), f"{page.order.number}-packing-slip")


@blueprint.get("/orders/<int:order_id>/invoice.pdf")
@requires("orders:read")
def invoice(order_id: int) -> Response:
    """The invoice as PDF, as it is handed over."""
    handled = reads.handling_of(reading(), order_id)
    page = reads.order_page(reading(), order_id)
    if handled is None or not handled.invoice_number or page.order.confirmed_at is None:
        raise NotFound("invoice", order_id)
    return _invoice(page, handled.invoice_number)


@blueprint.get("/shared/<token>/invoice.pdf")
@public
@proves_itself
def shared_invoice(token: str) -> Response:
    """The invoice for whoever was given its link, in the language of the account's country."""
    found = shared_documents.follow(reading(), token)
    page = reads.order_page(reading(), found.order_id)
    if page.order.confirmed_at is None:
        raise NotFound("invoice", found.order_id)
    with speaking(LANGUAGE_OF.get(found.country or "", current_app.config["MAGFLOW"].locale)):
        answer = _invoice(page, found.number)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _invoice(page: reads.OrderPage, number: str) -> Response:
    seller = str(settings_store.read(reading(), settings_store.SELLER))
    return _pdf(documents.invoice_pdf(page, reads.shop_vat_rate(reading()), number, seller), number)


@blueprint.get("/orders/<int:order_id>/print")
@requires("orders:read")
def paper(order_id: int) -> str:
    """The order as a page for the printer."""
    page = reads.order_page(reading(), order_id)
    rate = reads.shop_vat_rate(reading())
    lines = [(line, documents.name_of(line), documents.figures(line, rate)) for line in page.lines]
    return render_template(
        "orders/print.html",
        page=page,
        order=page.order,
        lines=lines,
        rates=documents.by_rate([said for _line, _name, said in lines]),
        billing=documents.address_lines(page.order.billing_address),
        shipping=documents.address_lines(page.order.shipping_address),
    )


@blueprint.get("/orders/pictures/<int:image_id>")
@requires("orders:read")
def picture(image_id: int) -> AnyResponse:
    """The small picture that a line showed when it was written, whatever became of it in the catalogue."""
    content_type, data = images.sold(reading(), image_id)
    answer = Response(data, mimetype=content_type)
    answer.headers["Cache-Control"] = KEPT
    answer.headers["Content-Disposition"] = "inline"
    answer.set_etag(f"sold-{image_id}")
    return answer.make_conditional(request.environ)


def _pdf(content: bytes, name: str) -> Response:
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{NOT_IN_A_NAME.sub("-", name)}.pdf"'
    return answer
