"""Pages of the audit log and of the shop's stock movements. They only read."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

from flask import Blueprint, render_template
from flask_babel import get_timezone
from sqlalchemy.orm import Session

from magflow.blueprints.audit import forms
from magflow.db import db
from magflow.queries import audit, stock
from magflow.queries.audit import AuditFilter
from magflow.queries.audit_names import names
from magflow.queries.stock import MovementFilter
from magflow.web import audit_words as words
from magflow.web.auth import visitor
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, day
from magflow.web.permissions import allowed, requires

blueprint = Blueprint("audit", __name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


def visible() -> Collection[str] | None:
    """The tables whose history this person may read; None: all, and the named acts such as sign-ins."""
    return None if allowed("admin", visitor().scopes) else words.OF_THE_SHOP


@blueprint.get("/audit")
@requires("catalog:read")
def index() -> str:
    """The log, newest first."""
    listing = Listing(forms.AuditQuery())
    wanted = AuditFilter(
        actor=listing["actor"],
        table_name=listing["table"],
        row_id=listing["row"],
        action=listing["action"],
        door=listing["door"],
        request_id=listing["request"],
        since=_midnight(listing["since"]),
        until=_midnight(listing["until"], days=1),
        tables=visible(),
    )
    page = audit.entries(reading(), wanted, after=listing.after_id, limit=PAGE)
    return render_template(
        "audit/index.html",
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        chips=_audit_chips(listing),
        words=words,
        names=names(reading(), page.rows),
        tables=[
            (name, label) for name, label in words.TABLES.items() if visible() is None or name in words.OF_THE_SHOP
        ],
    )


def _midnight(day_: date | None, days: int = 0) -> datetime | None:
    """A day begins when it begins in the shop."""
    if day_ is None:
        return None
    return datetime.combine(day_ + timedelta(days=days), time(), tzinfo=get_timezone())


def _audit_chips(listing: Listing) -> list[dict[str, object]]:
    return [
        *listing.chip("actor", _("Person")),
        *listing.chip("table", _("Object"), words.table(listing["table"])),
        *listing.chip("row", _("Id")),
        *listing.chip("action", _("Action"), words.action(listing["action"] or "")),
        *listing.chip("door", _("Through"), words.door(listing["door"] or "")),
        *listing.chip("request", _("Request")),
        *listing.chip("since", _("From"), day(listing["since"])),
        *listing.chip("until", _("To"), day(listing["until"])),
    ]


@blueprint.get("/audit/<int:entry_id>")
@requires("catalog:read")
def entry(entry_id: int) -> str:
    """One entry: every field before and after, and what else was recorded in the same request."""
    found = audit.entry(reading(), entry_id, tables=visible())
    tables = visible()
    others = [other for other in audit.same_request(reading(), found) if tables is None or other.table_name in tables]
    return render_template(
        "audit/entry.html", entry=found, others=others, words=words, names=names(reading(), [found, *others])
    )


@blueprint.get("/audit/stock")
@requires("stock:read")
def movements() -> str:
    """The stock movements of the whole shop, newest first."""
    listing = Listing(forms.MovementsQuery())
    wanted = MovementFilter(sku=listing["sku"], reason=listing["reason"], actor=listing["actor"], door=listing["door"])
    place = forms.place(listing.after)
    after = (EPOCH + timedelta(microseconds=place[0]), place[1], place[2]) if place is not None else None
    page = stock.movements(reading(), wanted, after=after, limit=PAGE)
    key = None
    if page.next_place is not None:
        at, variant_id, seq = page.next_place
        key = f"{(at - EPOCH) // timedelta(microseconds=1)}.{variant_id}.{seq}"
    return render_template(
        "stock/index.html",
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=key),
        chips=[
            *listing.chip("sku", _("SKU")),
            *listing.chip("reason", _("Reason"), words.reason(listing["reason"] or "")),
            *listing.chip("actor", _("Person")),
            *listing.chip("door", _("Through"), words.door(listing["door"] or "")),
        ],
        words=words,
    )
