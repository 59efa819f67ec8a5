"""Signing in and out, the own profile, people, API tokens."""

from magflow.blueprints.settings import access, entrance, profile, shop
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

blueprint = entrance.blueprint
access.register(blueprint)
profile.register(blueprint)
shop.register(blueprint)

area = Area(
    "settings",
    blueprints=(blueprint,),
    menu=(MenuEntry(_l("Settings"), "settings.index", permission="self", icon="settings", position=600),),
)
