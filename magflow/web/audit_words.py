"""The audit log in words: what was changed, which field, from what to what."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from flask import url_for

from magflow.queries.audit import AuditEntry
from magflow.queries.audit_names import Names
from magflow.web.locale import _, _l, moment, money, number
from magflow.web.words import DOORS, REASONS, door, reason, reason_icon

__all__ = [
    "ACTIONS", "DOORS", "LOOKS", "OF_THE_SHOP", "REASONS", "TABLES", "action", "brief", "changes", "door", "field",
    "link", "name_of", "reason", "reason_icon", "table", "value",
]  # fmt: skip

TABLES: Final[dict[str, Any]] = {
    "products": _l("Product"),
    "variants": _l("Variant"),
    "option_types": _l("Option"),
    "option_values": _l("Option value"),
    "product_option_types": _l("Option of a product"),
    "product_option_values": _l("Value of a product"),
    "variant_external_ids": _l("External id"),
    "images": _l("Picture"),
    "price_templates": _l("Price template"),
    "price_template_rules": _l("Price rule"),
    "orders": _l("Order"),
    "order_items": _l("Order line"),
    "order_handling": _l("Handling of an order"),
    "order_series": _l("Order series"),
    "marketplace_accounts": _l("Account"),
    "marketplace_writes": _l("What a marketplace was told"),
    "stock_pools": _l("Pool"),
    "offers": _l("Offer"),
    "webhook_endpoints": _l("Webhook in"),
    "webhook_subscriptions": _l("Webhook out"),
    "imports": _l("Import"),
    "transfers": _l("Transfer"),
    "stock_alerts": _l("Alert"),
    "automation_rules": _l("Rule of automation"),
    "notification_recipients": _l("Recipient"),
    "settings": _l("Setting"),
    "users": _l("User"),
    "api_tokens": _l("Access token"),
}

OF_THE_SHOP: Final = frozenset(TABLES) - {
    "users", "api_tokens", "settings", "webhook_endpoints", "webhook_subscriptions", "notification_recipients"
}  # fmt: skip
"""What everybody who may read the catalogue may see; people and tokens are the owner's."""

ACTIONS: Final[dict[str, Any]] = {
    "insert": _l("added"),
    "update": _l("changed"),
    "delete": _l("deleted"),
    "sign_in.ok": _l("signed in"),
    "sign_in.failed": _l("sign-in failed"),
    "sign_in.locked": _l("sign-in locked"),
    "sign_out.ok": _l("signed out"),
    "password.changed": _l("password changed"),
    "password.link": _l("link for a new password made"),
    "role.changed": _l("role changed"),
    "token.created": _l("access token made"),
    "token.revoked": _l("access token revoked"),
    "access.refused": _l("access refused"),
    "account.tested": _l("connection tested"),
    "credentials.rotated": _l("secrets encrypted anew"),
    "user.disabled": _l("user switched off"),
    "user.enabled": _l("user switched on"),
    "import.started": _l("started"),
    "import.finished": _l("finished"),
    "import.failed": _l("failed"),
    "import.cancelled": _l("cancelled"),
}

LOOKS: Final = {
    "insert": ("plus", "good"),
    "update": ("edit", "info"),
    "delete": ("trash", "bad"),
    "sign_in.failed": ("warning", "warn"),
    "sign_in.locked": ("lock", "warn"),
    "access.refused": ("lock", "warn"),
}

FIELDS: Final[dict[str, Any]] = {
    "name": _l("Name"),
    "title": _l("Title"),
    "sku": _l("SKU"),
    "variant_sku": _l("SKU"),
    "ean": _l("Barcode (EAN)"),
    "price": _l("Price"),
    "unit_price": _l("Price"),
    "compare_at_price": _l("Compare-at price"),
    "stock": _l("Stock"),
    "status": _l("Status"),
    "options_digest": _l("Combination"),
    "vat_rate": _l("VAT rate"),
    "vat_rate_snapshot": _l("VAT rate"),
    "brand": _l("Brand"),
    "category": _l("Category"),
    "description": _l("Description"),
    "handle": _l("Handle"),
    "archived": _l("Archived"),
    "archived_at": _l("Archived at"),
    "version": _l("Version"),
    "quantity": _l("Quantity"),
    "restocked_quantity": _l("Came back"),
    "waybill": _l("Waybill"),
    "invoice_number": _l("Invoice"),
    "buying_in_since": _l("Being bought in"),
    "cancel_reason": _l("Why it was cancelled"),
    "split_from_id": _l("Split"),
    "number": _l("Number"),
    "customer_name": _l("Customer"),
    "customer_email": _l("E-mail"),
    "customer_phone": _l("Phone"),
    "billing_address": _l("Bill to"),
    "shipping_address": _l("Send to"),
    "image_id": _l("Picture"),
    "note": _l("Note"),
    "total_gross": _l("Total"),
    "total_tax": _l("VAT in it"),
    "line_total_gross": _l("Line total"),
    "confirmed_at": _l("Confirmed at"),
    "cancelled_at": _l("Cancelled at"),
    "returned_at": _l("Returned at"),
    "placed_at": _l("Placed at"),
    "created_at": _l("Added at"),
    "updated_at": _l("Changed at"),
    "movement_seq": _l("Number of movements"),
    "external_sku": _l("Old external SKU"),
    "name_key": _l("Name for comparison"),
    "presentation": _l("Shown as"),
    "alt_text": _l("Alternative text"),
    "content_type": _l("Kind of file"),
    "width": _l("Width"),
    "height": _l("Height"),
    "byte_size": _l("Size in bytes"),
    "sha256": _l("Digest"),
    "price_source": _l("Price from"),
    "stock_source": _l("Stock from"),
    "id": _l("Id"),
    "product_id": _l("Product"),
    "variant_id": _l("Variant"),
    "order_id": _l("Order"),
    "option_type_id": _l("Option"),
    "option_value_id": _l("Option value"),
    "position": _l("Position"),
    "role": _l("Role"),
    "email": _l("E-mail"),
    "active": _l("Active"),
    "locale": _l("Language"),
    "external_id": _l("External id"),
    "source": _l("Source"),
    "source_account": _l("Account"),
    "currency": _l("Currency"),
    "scopes": _l("Rights"),
    "expires_at": _l("Expires"),
    "address": _l("Address"),
    "endpoint": _l("Page"),
    "needs": _l("Right"),
}

STATUSES: Final[dict[str, Any]] = {
    "pending": _l("pending"),
    "confirmed": _l("confirmed"),
    "cancelled": _l("cancelled"),
    "returned": _l("returned"),
}

MONEY: Final = frozenset(
    {"price", "unit_price", "compare_at_price", "total_gross", "total_tax", "line_total_gross", "tax_amount"}
)


def table(name: str | None) -> str:
    """What kind of thing a table holds."""
    return str(TABLES.get(name or "", name or "—"))


def action(name: str) -> str:
    return str(ACTIONS.get(name, name))


def field(name: str) -> str:
    """What a column is called on the screens."""
    return str(FIELDS.get(name, name))


def value(entry: AuditEntry, name: str, raw: Any, names: Names) -> str:
    """A stored value for people."""
    if raw is None:
        return "—"
    if (called := names.of_column(name, raw)) is not None:
        return called
    if isinstance(raw, bool):
        return _("yes") if raw else _("no")
    if name == "status" and entry.table_name == "variants":
        return _("active") if raw == 0 else _("draft")
    if name == "status":
        return str(STATUSES.get(str(raw), raw))
    if name in MONEY:
        return _amount(raw)
    if name.endswith("_at") and isinstance(raw, str):
        return _time(raw)
    if isinstance(raw, list):
        return ", ".join(map(str, raw)) or "—"
    if isinstance(raw, int) and not name.endswith("_id") and name != "version":
        return number(raw)
    return str(raw) if raw != "" else "—"


def _amount(raw: Any) -> str:
    try:
        return money(Decimal(str(raw)))
    except InvalidOperation:
        return str(raw)


def _time(raw: str) -> str:
    try:
        return moment(datetime.fromisoformat(raw))
    except ValueError:
        return raw


def changes(entry: AuditEntry, names: Names) -> list[tuple[str, str, str]]:
    """Field, before, after; the fields that say most come first. Of a new or a deleted row only what it held."""
    old, new = entry.old or {}, entry.new or {}
    fields = sorted(old.keys() | new.keys(), key=_weight)
    if entry.action in {"insert", "delete"}:
        held = old or new
        fields = [name for name in fields if held[name] is not None and name not in COUNTERS]
    return [
        (field(name), value(entry, name, old.get(name), names), value(entry, name, new.get(name), names))
        for name in fields
    ]


def _weight(name: str) -> tuple[bool, int, str]:
    known = list(FIELDS)
    return name in LAST, known.index(name) if name in FIELDS else len(known), name


COUNTERS: Final = frozenset({"version", "updated_at", "movement_seq", "id", "name_key"})
LAST: Final = COUNTERS | {"created_at"}

TELLING: Final = ("name", "number", "variant_id", "option_value_id", "option_type_id", "title", "quantity", "price",
                  "customer_name", "role", "address")  # fmt: skip
"""Of a row that came or went: what a list says about it."""


def brief(entry: AuditEntry, names: Names, most: int = 3) -> list[tuple[str, str, str]]:
    """The changes that fit in a list's row."""
    old, new = entry.old or {}, entry.new or {}
    held = new or old
    if entry.action == "update":
        fields = [name for name in held if name not in LAST]
    else:
        told = name_of(entry, names)
        fields = [name for name in TELLING if held.get(name) is not None and str(held[name]) != told]
    return [
        (field(name), value(entry, name, old.get(name), names), value(entry, name, new.get(name), names))
        for name in fields[:most]
    ]


def name_of(entry: AuditEntry, names: Names) -> str:
    """What the thing is called: today, else as the entry itself knows; else its id."""
    if (called := names.of(entry.table_name, entry.row_id)) is not None:
        return called
    for side in (entry.new or {}, entry.old or {}):
        for name in ("sku", "number", "name", "email", "filename", "external_id"):
            if side.get(name):
                return str(side[name])
        for column in ("order_id", "product_id"):
            if (called := names.of_column(column, side.get(column))) is not None:
                return called
    return f"#{entry.row_id}" if entry.row_id else ""


def link(entry: AuditEntry) -> str | None:
    """The page of the thing, if it has one and is still there to be opened."""
    if entry.row_id is None or not entry.row_id.isdecimal() or entry.action == "delete":
        return None
    row_id = int(entry.row_id)
    if entry.table_name == "products":
        return url_for("products.page", product_id=row_id)
    if entry.table_name == "variants":
        return url_for("variants.page", variant_id=row_id)
    if entry.table_name == "orders":
        return url_for("orders.page", order_id=row_id)
    return None
