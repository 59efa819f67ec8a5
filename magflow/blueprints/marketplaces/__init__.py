"""Selling through marketplaces: accounts, their offers and orders, and webhooks in and out."""

from magflow.blueprints.marketplaces import cli, jobs, words as words
from magflow.services import publishing
from magflow.web.areas import Area

area = Area(
    "marketplaces",
    commands=cli.COMMANDS,
    tasks=jobs.TASKS,
    subscribers={"stock.changed": publishing.stock_changed},
)
