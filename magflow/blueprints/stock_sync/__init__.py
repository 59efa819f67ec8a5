"""Marketplace stock: what is where, what is wrong with it, and moving it."""

from magflow.blueprints.stock_sync import (
    analysis_pages,
    api,
    automatic_jobs,
    automation_api,
    automation_pages,
    check_api,
    check_pages,
    figure_pages,
    jobs,
    notification_pages,
    pages,
    pool_pages,
    queue_pages,
    recipient_api,
    rule_pages,
    transfer_api,
    transfer_pages,
    unsubscribe_pages,
)
from magflow.services.stock_sync import pools
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "stock_sync",
    blueprints=(
        pages.blueprint,
        pool_pages.blueprint,
        queue_pages.blueprint,
        check_pages.blueprint,
        analysis_pages.blueprint,
        rule_pages.blueprint,
        transfer_pages.blueprint,
        figure_pages.blueprint,
        automation_pages.blueprint,
        notification_pages.blueprint,
        unsubscribe_pages.blueprint,
    ),
    api=(api.api, check_api.api, transfer_api.api, automation_api.api, recipient_api.api),
    subscribers={"stock.changed": pools.stock_changed},
    tasks=(*jobs.TASKS, *automatic_jobs.TASKS),
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
