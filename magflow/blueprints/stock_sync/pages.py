"""Pages of stock sync: the queue of alerts, all SKUs side by side, one SKU, and what was closed."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import amount_words, forms, queue_pages, words
from magflow.blueprints.stock_sync.current import bring_up_to_date
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.stock_sync import PRIORITIES
from magflow.queries import demand, stock_alerts, transfers
from magflow.queries import stock_sync as reads
from magflow.services.stock_sync import alerts
from magflow.web.forms import Form, Landing, act, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("stock_sync", __name__)

SHOWN: Final = 5
"""Transfers and closed alerts on the page of a SKU."""


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


@blueprint.app_context_processor
def sentences() -> dict[str, Any]:
    """The words of stock sync, for its templates and for Home."""
    return {"sync_words": words, "amount_words": amount_words}


def waiting_alerts() -> int:
    """For the menu: how many alerts ask for an action."""
    return stock_alerts.needing_people(reading())


# --- alerts ----------------------------------------------------------------------------------------------------------


@blueprint.get("/stock-sync")
@requires("stock:read")
def index() -> str:
    """The queue: what costs money, the worst first."""
    bring_up_to_date()
    listing = Listing(forms.AlertsQuery())
    wanted = queue_pages.wanted(listing)
    after = [int(part) for part in listing.after.split(".")] if listing.after else None
    page = stock_alerts.alerts(reading(), wanted, after=after if after and len(after) == 2 else None, limit=PAGE)
    counts = stock_alerts.summary(reading())
    next_key = ".".join(map(str, page.next_key)) if page.next_key else None
    chips = listing.chip("cause", _("Cause"), words.CAUSE_WORDS.get(listing["cause"] or ""))
    return show(
        "stock_sync/alerts.html",
        area_tabs=words.tabs("alerts"),
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=next_key),
        views=[
            listing.tab(_("All"), "", count=counts.total),
            *(listing.tab(words.PRIORITY_WORDS[p], p, count=counts.by_priority.get(p)) for p in PRIORITIES),
            listing.tab(_("Snoozed"), "snoozed", count=counts.snoozed),
        ],
        chips=[*chips, *listing.chip("account", _("Account"))],
        causes=[(cause, label, counts.by_cause[cause]) for cause, label in words.choices() if cause in counts.by_cause],
        accounts=reads.accounts(reading()),
        counts=counts,
        bulk_actions=[
            {"name": name, "label": label, "icon": words.ACTION_ICONS[name]}
            for name, label in words.ACTION_WORDS.items()
        ],
    )


@blueprint.post("/stock-sync/alerts/<int:alert_id>/snooze")
@requires("stock:write")
def snooze(alert_id: int) -> ResponseReturnValue:
    """Put an alert to sleep."""
    form = Form.sent(forms.SnoozeForm())
    how = form["for_"] if form.ok else "7"
    day = words.day_of(form["until"]) if how == "date" else None
    if how == "date" and day is None:
        flash(_("A day is expected that is still to come."), "error")
        return redirect(_back(), 303)

    def work(session: Session, actor: Actor) -> Landing:
        if how == "stock":
            command = alerts.Snooze(alert_id, until_stock_changes=True)
        else:
            command = alerts.Snooze(alert_id, day or datetime.now(UTC) + timedelta(days=int(how)))
        alerts.snooze.within(session, command, actor=actor)
        return Landing(_with_undo(alert_id), _("Snoozed."))

    return act(work, _back())


@blueprint.post("/stock-sync/alerts/<int:alert_id>/dismiss")
@requires("stock:write")
def dismiss(alert_id: int) -> ResponseReturnValue:
    """Close an alert for a reason."""
    form = Form.sent(forms.DismissForm())
    reason = form["reason"] if form.ok else "other"
    note = form["note"] if form.ok else None

    def work(session: Session, actor: Actor) -> Landing:
        alerts.dismiss.within(session, alerts.Dismiss(alert_id, reason, note), actor=actor)
        return Landing(_with_undo(alert_id), _("Dismissed: %(reason)s.", reason=note or words.REASON_WORDS[reason]))

    return act(work, _back())


@blueprint.post("/stock-sync/alerts/<int:alert_id>/reopen")
@requires("stock:write")
def reopen(alert_id: int) -> ResponseReturnValue:
    """Take a snooze or a dismissal back."""

    def work(session: Session, actor: Actor) -> Landing:
        alerts.reopen.within(session, alerts.Reopen(alert_id), actor=actor)
        return Landing(_back(), _("Open again."))

    return act(work, _back())


def _with_undo(alert_id: int) -> str:
    """The same, offering to take it back."""
    back = _back()
    return f"{back}{'&' if '?' in back else '?'}undo={alert_id}"


def _back() -> str:
    """The page that the button stood on."""
    return queue_pages.here(request.form.get("back"))


# --- all SKUs, one SKU -----------------------------------------------------------------------------------------------


@blueprint.get("/stock-sync/products")
@requires("stock:read")
def products() -> str:
    """A row per SKU, the accounts side by side."""
    bring_up_to_date()
    listing = Listing(forms.ProductsQuery())
    page = reads.offered_variants(
        reading(), sku=listing["q"], action=listing["view"] == "action", after=listing.after_id, limit=PAGE
    )
    found = reads.analysed(reading(), page.rows)
    return show(
        "stock_sync/products.html",
        area_tabs=words.tabs("products"),
        listing=listing,
        rows=[found[id_] for id_ in page.rows if id_ in found],
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        views=[listing.tab(_("All"), ""), listing.tab(_("Action required"), "action")],
        bulk_actions=[
            {"name": "analyse", "label": _("Analyse"), "icon": "chart"},
            {"name": "send", "label": _("Send again"), "icon": "upload"},
        ],
        accounts=reads.accounts(reading()),
        travelling=transfers.in_transit(reading(), page.rows),
        chains=reads.chains(reading(), page.rows),
    )


@blueprint.get("/stock-sync/products/<int:variant_id>")
@requires("stock:read")
def sku(variant_id: int) -> str:
    """One SKU: the chain of its stock per account, its alerts, its transfers."""
    bring_up_to_date()
    one = reads.analyse_one(reading(), variant_id)
    live = stock_alerts.alerts(reading(), stock_alerts.AlertFilter(variant_id=variant_id), limit=20)
    moved = transfers.transfers(reading(), transfers.TransferFilter(variant_id=variant_id), limit=SHOWN)
    return show(
        "stock_sync/sku.html",
        one=one,
        alerts=live.rows,
        transfers=moved.rows,
        chains={account_id: chain for (_id, account_id), chain in reads.chains(reading(), [variant_id]).items()},
        histories=demand.histories(reading(), variant_id),
        closed=stock_alerts.closed(reading(), variant_id=variant_id, limit=SHOWN).rows,
        travelling=transfers.in_transit(reading(), [variant_id]),
    )


@blueprint.get("/stock-sync/history")
@requires("stock:read")
def history() -> str:
    """What is over: resolved by an action or by itself, and what somebody dismissed."""
    listing = Listing(forms.HistoryQuery())
    page = stock_alerts.closed(reading(), sku=listing["q"], after=listing.after_id, limit=PAGE)
    return render_template(
        "stock_sync/history.html",
        area_tabs=words.tabs("history"),
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
    )
