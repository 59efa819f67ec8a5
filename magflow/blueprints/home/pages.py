"""The first page."""

import itertools
from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint

from magflow.db import db
from magflow.queries import audit, audit_names, automation, home, notifications, stock_alerts
from magflow.queries.audit import AuditEntry
from magflow.web import audit_words, auth
from magflow.web.forms import show
from magflow.web.locale import _, ngettext
from magflow.web.pages import url_or_none
from magflow.web.permissions import allowed, requires

blueprint = Blueprint("home", __name__)

WORST: Final = 5
"""Alerts that Home shows."""
ACTIVITY: Final = 10
LOOKED_AT: Final = 200
"""Entries that are read for ten lines: an import adds many variants at once."""
QUIET: Final = frozenset({"product_option_types", "product_option_values"})


@blueprint.get("/")
@requires("self")
def index() -> str:
    """How much there is, what waits, what happened last; in a new shop, what to do first."""
    figures = home.figures(db.session())
    scopes = auth.visitor().scopes
    sees_stock = allowed("stock:read", scopes) and url_or_none("stock_sync.index") is not None
    return show(
        "home/index.html",
        figures=figures,
        worst=stock_alerts.alerts(db.session(), stock_alerts.AlertFilter(), limit=WORST).rows if sees_stock else [],
        counts=stock_alerts.summary(db.session()) if sees_stock else None,
        accounts=home.accounts(db.session()) if sees_stock else [],
        stale=stock_alerts.stale_by_account(db.session()) if sees_stock else {},
        to_ship=home.to_ship(db.session()) if allowed("orders:read", scopes) else (0, 0),
        paused=automation.paused(db.session()) if sees_stock else [],
        unsent=notifications.failing(db.session()) if sees_stock and allowed("admin", scopes) else 0,
        steps=first_steps(figures, scopes),
        activity=recent_activity() if allowed("admin", scopes) else [],
        urls={
            "products": url_or_none("products.index"),
            "variants": url_or_none("admin_variants.index_view"),
            "orders": url_or_none("orders.index"),
            "imports": url_or_none("imports.index"),
            "audit": url_or_none("audit.index"),
            "stock_sync": url_or_none("stock_sync.index"),
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
    """The last changes and who made them; what one act did to many things is one line."""
    page = audit.entries(db.session(), audit.AuditFilter(), limit=LOOKED_AT)
    rows = [row for row in page.rows if row.table_name not in QUIET]
    named = audit_names.names(db.session(), rows)
    groups = [list(group) for _key, group in itertools.groupby(rows, key=_act)][:ACTIVITY]
    return [
        {"what": _what(group, named), "who": group[0].actor, "at": group[0].at, "url": audit_words.link(group[0])}
        for group in groups
    ]


def _act(row: AuditEntry) -> tuple[str, str | None, str, str]:
    return row.action, row.table_name, row.actor, row.door


def _what(group: Sequence[AuditEntry], named: audit_names.Names) -> str:
    first = group[0]
    thing = audit_words.table(first.table_name) if first.table_name else ""
    called = audit_words.name_of(first, named)
    if len(group) > 1:
        called = ngettext("%(name)s and %(num)d more", "%(name)s and %(num)d more", len(group) - 1, name=called)
    act = audit_words.action(first.action)
    return _("%(thing)s %(name)s: %(act)s", thing=thing, name=called, act=act) if thing else act
