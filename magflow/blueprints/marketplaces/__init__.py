"""Selling through marketplaces: accounts, their offers and orders, and webhooks in and out."""

from magflow.blueprints.marketplaces import (
    api,
    cli,
    family_pages,
    jobs,
    offer_api,
    offer_pages,
    order_api,
    order_pages,
    pages,
    webhook_pages,
    webhooks,
)
from magflow.blueprints.marketplaces import words as words
from magflow.services import subscriptions
from magflow.web.areas import Area

area = Area(
    "marketplaces",
    blueprints=(
        pages.blueprint,
        offer_pages.blueprint,
        family_pages.blueprint,
        order_pages.blueprint,
        webhook_pages.blueprint,
        webhooks.blueprint,
    ),
    api=(api.api, offer_api.api, order_api.api),
    commands=cli.COMMANDS,
    tasks=jobs.TASKS,
    subscribers=dict.fromkeys((*subscriptions.EVENTS, "stock.changed"), jobs.told),
)
