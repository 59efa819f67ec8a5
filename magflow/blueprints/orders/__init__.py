"""Orders: taken, changed while they are pending, finalized, cancelled, and taken back."""

from magflow.blueprints.orders import (
    api,
    bulk_pages,
    detail_pages,
    document_pages,
    line_pages,
    number_pages,
    pages,
    refund_pages,
)
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "orders",
    blueprints=(
        detail_pages.blueprint,
        pages.blueprint,
        line_pages.blueprint,
        bulk_pages.blueprint,
        document_pages.blueprint,
        number_pages.blueprint,
        refund_pages.blueprint,
    ),
    api=(api.api,),
    menu=(
        MenuEntry(
            _l("Orders"),
            "orders.index",
            permission="orders:read",
            icon="orders",
            position=300,
            badge=pages.waiting_orders,
        ),
    ),
)
