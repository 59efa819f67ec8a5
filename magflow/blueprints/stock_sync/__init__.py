"""Marketplace stock: what is where, what is wrong with it, and moving it."""

from magflow.blueprints.stock_sync import api, figure_pages, jobs, pages, queue_pages, transfer_api, transfer_pages
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "stock_sync",
    blueprints=(pages.blueprint, queue_pages.blueprint, transfer_pages.blueprint, figure_pages.blueprint),
    api=(api.api, transfer_api.api),
    tasks=jobs.TASKS,
    menu=(
        MenuEntry(
            _l("Stock sync"),
            "stock_sync.index",
            permission="stock:read",
            icon="sync",
            position=400,
            badge=pages.waiting_alerts,
        ),
    ),
)
