"""What the endpoints of accounts and offers answer. A password is never among it: only that there is one."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from marshmallow import fields
from sqlalchemy.engine import Row

from magflow.domain.marketplaces import FULFILMENTS, gross
from magflow.marketplaces.protocol import FamilyKind
from magflow.queries.marketplaces import conditions
from magflow.services.accounts import SWITCHES, Trial
from magflow.services.market_asks import Catalogue
from magflow.services.market_writes import KINDS as WRITE_KINDS
from magflow.services.pace import PER_DAY, PER_MINUTE
from magflow.web.answers import Amount, Answer, Count, Time, Word

OFFER_STATES: Final = ("inactive", "active", "ended")
WRITE_STATES: Final = ("waiting", "done", "refused", "unsure", "taken_back")


class HealthOut(Answer):
    """How an account is. `limit_used`: per cent of what may be asked in a minute; of `eans` in a day."""

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
    writes_waiting = Count(required=True)
    writes_refused = Count(required=True)
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
    limits = fields.Dict(required=True)
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


class ReadingOut(Answer):
    """One reading of orders: every one that was seen is here, or has failed."""

    at = Time(required=True)
    since = Time(required=True)
    until = Time(required=True)
    seen = Count(required=True)
    imported = Count(required=True)
    failed = Count(required=True)


class RequestOut(Answer):
    """A request and its answer, without secrets and customers; `ok` false: it did not do what it was for."""

    id = fields.Integer(required=True)
    at = Time(required=True)
    method = fields.String(required=True)
    route = fields.String(required=True)
    status = fields.Integer(required=True, allow_none=True)
    milliseconds = Count(required=True)
    ok = fields.Boolean(required=True)
    error = fields.String(required=True, allow_none=True)
    request = fields.String(required=True, allow_none=True)
    response = fields.String(required=True, allow_none=True)


class FoundOut(Answer):
    """A product of the marketplace's catalogue. `held`: the account offers it already."""

    part_number_key = fields.String(required=True)
    name = fields.String(required=True)
    brand = fields.String(required=True)
    allowed = fields.Boolean(required=True)
    held = fields.Boolean(required=True)
    category_id = fields.Integer(required=True, allow_none=True)


class VatOut(Answer):
    vat_id = fields.Integer(required=True)
    rate = fields.String(required=True)


class CatalogueOut(Answer):
    """What a new offer needs to know."""

    products = fields.List(fields.Nested(FoundOut), required=True)
    vat_rates = fields.List(fields.Nested(VatOut), required=True)


class TraitOut(Answer):
    """Something by which members of a family differ; `values`: what may be given, empty for anything."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    values = fields.List(fields.String(), required=True)


class FamilyKindOut(Answer):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    traits = fields.List(fields.Nested(TraitOut), required=True)


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
    """Something that the marketplace was told. It waits for ten seconds before it is sent.

    `subject`: what it is about, as the marketplace names it; `said`: what it answered.
    """

    id = fields.Integer(required=True)
    account_id = fields.Integer(required=True)
    offer_id = fields.Integer(required=True, allow_none=True)
    order_id = fields.Integer(required=True, allow_none=True)
    kind = Word(*WRITE_KINDS, required=True)
    subject = fields.String(required=True)
    state = Word(*WRITE_STATES, required=True)
    error = fields.String(required=True, allow_none=True)
    said = fields.Dict(required=True, allow_none=True)
    created_by = fields.String(required=True)
    created_at = Time(required=True)
    ended_at = Time(required=True, allow_none=True)


def account_json(row: Row[Any]) -> dict[str, Any]:
    """An account with its health."""
    names = ("id", "source", "code", "country", "currency", "fulfilment", "pool", "stock_writable", "buffer", "limits",
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
    return {name: getattr(row, name) for name in names} | {
        "state": _state(row),
        "blocked_orders": row.blocked,
        "writes_waiting": row.writes_waiting,
        "writes_refused": row.writes_refused,
        "limit_used": shares(row),
    }


def _state(row: Row[Any]) -> str:
    if row.paused_reason:
        return "paused"
    if not row.has_password:
        return "files"
    if row.last_error_at and (not row.last_ok_at or row.last_error_at > row.last_ok_at):
        return "trouble"
    return "connected" if row.last_ok_at else "untried"


def shares(row: Row[Any]) -> dict[str, int]:
    """Per cent of what may be asked: of orders and of everything else in a minute, of barcodes in a day."""
    used = {
        "orders": (row.last_minute_orders, row.limits.get("orders_per_minute", PER_MINUTE["orders"])),
        "others": (row.last_minute - row.last_minute_orders, row.limits.get("others_per_minute", PER_MINUTE["others"])),
        "eans": (row.eans_today, row.limits.get("eans_per_day", PER_DAY["eans"])),
    }
    return {kind: round(100 * count / float(most)) if most else 0 for kind, (count, most) in used.items()}


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
    names = ("id", "account_id", "offer_id", "order_id", "kind", "subject", "state", "error", "said", "created_by",
             "created_at", "ended_at")  # fmt: skip
    return {name: getattr(row, name) for name in names}


def catalogue_json(found: Catalogue) -> dict[str, Any]:
    """What a marketplace knows that a new offer needs."""
    return {
        "products": [vars(product) for product in found.found],
        "vat_rates": [{"vat_id": number, "rate": str(rate)} for number, rate in found.vat_rates.items()],
    }


def family_kind_json(kind: FamilyKind) -> dict[str, Any]:
    """A kind of family."""
    traits = [{"id": trait.id, "name": trait.name, "values": list(trait.values)} for trait in kind.traits]
    return {"id": kind.id, "name": kind.name, "traits": traits}


def reading_json(row: Row[Any]) -> dict[str, Any]:
    """One reading of orders."""
    return {name: getattr(row, name) for name in ("at", "since", "until", "seen", "imported", "failed")}


def request_json(row: Row[Any]) -> dict[str, Any]:
    """A request and its answer."""
    return dict(row._mapping)
