"""What the endpoints of accounts and offers answer. A password is never among it: only that there is one."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from marshmallow import fields
from sqlalchemy.engine import Row

from magflow.domain.marketplaces import FULFILMENTS, gross
from magflow.queries.marketplaces import conditions
from magflow.services.accounts import SWITCHES, Trial
from magflow.services.pace import PER_MINUTE
from magflow.web.answers import Amount, Answer, Count, Time, Word

OFFER_STATES: Final = ("inactive", "active", "ended")
WRITE_STATES: Final = ("waiting", "done", "refused", "unsure", "taken_back")


class HealthOut(Answer):
    """How an account is. `limit_used`: per cent of what may be asked in a minute."""

    state = Word("connected", "paused", "trouble", "files", "untried", required=True)
    paused_reason = fields.String(required=True, allow_none=True)
    last_error = fields.String(required=True, allow_none=True)
    last_error_at = Time(required=True, allow_none=True)
    last_ok_at = Time(required=True, allow_none=True)
    offers_read_at = Time(required=True, allow_none=True)
    orders_read_at = Time(required=True, allow_none=True)
    stock_sent_at = Time(required=True, allow_none=True)
    offers = Count(required=True)
    unmatched = Count(required=True)
    rejected = Count(required=True)
    differing = Count(required=True)
    waiting = Count(required=True)
    waiting_since = Time(required=True, allow_none=True)
    blocked_orders = Count(required=True)
    limit_used = fields.Dict(required=True)


class AccountOut(Answer):
    id = fields.Integer(required=True)
    source = fields.String(required=True)
    code = fields.String(required=True)
    country = fields.String(required=True)
    currency = fields.String(required=True)
    fulfilment = Word(*FULFILMENTS, required=True)
    pool = fields.String(required=True)
    stock_writable = fields.Boolean(required=True)
    buffer = Count(required=True)
    url = fields.String(required=True, allow_none=True)
    username = fields.String(required=True, allow_none=True)
    has_password = fields.Boolean(required=True)
    password_set_at = Time(required=True, allow_none=True)
    switches = fields.Dict(required=True)
    health = fields.Nested(HealthOut, required=True)


class TrialOut(Answer):
    """A try of the connection. `trouble`: null when it works."""

    works = fields.Boolean(required=True)
    trouble = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)
    address = fields.String(required=True, allow_none=True)
    offers = fields.Integer(required=True, allow_none=True)
    milliseconds = fields.Integer(required=True, allow_none=True)


class ConditionOut(Answer):
    """`passed`: null when it is not known."""

    code = Word("stock", "status", "price", "documentation", "translation", required=True)
    passed = fields.Boolean(required=True, allow_none=True)
    value = fields.Integer(required=True, allow_none=True)


class OfferOut(Answer):
    """An offer as it was last read. `price`, `price_min` and `price_max` are with VAT; `sale_price` is without."""

    id = fields.Integer(required=True)
    account_id = fields.Integer(required=True)
    external_id = fields.String(required=True)
    sku = fields.String(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    variant_id = fields.Integer(required=True, allow_none=True)
    matched_by = fields.String(required=True, allow_none=True)
    part_number_key = fields.String(required=True, allow_none=True)
    ean = fields.String(required=True, allow_none=True)
    price = Amount(required=True, allow_none=True)
    price_min = Amount(required=True, allow_none=True)
    price_max = Amount(required=True, allow_none=True)
    sale_price = fields.String(required=True, allow_none=True)
    currency = fields.String(required=True)
    stock = Count(required=True)
    sent_stock = fields.Integer(required=True, allow_none=True)
    number_of_offers = fields.Integer(required=True, allow_none=True)
    buy_button_rank = fields.Integer(required=True, allow_none=True)
    status = Word(*OFFER_STATES, required=True)
    last_synced_at = Time(required=True, allow_none=True)
    last_read_at = Time(required=True, allow_none=True)
    differs_since = Time(required=True, allow_none=True)
    rejected = fields.String(required=True, allow_none=True)
    visible = fields.Boolean(required=True)
    conditions = fields.List(fields.Nested(ConditionOut), required=True)


class WriteOut(Answer):
    """Something that the marketplace was told. It waits for ten seconds before it is sent."""

    id = fields.Integer(required=True)
    account_id = fields.Integer(required=True)
    offer_id = fields.Integer(required=True, allow_none=True)
    kind = fields.String(required=True)
    state = Word(*WRITE_STATES, required=True)
    error = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    ended_at = Time(required=True, allow_none=True)


def account_json(row: Row[Any]) -> dict[str, Any]:
    """An account with its health."""
    names = ("id", "source", "code", "country", "currency", "fulfilment", "pool", "stock_writable", "buffer",
             "username", "has_password")  # fmt: skip
    return {name: getattr(row, name) for name in names} | {
        "url": row.base_url,
        "password_set_at": row.credentials_at,
        "switches": {name: getattr(row, name) for name in SWITCHES},
        "health": health_json(row),
    }


def health_json(row: Row[Any]) -> dict[str, Any]:
    """How it is."""
    names = ("paused_reason", "last_error", "last_error_at", "last_ok_at", "offers_read_at", "orders_read_at",
             "stock_sent_at", "offers", "unmatched", "rejected", "differing", "waiting", "waiting_since")  # fmt: skip
    used = {"orders": row.last_minute_orders, "others": row.last_minute - row.last_minute_orders}
    return {name: getattr(row, name) for name in names} | {
        "state": _state(row),
        "blocked_orders": row.blocked,
        "limit_used": {kind: share(count, kind, row) for kind, count in used.items()},
    }


def _state(row: Row[Any]) -> str:
    if row.paused_reason:
        return "paused"
    if not row.has_password:
        return "files"
    if row.last_error_at and (not row.last_ok_at or row.last_error_at > row.last_ok_at):
        return "trouble"
    return "connected" if row.last_ok_at else "untried"


def share(count: int, kind: str, row: Row[Any]) -> int:
    """Per cent of what may be asked in a minute."""
    most = float(row.limits.get(f"{kind}_per_minute", PER_MINUTE[kind]))
    return round(100 * count / most) if most else 0


def trial_json(found: Trial) -> dict[str, Any]:
    """What a try found."""
    return {
        "works": found.trouble is None,
        "trouble": found.trouble,
        "message": found.message,
        "address": found.address or None,
        "offers": found.offers,
        "milliseconds": found.milliseconds,
    }


def offer_json(row: Row[Any]) -> dict[str, Any]:
    """An offer, and why buyers see it or not."""
    names = ("id", "account_id", "external_id", "sku", "name", "variant_id", "matched_by", "part_number_key", "ean",
             "currency", "stock", "sent_stock", "number_of_offers", "buy_button_rank", "last_synced_at",
             "last_read_at", "differs_since", "rejected")  # fmt: skip
    held = conditions(row)
    return {name: getattr(row, name) for name in names} | {
        "price": _gross(row.sale_price, row.vat_rate),
        "price_min": _gross(row.min_sale_price, row.vat_rate),
        "price_max": _gross(row.max_sale_price, row.vat_rate),
        "sale_price": row.sale_price,
        "status": OFFER_STATES[row.status],
        "visible": not any(condition.passed is False for condition in held),
        "conditions": [vars(condition) for condition in held],
    }


def _gross(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if amount is None or rate is None else gross(amount, rate)


def offers_json(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Offers of a page."""
    return [offer_json(row) for row in rows]


def write_json(row: Any) -> dict[str, Any]:
    """A write as it stands."""
    names = ("id", "account_id", "offer_id", "kind", "state", "error", "created_at", "ended_at")
    return {name: getattr(row, name) for name in names}
