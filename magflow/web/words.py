"""Words that several areas say: through which door something came, and why stock moved."""

from typing import Any, Final

from magflow.web.locale import _l

DOORS: Final[dict[str, Any]] = {
    "admin": _l("in MagFlow"),
    "api": _l("API"),
    "cli": _l("command line"),
    "job": _l("job"),
    "webhook": _l("webhook"),
    "import": _l("import"),
    "system": _l("system"),
    "sql": _l("SQL by hand"),
}

REASONS: Final[dict[str, Any]] = {
    "opening": _l("Opening stock"),
    "sale": _l("Sold"),
    "restock": _l("Came back"),
    "adjustment": _l("Corrected by hand"),
    "count": _l("Counted"),
    "import": _l("Import"),
    "feed": _l("Feed"),
    "transfer": _l("Transfer"),
    "migration": _l("Taken over"),
}

LABELS: Final[dict[str, Any]] = {
    "name": _l("Name"),
    "brand": _l("Brand"),
    "category": _l("Category"),
    "description": _l("Description"),
    "vat_rate": _l("VAT rate"),
    "sku": _l("SKU"),
    "title": _l("Title"),
    "price": _l("Price with VAT"),
    "compare_at_price": _l("Compare-at price"),
    "stock": _l("Stock"),
    "ean": _l("Barcode (EAN)"),
    "delta": _l("Difference"),
    "counted": _l("Count"),
    "reason": _l("Reason"),
    "quantity": _l("Quantity"),
    "customer_name": _l("Name"),
    "customer_email": _l("E-mail"),
    "customer_phone": _l("Phone"),
    "note": _l("Note"),
}
"""What the fields of forms are called, for the list of errors above a form."""

REASON_ICONS: Final = {
    "opening": "plus",
    "sale": "cart",
    "restock": "returned",
    "adjustment": "edit",
    "count": "check",
    "import": "file",
    "feed": "plug",
    "transfer": "truck",
    "migration": "history",
}


def door(name: str) -> str:
    """Through which door something came."""
    return str(DOORS.get(name, name))


def reason(name: str) -> str:
    """Why stock moved."""
    return str(REASONS.get(name, name))


def reason_icon(name: str) -> str:
    """The drawing beside a reason."""
    return REASON_ICONS.get(name, "dot")
