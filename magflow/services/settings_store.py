"""What the shop decided, kept in the database: read by everybody, changed by the owner, written down by a trigger."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid
from magflow.models import Setting

VAT_RATE: Final = "vat_rate"
STOCK_SYNC: Final = "stock_sync"
"""Limits of stock sync that differ from the usual ones: `magflow.queries.stock_sync.limits`."""
NOTIFICATIONS: Final = "notifications"
"""What holds for all mails: who they are from, and what their links begin with."""
SELLER: Final = "seller"
"""Who sells, as it stands on invoices: name, address, tax number, a line each."""
DEFAULTS: Final[dict[str, Any]] = {VAT_RATE: "21.00", STOCK_SYNC: {}, NOTIFICATIONS: {}, SELLER: ""}
"""Every setting that there is, with its value until somebody decides otherwise."""

WRITE: Final = """
INSERT INTO settings (key, value, updated_at) VALUES (%(key)s, %(value)s::jsonb, clock_timestamp())
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
WHERE settings.value IS DISTINCT FROM excluded.value"""


@dataclass(frozen=True)
class ChangeSetting:
    key: str
    value: Any


def read(session: Session, key: str) -> Any:
    """The shop's decision, or the default. Raises KeyError for a setting that does not exist."""
    default = DEFAULTS[key]
    kept = session.scalar(select(Setting.value).where(Setting.key == key))
    return default if kept is None else kept


def vat_rate(session: Session) -> Decimal:
    """Per cent: what a product has that names no rate of its own."""
    return Decimal(str(read(session, VAT_RATE)))


@transactional
def change(session: Session, command: ChangeSetting, *, actor: Actor) -> None:
    """Decide. The same value again changes nothing. Raises Invalid for a setting that does not exist."""
    if command.key not in DEFAULTS:
        raise Invalid([FieldError(command.key, "unknown_field")])
    execute(session, WRITE, {"key": command.key, "value": json.dumps(command.value)})
