"""eMAG and Fashion Days: one API at five addresses, version 4.4.9 with the differences seen since."""

from magflow.marketplaces.emag.client import EmagMarketplace
from magflow.marketplaces.emag.hosts import HOSTS
from magflow.marketplaces.emag.readings import order_reading
from magflow.marketplaces.protocol import Adapter

adapter = Adapter(
    "emag", "eMAG", open=EmagMarketplace, signature="none", countries=tuple(HOSTS), parse_order=order_reading
)
