"""Marketplace stock: accounts, offers, analysis and transfers. The place is taken; nothing is in it yet."""

from magflow.web.areas import Area

area = Area("stock_sync")
