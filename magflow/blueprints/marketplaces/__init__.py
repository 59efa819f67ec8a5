"""Selling through marketplaces: accounts, their offers and orders, and webhooks in and out."""

from magflow.blueprints.marketplaces import cli, jobs, pages, webhook_pages, webhooks
from magflow.blueprints.marketplaces import words as words
from magflow.services import subscriptions
from magflow.web.areas import Area

area = Area(
    "marketplaces",
    blueprints=(pages.blueprint, webhook_pages.blueprint, webhooks.blueprint),
    commands=cli.COMMANDS,
    tasks=jobs.TASKS,
    subscribers=dict.fromkeys((*subscriptions.EVENTS, "stock.changed"), jobs.told),
)
