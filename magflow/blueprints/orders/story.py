"""An order's story: what the audit log recorded about it and its lines, told for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from magflow.domain.orders import CANCELLED, CONFIRMED, RETURNED
from magflow.queries.audit import AuditEntry
from magflow.queries.orders import OrderPage
from magflow.web import audit_words
from magflow.web.locale import _, moment, money, ngettext
from magflow.web.words import door


class Event(NamedTuple):
    """One line of the timeline, as the macro `timeline` takes it."""

    what: str
    when: str
    who: str
    icon: str
    tone: str
    details: str | None
    at: datetime


def told(entries: Sequence[AuditEntry], skus: Mapping[int, str], page: OrderPage) -> list[Event]:
    """The events of an order, newest first. `skus`: what the variants are called that its lines ever had."""
    first_lines = _lines_at_birth(entries)
    events = _owed_alone(page)
    for entry in entries:
        if entry.id in first_lines:
            continue
        if entry.table_name == "orders":
            said = _of_order(entry, len(first_lines))
        elif entry.table_name == "order_handling":
            said = _of_handling(entry)
        else:
            said = _of_line(entry, skus, entries, page)
        if said is not None:
            what, icon, tone, details = said
            events.append(Event(what, moment(entry.at), _who(entry), icon, tone, details, entry.at))
    # What the log tells is in order already; a sort that is stable leaves it so.
    return sorted(events, key=lambda event: event.at, reverse=True)


def _owed_alone(page: OrderPage) -> list[Event]:
    """Money that is owed back although nothing came back."""
    skus = {line.item.id: line.sku or "—" for line in page.lines}
    said = []
    for refund in reversed(page.refunds):
        if refund.document_id is None:
            amount, sku = money(refund.amount, page.order.currency), skus.get(refund.order_item_id, "—")
            what = _("Owed back without goods: %(amount)s for %(sku)s", amount=amount, sku=sku)
            said.append(Event(what, moment(refund.at), refund.actor, "returned", "info", refund.reason, refund.at))
    return said


def variants_in(entries: Sequence[AuditEntry]) -> set[int]:
    """The variants that the story names."""
    found = {side.get("variant_id") for entry in entries for side in (entry.old or {}, entry.new or {})}
    return {variant_id for variant_id in found if isinstance(variant_id, int)}


def _lines_at_birth(entries: Sequence[AuditEntry]) -> frozenset[int]:
    """The entries of lines that came with the order itself: one event tells of them all."""
    born = next((e for e in entries if e.table_name == "orders" and e.action == "insert"), None)
    if born is None or born.request_id is None:
        return frozenset()
    return frozenset(
        e.id
        for e in entries
        if e.table_name == "order_items" and e.action == "insert" and e.request_id == born.request_id
    )


def _who(entry: AuditEntry) -> str:
    return f"{entry.actor} · {door(entry.door)}"


Said = tuple[str, str, str, str | None]


def _of_order(entry: AuditEntry, lines: int) -> Said | None:
    new = entry.new or {}
    if entry.action == "insert":
        details = ngettext("with %(num)d line", "with %(num)d lines", lines) if lines else None
        return _("Order taken"), "orders", "info", details
    if "status" in new:
        said: dict[str, Said] = {
            CONFIRMED: (_("Confirmed; its stock was taken"), "ok", "good", None),
            CANCELLED: (_("Cancelled"), "cancelled", "bad", None),
            RETURNED: (_("Everything came back"), "returned", "info", None),
        }
        return said.get(str(new["status"]))
    if new.get("blocked_reason"):
        return _("Could not be confirmed"), "warning", "warn", _why(str(new["blocked_reason"]))
    if changed := sorted(audit_words.field(name) for name in new.keys() - {"version"}):
        return _("Changed"), "edit", "neutral", ", ".join(changed)
    return None


def _why(code: str) -> str:
    said = {"insufficient_stock": _("not enough stock"), "variant_unavailable": _("a variant is not available")}
    return said.get(code, code)


def _of_handling(entry: AuditEntry) -> Said | None:
    new = {name: value for name, value in (entry.new or {}).items() if value is not None}
    if "buying_in_since" in new:
        return _("The missing goods are being bought in"), "truck", "info", None
    if "split_from_id" in new:
        return _("Split from another order, which could not be covered whole"), "orders", "info", None
    if "cancel_reason" in new:
        return _("Why it was cancelled"), "cancelled", "neutral", str(new["cancel_reason"])
    if sent := [str(new[name]) for name in ("waybill", "invoice_number") if name in new]:
        return _("Waybill, invoice"), "truck", "neutral", ", ".join(sent)
    return None


def _of_line(entry: AuditEntry, skus: Mapping[int, str], entries: Sequence[AuditEntry], page: OrderPage) -> Said | None:
    old, new = entry.old or {}, entry.new or {}
    if entry.action == "insert":
        sku = _sku(new, skus)
        return _("Line added: %(quantity)s × %(sku)s", quantity=new.get("quantity"), sku=sku), "plus", "neutral", None
    if entry.action == "delete":
        return _("Line removed: %(sku)s", sku=_sku(old, skus)), "minus", "neutral", None
    if "restocked_quantity" in new:
        units = int(new["restocked_quantity"]) - int(old.get("restocked_quantity") or 0)
        sku = _present_sku(entry, skus, entries)
        return _("Came back: %(units)s × %(sku)s", units=units, sku=sku), "returned", "info", None
    if "variant_id" in new and new["variant_id"] is None:
        known = next((line.sku for line in page.lines if str(line.item.id) == entry.row_id and line.sku), None)
        gone = _("The variant of a line was removed for good: %(sku)s", sku=known or _sku(old, skus))
        return gone, "trash", "neutral", None
    if "variant_id" in new:
        change = _("Variant changed: %(old)s → %(new)s", old=_sku(old, skus), new=_sku(new, skus))
        return change, "edit", "neutral", None
    if "quantity" in new:
        sku = _present_sku(entry, skus, entries)
        change = _("Quantity of %(sku)s: %(old)s → %(new)s", sku=sku, old=old.get("quantity"), new=new["quantity"])
        return change, "edit", "neutral", None
    return None


def _sku(side: Mapping[str, Any], skus: Mapping[int, str]) -> str:
    variant_id = side.get("variant_id")
    named = skus.get(variant_id) if isinstance(variant_id, int) else None
    return named or side.get("variant_sku") or _("a deleted variant")


def _present_sku(entry: AuditEntry, skus: Mapping[int, str], entries: Sequence[AuditEntry]) -> str:
    """The SKU that a line had when it was changed: the latest that was recorded of it until then."""
    for earlier in entries:  # newest first
        if earlier.id > entry.id or earlier.table_name != "order_items" or earlier.row_id != entry.row_id:
            continue
        side = earlier.new or {}
        if "variant_id" in side:
            return _sku(side, skus)
    return _("a line")
