"""Parcels: an area from outside MagFlow, with a page, API endpoints, a list, a command and a job.

The weight of an order's parcel is asked for over the API and worked out by a job.
"""

from magflow.web.areas import Area, MenuEntry
from shop_parcels import admin, api, commands, jobs, pages

area = Area(
    "parcels",
    blueprints=(pages.blueprint,),
    api=(api.api,),
    admin_views=admin.views,
    commands=(commands.parcels,),
    tasks=(jobs.WEIGH,),
    menu=(MenuEntry("Parcels", "parcels.index", "orders:read", icon="box", position=450),),
)
