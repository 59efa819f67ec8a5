"""Marketplace stock: what is where, what is wrong with it, and moving it."""

from magflow.blueprints.stock_sync import api, jobs, transfer_api
from magflow.blueprints.stock_sync import words as words
from magflow.web.areas import Area

area = Area("stock_sync", api=(api.api, transfer_api.api), tasks=jobs.TASKS)
