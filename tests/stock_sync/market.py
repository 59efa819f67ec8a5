"""A shop that sells through several accounts: what tests of stock sync arrange, in few statements."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.models import MarketplaceAccount, Variant
from magflow.services import accounts, stock
from tests.shop import make_product, make_variant

NOW = datetime.now(UTC)
_numbers = itertools.count(1)

OFFER = """
INSERT INTO offers (account_id, variant_id, external_id, sku, part_number_key, sale_price, stock, number_of_offers,
                    buy_button_rank, status, last_synced_at, last_read_at, differs_since, sent_stock,
                    offer_validation_status, validation_status)
SELECT a.id, g.variant_id, g.external_id, g.sku, g.key, 10, g.stock, g.sellers, g.rank, coalesce(g.status, 1), g.synced,
       clock_timestamp(), g.differs, g.sent, g.price_status, g.documentation
FROM jsonb_to_recordset(%(offers)s::jsonb) AS g (code text, variant_id bigint, external_id text, sku text, key text,
    stock integer, sellers integer, rank integer, status smallint, synced timestamptz, differs timestamptz,
    sent integer, price_status smallint, documentation smallint)
JOIN marketplace_accounts a ON a.code = g.code
ON CONFLICT (account_id, variant_id) WHERE variant_id IS NOT NULL DO UPDATE
SET stock = excluded.stock, number_of_offers = excluded.number_of_offers, buy_button_rank = excluded.buy_button_rank,
    part_number_key = excluded.part_number_key, status = excluded.status, last_synced_at = excluded.last_synced_at,
    differs_since = excluded.differs_since"""


def make_accounts(*codes: str, source: str = "emag", **fields: Any) -> dict[str, MarketplaceAccount]:
    """Accounts by code; `fbe` is fulfilled by the marketplace."""
    return {
        code: accounts.add(accounts.NewAccount(source, code, **fields), actor=SYSTEM) for code in codes
    }  # fmt: skip


def offer(code: str, stock: int, sellers: int | None = 2, **fields: Any) -> dict[str, Any]:
    """An offer that was sent an hour ago; `synced` None: never."""
    return {"code": code, "stock": stock, "sellers": sellers, "synced": NOW - timedelta(hours=1), **fields}


def put_offers(rows: Sequence[tuple[Variant, Sequence[dict[str, Any]]]]) -> None:
    """Write (or write over) the offers of these variants in one statement."""
    import json

    given = [
        {"variant_id": variant.id, "external_id": f"{variant.id}-{one['code']}", "sku": variant.sku, **one}
        for variant, offers in rows
        for one in offers
    ]
    run(lambda session: execute(session, OFFER, {"offers": json.dumps(given, default=str)}), SYSTEM)
    db.session.rollback()


def make_listed(*offers: dict[str, Any], sku: str | None = None, own_stock: int = 0, **fields: Any) -> Variant:
    """A variant with these offers."""
    variant = make_variant(make_product(), sku=sku or f"SYNC-{next(_numbers)}", stock=own_stock, **fields)
    put_offers([(variant, offers)])
    return variant


def emg331() -> Variant:
    """The reference case: nothing in the shop and in MAIN, 26 in FBE, competition in both, MAIN sent 8 days ago."""
    return make_listed(
        offer("main", 0, 2, key="DEMG331BM", synced=NOW - timedelta(days=8)),
        offer("fbe", 26, 2, key="DEMG331BM"),
        sku="EMG331",
        price="129.90",
    )


def value(sql: str, **parameters: Any) -> Any:
    """The first column of the first row, as it stands now."""
    with db.engine.connect() as connection:
        return connection.scalar(text(sql), parameters)


__all__ = [
    "NOW", "emg331", "make_accounts", "make_listed", "make_variant", "offer", "put_offers", "stock", "value",
]  # fmt: skip
