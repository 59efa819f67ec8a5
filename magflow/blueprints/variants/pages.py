"""Pages of products: the list, one product with its variants, and the forms that change it."""

from collections.abc import Sequence
from typing import cast

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_pgettext, pgettext
from sqlalchemy.orm import Session

from magflow.blueprints.variants import forms, image_pages
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid, StaleVersion
from magflow.domain.options import name_key
from magflow.queries import audit, catalogue, images, product_lists, product_views, title_reading, troubles
from magflow.services import products
from magflow.services.products import EditProduct, NewProduct, OptionsPlan, SetOptions
from magflow.web import columns
from magflow.web.auth import request_id
from magflow.web.columns import Column
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, _l, ngettext
from magflow.web.pages import url_or_none
from magflow.web.permissions import requires

blueprint = Blueprint("products", __name__)

MOST_SHOWN = 100
"""Variants in the table of a product's page: a browser takes seconds over two thousand rows, the grid does not."""

PRODUCT_COLUMNS = (
    Column("picture", _l("Picture")),
    Column("active", lazy_pgettext("variants", "Active")),
    Column("drafts", _l("Drafts")),
    Column("stock", _l("Stock")),
    Column("price", _l("Price")),
    Column("brand", _l("Brand"), usual=False),
    Column("category", _l("Category"), usual=False),
    Column("handle", _l("Handle"), usual=False),
    Column("updated_at", _l("Last changed"), usual=False),
    Column("state", _l("State")),
)

FIELDS = ("name", "brand", "category", "description", "vat_rate")


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


# --- the list ---------------------------------------------------------------------------------------------------------


@blueprint.get("/products")
@requires("catalog:read")
def index() -> str:
    """All products, by saved view, search and filter."""
    listing = Listing(forms.ProductsQuery())
    where = [product_views.condition(reading(), listing["view"] or "")]
    if listing["sold_out"]:
        where.append(product_views.sold_out())
    wanted = product_lists.ProductFilter(
        q=listing["q"], brand=listing["brand"], category=listing["category"], where=where
    )
    page = product_lists.products(reading(), wanted, after=listing.after_id, limit=PAGE)
    return render_template(
        "products/index.html",
        listing=listing,
        page=page,
        covers=_covers([row.product.id for row in page.rows]),
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        tabs=_tabs(listing),
        chips=_chips(listing),
        troubles=troubles.waiting(reading()),
        brands=[(name, name) for name in product_views.brands(reading())],
        categories=[(name, name) for name in product_views.categories(reading())],
        import_url=url_or_none("imports.index"),
        export_url=url_or_none("imports.export_products"),
        column_choices=columns.choices(PRODUCT_COLUMNS),
        shown=columns.shown(PRODUCT_COLUMNS),
        empty_shop=not page.total and not listing.narrowed and not listing["view"],
    )


def _covers(ids: Sequence[int]) -> dict[int, images.Cover]:
    return images.covers_of_products(reading(), ids) if "picture" in columns.shown(PRODUCT_COLUMNS) else {}


def _tabs(listing: Listing) -> list[dict[str, object]]:
    def counted(view: str) -> int | None:
        return product_views.count(reading(), view)

    return [
        listing.tab(pgettext("products", "All"), ""),
        listing.tab(_("Without variants"), "empty", count=counted("empty")),
        listing.tab(_("Drafts"), "drafts", count=counted("drafts")),
        listing.tab(_("Orphans and incomplete"), "troubled", count=counted("troubled")),
        listing.tab(pgettext("products", "Archived"), "archived"),
    ]


def _chips(listing: Listing) -> list[dict[str, object]]:
    return [
        *listing.chip("brand", _("Brand")),
        *listing.chip("category", _("Category")),
        *listing.chip("sold_out", _("Stock"), _("out of stock")),
    ]


# --- one product ------------------------------------------------------------------------------------------------------


@blueprint.get("/products/<int:product_id>")
@requires("catalog:read")
def page(product_id: int) -> str:
    """A product, its options and its variants; after a change of options, what that did."""
    shown = catalogue.product_page(reading(), product_id)
    bare = [row for row in shown.variants if row.variant.options_digest is None]
    # A product that is sold as one item has one variant without options, and nothing is amiss.
    unread = title_reading.how_many(reading(), product_id) if bare and (shown.options or len(bare) > 1) else 0
    return show(
        "products/page.html",
        page=shown,
        most_shown=MOST_SHOWN,
        covers=images.covers_of_variants(reading(), [row.variant.id for row in shown.variants[:MOST_SHOWN]]),
        pictures=image_pages.gallery(product_id),
        report=_report(shown),
        archive_consequences=archive_consequences,
        unread=unread,
    )


def _report(page: catalogue.ProductPage) -> dict[str, object] | None:
    """What the change of options of one request did, read from the audit log."""
    changed = Listing(forms.ReportQuery())["changed"]
    if not changed:
        return None
    gone = audit.deactivated_in(reading(), page.product.id, changed)
    keepers = {row.variant.options_digest: row for row in page.variants if row.variant.status == 0}
    return {
        "deactivated": [
            (row, keepers.get(row.variant.options_digest)) for row in page.variants if row.variant.id in gone
        ],
        "incomplete": [row for row in page.variants if row.variant.id in page.incomplete],
        "orphans": [row for row in page.variants if row.variant.id in page.orphans],
    }


@blueprint.get("/products/new")
@requires("catalog:write")
def new() -> ResponseReturnValue:
    """The form for a new product."""
    return _new_page(Form())


def _new_page(form: Form) -> ResponseReturnValue:
    return show("products/new.html", form=form), form.status


@blueprint.post("/products/new")
@requires("catalog:write")
def create() -> ResponseReturnValue:
    """Make the product and the variant that it is sold as."""
    form = Form.sent(forms.NewProductForm())
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = NewProduct(
                name=form["name"],
                brand=form["brand"],
                category=form["category"],
                description=form["description"],
                vat_rate=form["vat_rate"],
                sku=form["sku"],
                price=form["price"],
                stock=form["stock"] or 0,
                ean=form["ean"],
                default_variant=True,
            )
            product = products.create.within(session, command, actor=actor)
            return Landing(
                url_for("products.page", product_id=product.id),
                _("%(name)s was added. Give it options if it comes in sizes or colours.", name=product.name),
            )

        if (answer := form.once(work)) is not None:
            return answer
    return _new_page(form)


@blueprint.get("/products/<int:product_id>/edit")
@requires("catalog:write")
def edit(product_id: int) -> ResponseReturnValue:
    """The form for a product's own fields."""
    return _edit_page(product_id, Form())


def _edit_page(product_id: int, form: Form) -> ResponseReturnValue:
    return show("products/edit.html", form=form, product=catalogue.product(reading(), product_id)), form.status


@blueprint.post("/products/<int:product_id>/edit")
@requires("catalog:write")
def save(product_id: int) -> ResponseReturnValue:
    """Change a product's own fields."""
    form = Form.sent(forms.EditProductForm())
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = EditProduct(product_id, form.pick(*FIELDS), seen_version=form["version"])
            product = products.edit.within(session, command, actor=actor)
            return Landing(url_for("products.page", product_id=product_id), _("%(name)s is saved.", name=product.name))

        if (answer := form.once(work)) is not None:
            return answer
    return _edit_page(product_id, form)


@blueprint.post("/products/<int:product_id>/archive")
@requires("catalog:write")
def archive(product_id: int) -> ResponseReturnValue:
    """Take a product out of the shop: its active variants become drafts."""
    back = url_for("products.page", product_id=product_id)
    product = catalogue.product_page(reading(), product_id)
    active = sum(row.variant.status == 0 for row in product.variants)
    question = _("Archive %(name)s?", name=product.product.name)
    if (asking := ask_first(question, archive_consequences(active), _("Archive"), back)) is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        archived, count = products.archive.within(session, product_id, actor=actor)
        said = ngettext(
            "%(name)s is archived; %(num)d variant was deactivated.",
            "%(name)s is archived; %(num)d variants were deactivated.",
            count,
            name=archived.name,
        )
        return Landing(back, said)

    return act(work, back)


def archive_consequences(active: int) -> list[str]:
    """What archiving does, one a line."""
    return [
        ngettext("%(num)d active variant becomes a draft.", "%(num)d active variants become drafts.", active),
        _("It leaves the list of products; past orders keep it."),
        _("Its stock stays where it is."),
    ]


# --- its options ------------------------------------------------------------------------------------------------------


@blueprint.get("/products/<int:product_id>/options")
@requires("catalog:write")
def options(product_id: int) -> ResponseReturnValue:
    """The form in which the options of a product are changed."""
    there = catalogue.product_options(reading(), product_id)
    rows = [forms.OptionRow(row.type.name, forms.listed_values([v.name for v in row.values])) for row in there]
    return _options_page(product_id, Form(), forms.OptionRows(rows, []), None)


@blueprint.post("/products/<int:product_id>/options")
@requires("catalog:write")
def change_options(product_id: int) -> ResponseReturnValue:
    """Show what the change would do; do it once that very plan was agreed to."""
    form = Form.sent(forms.OptionsForm())
    rows = forms.sent_options()
    plan = None
    if form.ok and rows.ok:
        try:
            plan = products.preview_options(reading(), SetOptions(product_id, rows.options))
        except Invalid as invalid:
            rows.refuse(invalid.errors)
    if plan is not None and form["plan"] is not None and form["plan"] == plan.fingerprint:

        def work(session: Session, actor: Actor) -> Landing:
            seen = SetOptions(product_id, rows.options, seen_version=form["version"], seen_plan=form["plan"])
            products.set_options.within(session, seen, actor=actor)
            return Landing(
                url_for("products.page", product_id=product_id, changed=request_id()), _("The options are changed.")
            )

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, StaleVersion):
            form.general = [_("Somebody changed this product meanwhile. This is what your change would do now.")]
            plan = products.preview_options(reading(), SetOptions(product_id, rows.options))
    elif plan is not None and form["plan"] is not None:
        form.general.append(_("It would do something else by now. Look at it again, then save."))
    return _options_page(product_id, form, rows, plan)


def _options_page(product_id: int, form: Form, rows: forms.OptionRows, plan: OptionsPlan | None) -> ResponseReturnValue:
    shown = catalogue.product_page(reading(), product_id)
    by_id = {row.variant.id: row for row in shown.variants}
    status = 422 if not rows.ok else form.status
    return (
        show(
            "products/options.html",
            form=form,
            rows=rows,
            page=shown,
            plan=plan,
            by_id=by_id,
            difference=_difference(shown, rows) if plan is not None else None,
            everything=catalogue.option_types(reading()),
        ),
        status,
    )


def _difference(page: catalogue.ProductPage, rows: forms.OptionRows) -> dict[str, list[str]]:
    """What comes and what goes, in names, for the preview."""
    there = {name_key(row.type.name): row for row in page.options}
    wanted = {name_key(option.name): option for option in rows.options}
    come, go = [], []
    for key, option in wanted.items():
        old = {name_key(v.name) for v in there[key].values} if key in there else set()
        new = [value for value in option.values if name_key(value) not in old]
        if key not in there:
            come.append(f"{option.name}: {', '.join(option.values) or '—'}")
        elif new:
            come.append(f"{option.name}: {', '.join(new)}")
    for key, row in there.items():
        kept = {name_key(value) for value in wanted[key].values} if key in wanted else set()
        lost = [v.name for v in row.values if name_key(v.name) not in kept]
        if key not in wanted:
            go.append(f"{row.type.name}: {', '.join(lost) or '—'}")
        elif lost:
            go.append(f"{row.type.name}: {', '.join(lost)}")
    return {"come": come, "go": go}
