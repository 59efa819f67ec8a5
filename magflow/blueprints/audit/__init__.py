"""The audit log and the shop's stock movements: who changed what, from what to what, and why."""

from magflow.blueprints.audit import pages
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "audit",
    blueprints=(pages.blueprint,),
    menu=(MenuEntry(_l("Audit"), "audit.index", permission="catalog:read", icon="audit", position=700),),
)
