"""Stock sync in words: what is wrong, why, what to do; and what is said when a transfer is refused."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import current_app, url_for

from magflow.blueprints.stock_sync import amount_words
from magflow.domain.pools import NothingToDivide
from magflow.domain.stock_sync import CAUSES, Finding, OfferFacts, Recommendation, Thresholds
from magflow.domain.transfers import NeedsConfirmation, NothingToMove, TransferMoveRefused, TransferOpen
from magflow.queries.stock_alerts import AlertRow
from magflow.services.stock_sync.alerts import AlertClosed
from magflow.web import sentences
from magflow.web.locale import _, _l, ngettext

PRIORITY_WORDS: Final[dict[str, Any]] = {"high": _l("High"), "medium": _l("Medium"), "normal": _l("Normal")}
PRIORITY_LOOKS: Final = {"high": ("bad", "warning"), "medium": ("warn", "warning"), "normal": ("info", "info")}

CAUSE_WORDS: Final[dict[str, Any]] = {
    "zero_stock": _l("Nothing left, with competition"),
    "differs": _l("Sent and shown differ"),
    "low_stock": _l("Low stock with competition"),
    "better_rank": _l("Better rank, less stock"),
    "part_number_key": _l("Two product keys"),
    "not_sellable": _l("Not for sale"),
    "no_competition": _l("Stock where nobody competes"),
    "stale": _l("Weekly update due"),
}

REASON_WORDS: Final[dict[str, Any]] = {
    "wrong_data": _l("wrong data"),
    "not_worth_it": _l("not worth it"),
    "discontinued": _l("discontinued"),
    "handled_elsewhere": _l("handled elsewhere"),
    "other": _l("other"),
}

SNOOZE_WORDS: Final[dict[str, Any]] = {
    "1": _l("for a day"),
    "7": _l("for a week"),
    "30": _l("for 30 days"),
    "stock": _l("until stock changes"),
}

ACTION_WORDS: Final[dict[str, Any]] = {
    "snooze": _l("Snooze"),
    "dismiss": _l("Dismiss"),
    "suggest": _l("Suggest transfers"),
    "refresh": _l("Send again"),
}
ACTION_ICONS: Final = {"snooze": "clock", "dismiss": "close", "suggest": "truck", "refresh": "refresh"}
WILL_WORDS: Final[dict[str, Any]] = {
    "snooze": _l("will sleep"),
    "dismiss": _l("will be dismissed"),
    "suggest": _l("its transfer is written down, for you to approve"),
    "refresh": _l("its offers are sent again, unchanged"),
}
DID_WORDS: Final[dict[str, Any]] = {
    "snooze": _l("snoozed"),
    "dismiss": _l("dismissed"),
    "suggest": _l("transfer suggested"),
    "refresh": _l("waits to be sent"),
}
LEFT_WORDS: Final[dict[str, Any]] = {
    "before": _l("it was so already"),
    "gone": _l("it is not there any more"),
    "resolved": _l("resolved meanwhile: its condition is gone"),
    "no_transfer": _l("no account has stock to give"),
    "transfer_open": _l("a transfer of this SKU is not finished"),
    "drains": _l("the giver would be left with nothing: make this transfer by itself"),
    "not_sent": _l("no account of it is sent by MagFlow"),
    "refused": _l("not possible as things stand"),
}

TRANSFER_WORDS: Final[dict[str, Any]] = {
    "suggested": _l("suggested"),
    "approved": _l("approved"),
    "running": _l("running"),
    "done": _l("done"),
    "failed": _l("failed"),
    "cancelled": _l("cancelled"),
    "requested": _l("requested"),
    "in_transit": _l("in transit"),
    "received": _l("received"),
    "completed": _l("completed"),
}
TRANSFER_LOOKS: Final = {
    "suggested": ("neutral", "draft"),
    "approved": ("info", "check"),
    "running": ("info", "truck"),
    "done": ("good", "ok"),
    "failed": ("bad", "error"),
    "cancelled": ("neutral", "cancelled"),
}
KIND_WORDS: Final[dict[str, Any]] = {
    "redivide": _l("Re-division: numbers only"),
    "shipment": _l("Shipment: goods travel"),
}

IMPACT_WORDS: Final[dict[str, Any]] = {
    "Safe": _l("Safe"),
    "Low stock": _l("Low stock"),
    "Will lose buy button": _l("Will lose the buy button"),
    "Will gain/maintain buy button": _l("Likely to gain or keep the buy button"),
    "No competition - little gain": _l("No competition: little gain"),
}
FAULT_WORDS: Final[dict[str, Any]] = {
    "price": _l("the price is not valid"),
    "documentation": _l("the documentation is not approved"),
    "translation": _l("the translation is not ready"),
}


def tabs(current: str) -> list[dict[str, Any]]:
    """The pages of the area."""
    pages = (
        ("alerts", _("Alerts"), "stock_sync.index"),
        ("products", _("Products unified"), "stock_sync.products"),
        ("transfers", _("Transfers"), "sync_transfers.index"),
        ("history", _("History"), "stock_sync.history"),
        ("automation", _("Automation"), "automation.index"),
        ("figures", _("Figures"), "sync_figures.index"),
    )
    return [{"label": label, "url": url_for(to), "active": key == current} for key, label, to in pages]


# --- an alert, in the order in which a card says it ------------------------------------------------------------------


def title(row: AlertRow) -> str:
    """What is wrong, in one line."""
    finding = next((f for f in row.one.analysis.findings if f.cause == row.alert.cause), None)
    if finding is None:
        names = ", ".join(account.name for account in row.accounts)
        return f"{names}: {CAUSE_WORDS[row.alert.cause]}" if names else str(CAUSE_WORDS[row.alert.cause])
    return headline(finding)


def headline(finding: Finding) -> str:
    """What a cause says of its accounts."""
    offer = finding.accounts[0]
    names = ", ".join(one.name for one in finding.accounts)
    cause = finding.cause
    if len(finding.accounts) > 1 and cause == "zero_stock":
        return _("%(accounts)s are at 0, with competition", accounts=names)
    if len(finding.accounts) > 1 and cause == "low_stock":
        return _("%(accounts)s are low, with competition", accounts=names)
    if cause == "zero_stock":
        others = offer.other_sellers or 0
        if not others:
            return _("%(account)s is at 0; the other offer is our own", account=names)
        return ngettext("%(account)s is at 0, %(num)d other seller", "%(account)s is at 0, %(num)d other sellers",
                        others, account=names)  # fmt: skip
    if cause == "low_stock":
        return _("%(account)s is down to %(n)s", account=names, n=offer.stock)
    if cause == "better_rank":
        return ngettext(
            "%(account)s ranks %(rank)s with %(num)d unit", "%(account)s ranks %(rank)s with %(num)d units",
            offer.stock, account=names, rank=offer.rank,
        )  # fmt: skip
    if cause == "part_number_key":
        return _("Two product keys for one SKU: %(keys)s", keys=", ".join(
            dict.fromkeys(str(one.part_number_key) for one in finding.accounts)))  # fmt: skip
    if cause == "not_sellable":
        return _("%(account)s is not for sale: %(why)s", account=names, why=", ".join(
            str(FAULT_WORDS.get(fault, fault)) for fault in offer.faults))  # fmt: skip
    if cause == "differs":
        return _("Sent %(sent)s, %(account)s shows %(shown)s", sent=offer.sent_stock, account=names, shown=offer.stock)
    if cause == "no_competition":
        return _("Nobody competes on %(account)s", account=names)
    return _("%(account)s: the weekly update is due", account=names)


def why(row: AlertRow) -> str:
    """The figures that it rests on, one account after the other."""
    return " ".join(situation(offer) for offer in row.one.analysis.offers)


def situation(offer: OfferFacts) -> str:
    """One account in a sentence."""
    said = ngettext("%(account)s: %(num)d unit", "%(account)s: %(num)d units", offer.stock, account=offer.name)
    if offer.sellers is not None:
        others = offer.other_sellers or 0
        said += ", " + ngettext("%(num)d other seller", "%(num)d other sellers", others)
    if offer.rank is not None and offer.sellers is not None:
        said += ", " + _("rank %(rank)s of %(n)s", rank=offer.rank, n=max(offer.sellers, offer.rank))
    elif offer.rank is not None:
        said += ", " + _("rank %(rank)s", rank=offer.rank)
    return said + "."


def suggestion(advice: Recommendation | None) -> str:
    """What to do."""
    if advice is None:
        return _("Nothing to do any more: the condition is gone.")
    if advice.giver and advice.receiver:
        return ngettext(
            "Bring %(num)d unit from %(giver)s to %(receiver)s.",
            "Bring %(num)d units from %(giver)s to %(receiver)s.",
            advice.amount or 0,
            giver=advice.giver.name,
            receiver=advice.receiver.name,
        )
    name = advice.about[0].name if advice.about else ""
    if advice.type == "restock":
        return ngettext(
            "No account has stock to spare: order %(num)d unit for %(account)s.",
            "No account has stock to spare: order %(num)d units for %(account)s.",
            advice.amount or 0,
            account=name,
        )
    if advice.type == "offer_update":
        days = advice.figures["days"]
        if days is None:
            return _("%(account)s was never sent: send the offer, even if nothing changed.", account=name)
        return ngettext(
            "Last sent %(num)d day ago: send the offer of %(account)s again, even if nothing changed.",
            "Last sent %(num)d days ago: send the offer of %(account)s again, even if nothing changed.",
            days,
            account=name,
        )
    if advice.type == "fix_part_number_key":
        return _("Attach the offers to one product; update them, never create them again.")
    if advice.type == "correct_stock":
        return _("Read the offer again, then correct it.")
    return _("Correct what the marketplace names.")


def how_much(advice: Recommendation, limits: Thresholds) -> str:
    """Which rule gave the quantity, and with which numbers."""
    return amount_words.how_much(advice, limits)


def warning(offer: OfferFacts, left: int, impact: str) -> str:
    """What a transfer would do to the giver that is not safe."""
    if impact == "Will lose buy button":
        return _("%(account)s is left with nothing in a competition, and will lose the buy button.", account=offer.name)
    return _("%(account)s keeps only %(n)s in a competition.", account=offer.name, n=left)


def status(row: Any) -> str:
    """One line for the unified list."""
    advice = row.analysis.recommendations
    if not advice:
        return _("All in order")
    if row.analysis.action_required:
        kinds = {one.type for one in advice}
        if kinds & {"stock_transfer", "rebalance"}:
            return _("Action required: transfer needed")
        if "restock" in kinds:
            return _("Action required: order more")
        return _("Action required: %(what)s", what=CAUSE_WORDS[advice[0].cause])
    return str(CAUSE_WORDS[advice[0].cause])


def ending(alert: Any) -> str:
    """How an alert ended."""
    if alert.state == "dismissed":
        known = REASON_WORDS.get(alert.dismissed_reason or "", alert.dismissed_reason)
        reason = alert.note if alert.note and alert.dismissed_reason == "other" else known
        return _("dismissed by %(who)s: %(reason)s", who=alert.decided_by or "—", reason=reason)
    return _("resolved by a transfer") if alert.resolved_by == "action" else _("resolved by itself")


def tomorrow() -> str:
    """The first day until which something can sleep, on the shop's clock, as forms write it."""
    return (datetime.now(_zone()).date() + timedelta(days=1)).isoformat()


def day_of(typed: str | None) -> datetime | None:
    """When a day that was chosen begins on the shop's clock; None: it is none, or not one to come."""
    try:
        begins = datetime.combine(date.fromisoformat(typed or ""), time(), _zone())
    except ValueError:
        return None
    return begins if begins > datetime.now(UTC) else None


def _zone() -> ZoneInfo:
    return ZoneInfo(current_app.config["MAGFLOW"].timezone)


def asked_for(units: int) -> str:
    """The first line of what happened to a transfer."""
    return ngettext("Asked for: %(num)d unit", "Asked for: %(num)d units", units)


def happened(step: str, units: int) -> str:
    """What a step of a transfer was, in words."""
    if step == "approved":
        return ngettext("Approved: %(num)d unit", "Approved: %(num)d units", units)
    if step == "left":
        return ngettext("%(num)d unit has left", "%(num)d units have left", units)
    if step == "received":
        return ngettext("%(num)d unit has arrived", "%(num)d units have arrived", units)
    if step == "back":
        return ngettext("%(num)d unit is back", "%(num)d units are back", units)
    if step == "written":
        return _("The giver is lowered by %(n)s; the receiver is raised", n=units)
    return _("Ended")


def by(name: str) -> str:
    """Who it was; what a job did by itself is MagFlow's."""
    return "MagFlow" if "." in name and "@" not in name and " " not in name else name


def choices() -> list[tuple[str, Any]]:
    """The causes, the gravest first."""
    return [(cause, CAUSE_WORDS[cause]) for cause in CAUSES]


sentences.add_sentences(
    {
        "not_listed": _l("%(sku)s has no offer in %(account)s."),
        "in_the_past": _l("This moment is past; choose a later one."),
        "period_reversed": _l("The period ends before it begins."),
        "period_too_long": _l("A period has at most %(limit)s days."),
    }
)
sentences.SENTENCES.update(
    {
        NothingToMove: lambda _r: _("Both accounts sell from one warehouse: there is nothing to move between them."),
        NothingToDivide: lambda r: _(
            "The pool %(pool)s is not shared by several accounts of the shop's own warehouse: "
            "there is nothing to divide.",
            pool=r.pool,
        ),
        NeedsConfirmation: lambda r: _(
            "%(account)s would be left with nothing in a competition. Confirm that this is meant.", account=r.account
        ),
        TransferOpen: lambda r: _(
            "Transfer %(n)s of %(sku)s is not finished. Finish or cancel it first.", n=r.transfer_id, sku=r.sku
        ),
        TransferMoveRefused: lambda r: _(
            "A transfer that is %(state)s cannot be %(wanted)s.",
            state=TRANSFER_WORDS.get(r.state, r.state),
            wanted=TRANSFER_WORDS.get(r.wanted, r.wanted),
        ),
        AlertClosed: lambda _r: _("This alert is resolved already: its condition is gone."),
    }
)
