"""The catalogue: products, their options and variants, and why a variant's stock is what it is."""

from magflow.blueprints.variants import admin, api, catalogue_api, pages, variant_pages
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "variants",
    blueprints=(pages.blueprint, variant_pages.blueprint),
    api=(catalogue_api.api, api.api),
    admin_views=admin.views,
    menu=(MenuEntry(_l("Products"), "products.index", permission="catalog:read", icon="products", position=200),),
)
