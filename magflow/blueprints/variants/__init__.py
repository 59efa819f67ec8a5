"""The catalogue: products, their options and variants, and why a variant's stock is what it is."""

from magflow.blueprints.variants import (
    admin,
    api,
    bulk_api,
    bulk_pages,
    catalogue_api,
    external_api,
    external_pages,
    generation_api,
    generation_pages,
    grid,
    image_api,
    image_pages,
    options_bulk_pages,
    pages,
    tasks,
    template_api,
    template_pages,
    title_api,
    title_pages,
    trouble_api,
    trouble_pages,
    variant_pages,
)
from magflow.services import price_templates, stock_news
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

area = Area(
    "variants",
    blueprints=(
        pages.blueprint,
        options_bulk_pages.blueprint,
        variant_pages.blueprint,
        image_pages.blueprint,
        external_pages.blueprint,
        grid.blueprint,
        generation_pages.blueprint,
        bulk_pages.blueprint,
        template_pages.blueprint,
        title_pages.blueprint,
        trouble_pages.blueprint,
    ),
    api=(
        catalogue_api.api,
        api.api,
        generation_api.api,
        bulk_api.api,
        template_api.api,
        title_api.api,
        trouble_api.api,
        image_api.api,
        external_api.api,
    ),
    admin_views=admin.views,
    tasks=tasks.TASKS,
    subscribers={
        price_templates.BASE_PRICE_CHANGED: price_templates.base_price_changed,
        "order.confirmed": stock_news.order_confirmed,
    },
    menu=(
        MenuEntry(
            _l("Products"),
            "products.index",
            permission="catalog:read",
            icon="products",
            position=200,
            badge=trouble_pages.waiting,
        ),
    ),
)
