"""Home: what waits for a person, and the first steps of a new shop."""

from magflow.blueprints.home.pages import blueprint
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "home",
    blueprints=(blueprint,),
    menu=(MenuEntry(_l("Home"), "home.index", permission="self", icon="home", position=100),),
)
