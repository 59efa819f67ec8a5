"""The first page."""

from typing import Any, Final

from flask import Blueprint, render_template

from magflow.db import db
from magflow.queries import audit, home
from magflow.web import auth
from magflow.web.locale import _, _l
from magflow.web.pages import url_or_none
from magflow.web.permissions import allowed, requires

blueprint = Blueprint("home", __name__)

ACTIVITY: Final = 10
QUIET: Final = frozenset({"product_option_types", "product_option_values"})

TABLE_WORDS: Final[dict[str, Any]] = {
    "products": _l("product"),
    "variants": _l("variant"),
    "orders": _l("order"),
    "order_items": _l("order line"),
    "option_types": _l("option"),
    "option_values": _l("option value"),
    "users": _l("user"),
    "api_tokens": _l("API token"),
    "imports": _l("import"),
    "settings": _l("setting"),
    "variant_external_ids": _l("external id"),
    "price_templates": _l("price template"),
}


@blueprint.get("/")
@requires("self")
def index() -> str:
    """How much there is, what waits, what happened last; in a new shop, what to do first."""
    figures = home.figures(db.session())
    scopes = auth.visitor().scopes
    return render_template(
        "home/index.html",
        figures=figures,
        steps=first_steps(figures, scopes),
        activity=recent_activity() if allowed("admin", scopes) else [],
        urls={
            "products": url_or_none("products.index"),
            "variants": url_or_none("admin_variants.index_view"),
            "orders": url_or_none("orders.index"),
            "imports": url_or_none("imports.index"),
            "audit": url_or_none("audit.index"),
        },
    )


def first_steps(figures: home.Figures, scopes: frozenset[str] | None) -> list[dict[str, Any]]:
    """The first hour of a shop: each step, whether it is done, and where it is done."""
    steps = [
        ("imports:write", _("Bring your catalogue in"), _("From a Shopify export or a CSV file of your own."),
         url_or_none("imports.index"), figures.products > 0),
        ("catalog:write", _("Look through your products"), _("Change their options, deactivate what you do not sell."),
         url_or_none("products.index"), figures.variants > 0),
        ("orders:write", _("Take the first order"), _("Add lines, then confirm it: its stock is taken."),
         url_or_none("orders.index"), figures.confirmed_orders > 0),
        ("admin", _("Invite the others"), _("Each with a role that fits."),
         url_or_none("settings.users"), figures.people > 1),
        ("admin", _("Connect a program"), _("An API token lets it read and write what you allow."),
         url_or_none("settings.tokens"), figures.tokens > 0),
    ]  # fmt: skip
    return [
        {"title": title, "text": text, "url": url, "done": done}
        for permission, title, text, url, done in steps
        if allowed(permission, scopes)
    ]


def recent_activity() -> list[dict[str, Any]]:
    """The last changes and who made them."""
    page = audit.entries(db.session(), audit.AuditFilter(), limit=ACTIVITY * 4)
    rows = [row for row in page.rows if row.table_name not in QUIET]
    return [
        {"what": _what(row.action, row.table_name, row.row_id), "who": row.actor, "at": row.at}
        for row in rows[:ACTIVITY]
    ]


def _what(action: str, table: str | None, row_id: str | None) -> str:
    thing = str(TABLE_WORDS.get(table or "", table or ""))
    named: dict[str, str] = {
        "insert": _("%(thing)s %(id)s added", thing=thing, id=row_id or ""),
        "update": _("%(thing)s %(id)s changed", thing=thing, id=row_id or ""),
        "delete": _("%(thing)s %(id)s removed", thing=thing, id=row_id or ""),
        "sign_in.ok": _("signed in"),
        "sign_in.failed": _("sign-in failed"),
        "sign_in.locked": _("sign-in refused after too many failures"),
        "sign_out.ok": _("signed out"),
        "password.changed": _("password changed"),
        "password.link": _("link for a new password made"),
        "role.changed": _("role changed"),
        "token.created": _("API token made"),
        "token.revoked": _("API token revoked"),
        "access.refused": _("access refused"),
        "user.disabled": _("user disabled"),
        "user.enabled": _("user enabled"),
    }
    return named.get(action, f"{action} {thing} {row_id or ''}".strip())
