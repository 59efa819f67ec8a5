"""Home: what waits for a person, the first steps of a new shop, and the search in the top bar."""

from magflow.blueprints.home import pages, saved_views, search
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "home",
    blueprints=(pages.blueprint, search.blueprint, saved_views.blueprint),
    menu=(MenuEntry(_l("Home"), "home.index", permission="self", icon="home", position=100),),
)
