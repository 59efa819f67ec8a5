"""The list of all variants of the shop, over Flask-Admin: searched, filtered, activated and deactivated in bulk."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import current_app, flash, url_for
from flask.typing import ResponseReturnValue
from flask_admin.actions import action
from flask_admin.contrib.sqla.filters import BaseSQLAFilter, FilterEqual, IntGreaterFilter, IntSmallerFilter
from flask_admin.model.template import macro
from flask_babel import lazy_pgettext
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import joinedload

from magflow.blueprints.variants import bulk_pages
from magflow.db import db
from magflow.domain.errors import Refused
from magflow.models import Product, Variant, VariantStatus
from magflow.queries import images, paging, variant_lists, words
from magflow.queries.catalogue import purchasable
from magflow.queries.product_views import incomplete_variants, is_large, orphaned_variants, written_down
from magflow.services import variants
from magflow.web.auth import current_actor
from magflow.web.columns import Column
from magflow.web.keyset_list import KeysetList
from magflow.web.list_page import ListTab
from magflow.web.locale import _l, ngettext
from magflow.web.sentences import sentence

MOST_REASONS = 5
"""Refusals of a bulk action that are told one by one."""


class _Filter(BaseSQLAFilter):  # type: ignore[misc]
    """A filter of this list by a condition of the catalogue's lists."""

    def __init__(self, name: Any, operation: Any, condition: Callable[[str], ColumnElement[bool]]) -> None:
        super().__init__(Variant.product_id, name)
        self._operation, self._condition = operation, condition

    def apply(self, query: Any, value: str, alias: Any = None) -> Any:  # noqa: ARG002 - Flask-Admin's signature
        return query.filter(self._condition(value))

    def operation(self) -> str:
        return str(self._operation)


def _products(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return Variant.product_id.in_(select(Product.id).where(condition))


def _troubled(kind: str, looked_for: Select[int]) -> ColumnElement[bool]:
    found = written_down(kind) if is_large(db.session()) else looked_for
    return and_(Variant.status == VariantStatus.ACTIVE, Variant.id.in_(found))


class VariantView(KeysetList):
    """Every variant, whatever its product and status."""

    permission = "catalog:read"
    action_permissions = {  # noqa: RUF012 - as the base's
        "edit_in_bulk": "catalog:write",
        "activate": "catalog:write",
        "deactivate": "catalog:write",
    }
    list_template = "variants/list.html"
    can_view_details = False
    loading = (joinedload(Variant.product),)

    # Addresses, and with them saved views, name a column to sort by by its number here: new ones come behind.
    column_list = (
        "sku", "product", "title", "ean", "price", "stock", "status", "compare_at_price", "brand", "category",
        "updated_at",
    )  # fmt: skip
    column_choice = (
        Column("picture", _l("Picture")),
        Column("product", _l("Product")),
        Column("brand", _l("Brand"), usual=False),
        Column("category", _l("Category"), usual=False),
        Column("title", _l("Title")),
        Column("ean", _l("Barcode (EAN)")),
        Column("price", _l("Price")),
        Column("compare_at_price", _l("Compare-at price"), usual=False),
        Column("stock", _l("Stock")),
        Column("status", _l("Status")),
        Column("updated_at", _l("Last changed"), usual=False),
    )
    column_labels = {  # noqa: RUF012 - Flask-Admin's way
        "sku": _l("SKU"),
        "product": _l("Product"),
        "title": _l("Title"),
        "ean": _l("Barcode (EAN)"),
        "price": _l("Price"),
        "stock": _l("Stock"),
        "status": _l("Status"),
        "compare_at_price": _l("Compare-at price"),
        "brand": _l("Brand"),
        "category": _l("Category"),
        "updated_at": _l("Last changed"),
    }
    column_formatters = {  # noqa: RUF012 - as above
        "product": macro("product"),
        "price": macro("price"),
        "stock": macro("stock"),
        "status": macro("status"),
        "compare_at_price": macro("compare_at_price"),
        "brand": macro("brand"),
        "category": macro("category"),
    }
    numeric_columns = ("price", "compare_at_price", "stock")
    column_sortable_list = ("sku", "price", "stock")
    orders = {None: variant_lists.ORDERS["id"], "sku": variant_lists.ORDERS["sku"]}  # noqa: RUF012 - as the base's
    short_orders = {  # noqa: RUF012 - as above
        "price": (Variant.price, Variant.id),
        "stock": (Variant.stock, Variant.id),
    }
    column_default_sort = ("id", True)
    column_searchable_list = ("sku", "title", "ean")
    search_text = _l("Search SKU, title, product, barcode")
    empty_title = _l("No variants yet")
    empty_text = _l("Variants are what is stocked and sold. Import a file, or add a product.")
    list_tabs = (
        ListTab("", lazy_pgettext("variants", "All")),
        ListTab("active", lazy_pgettext("variants", "Active"), lambda: Variant.status == VariantStatus.ACTIVE),
        ListTab("drafts", _l("Drafts"), lambda: Variant.status == VariantStatus.INACTIVE),
        ListTab("buy", _l("Can be bought"), purchasable),
        ListTab("zero", _l("Out of stock"), lambda: and_(Variant.status == VariantStatus.ACTIVE, Variant.stock == 0)),
        ListTab(
            "incomplete",
            lazy_pgettext("variants", "Incomplete"),
            lambda: _troubled("incomplete", incomplete_variants()),
        ),
        ListTab(
            "orphans",
            _l("Orphans"),
            lambda: _troubled("orphan", orphaned_variants()),
        ),
    )
    action_looks = {  # noqa: RUF012 - as the base's
        "edit_in_bulk": ("", "edit"),
        "activate": ("", "ok"),
        "deactivate": ("", "draft"),
    }

    def __init__(self) -> None:
        self.column_filters = (
            _Filter(_l("Product"), _l("contains"), lambda text: _products(words.named(Product.name, text))),
            _Filter(_l("Brand"), _l("is"), lambda text: _products(Product.brand == text)),
            _Filter(_l("Category"), _l("is"), lambda text: _products(Product.category == text)),
            _Filter(_l("SKU"), _l("begins with"), words.sku_begins),
            _Filter(_l("Option value"), _l("is"), variant_lists.holds),
            IntSmallerFilter(Variant.stock, _l("Stock")),
            IntGreaterFilter(Variant.stock, _l("Stock")),
            FilterEqual(Variant.ean, _l("Barcode (EAN)")),
        )
        super().__init__(Variant, name=_l("Variants"), endpoint="admin_variants", url="/products/variants")

    def row_url(self, row: Any, back: str) -> str | None:  # noqa: ARG002 - the base's signature
        """The variant's own page."""
        return url_for("variants.page", variant_id=row.id)

    def list_context(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The rows' pictures too, in one statement."""
        told = super().list_context(context)
        rows = context["data"] if "picture" in told["shown_columns"] else ()
        return told | {"covers": images.covers_of_variants(db.session(), [row.id for row in rows]) if rows else {}}

    def bound(self) -> int:
        """What has to look at each row's options is counted less far."""
        tab = self.current_tab()
        costly = tab is not None and tab.key == "buy"
        return variant_lists.EXACT_WHEN_COSTLY if costly else paging.EXACT_UP_TO

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        condition, _many = words.meant(db.session(), Variant.id, words.of_variants(search))
        return query.filter(condition), count_query, joins, count_joins

    def matching(self, most: int) -> list[int]:
        """The ids of all rows that the present address shows, whatever the page; at most one more than `most`."""
        asked = self._get_list_extra_args()
        query: Any = self.get_query()
        joins: dict[Any, Any] = {}
        if asked.search:
            query, _count, joins, _count_joins = self._apply_search(query, None, joins, {}, asked.search)
        if asked.filters:
            query, _count, joins, _count_joins = self._apply_filters(query, None, joins, {}, asked.filters)
        return [row.id for row in query.with_entities(Variant.id).order_by(Variant.id).limit(most + 1)]

    @action("edit_in_bulk", _l("Change in bulk"))  # type: ignore[untyped-decorator]
    def edit_in_bulk(self, ids: list[int]) -> ResponseReturnValue:
        """Ask what to change of the ticked rows."""
        return bulk_pages.asked(bulk_pages.picked(ids))

    @action("activate", _l("Activate"), _l("Activate these variants?\nThey can be sold from then on."))  # type: ignore[untyped-decorator]
    def activate(self, ids: list[int]) -> None:
        """Activate each; one whose combination is taken stays a draft and says so."""
        _each(ids, active=True)

    @action(  # type: ignore[untyped-decorator]
        "deactivate",
        _l("Deactivate"),
        _l("Deactivate these variants?\nThey can no longer be sold.\nOrders that have them stay as they are."),
    )
    def deactivate(self, ids: list[int]) -> None:
        """Make drafts of them."""
        _each(ids, active=False)


def _each(ids: Sequence[int], *, active: bool) -> None:
    """Each on its own: one that is refused does not hold up the others."""
    done, refusals = 0, []
    db.session.remove()
    for variant_id in sorted(ids):
        try:
            variants.set_active(variant_id, active, actor=current_actor())
            done += 1
        except Refused as refused:
            refusals.append(sentence(refused))
    if done and active:
        flash(ngettext("%(num)d variant is active.", "%(num)d variants are active.", done), "success")
    elif done:
        flash(ngettext("%(num)d variant is a draft now.", "%(num)d variants are drafts now.", done), "success")
    for said in refusals[:MOST_REASONS]:
        flash(said, "error")
    if more := len(refusals[MOST_REASONS:]):
        flash(ngettext("%(num)d more was refused.", "%(num)d more were refused.", more), "error")


def matching(most: int) -> list[int]:
    """The variants that the list of the present address means, in this application."""
    views = (view for admin in current_app.extensions["admin"] for view in admin._views)
    shown: VariantView = next(view for view in views if isinstance(view, VariantView))
    return shown.matching(most)


def views() -> Sequence[Any]:
    """Made anew for each application."""
    return (VariantView(),)
