"""Offers: what marketplaces and files say of them, kept; and which variant each of them is.

A reading changes `offers` and nothing else: what a marketplace shows is never booked into our own stock (domain 3).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, savepoint, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, NotFound
from magflow.marketplaces.protocol import OfferReading
from magflow.models import Offer
from magflow.services import events, single

# Only what a reading says is written over: what it leaves unsaid stays. An older reading never wins over a newer one.
RECORD: Final = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(readings)s::jsonb) AS g (external_id text, sku text, name text,
        part_number_key text, ean text, sale_price numeric, min_sale_price numeric, max_sale_price numeric,
        best_offer_sale_price numeric, vat_id integer, vat_rate numeric, currency text, stock integer,
        estimated_stock integer, number_of_offers integer, buy_button_rank integer, status smallint,
        validation_status smallint, offer_validation_status smallint, translation_validation_status smallint,
        problems jsonb, handling_time integer, family_id bigint, last_synced_at timestamptz)
), account AS (
    SELECT * FROM marketplace_accounts WHERE id = %(account)s
), kept AS (
    INSERT INTO offers AS o (account_id, external_id, sku, name, part_number_key, ean, sale_price, min_sale_price,
        max_sale_price, best_offer_sale_price, vat_id, vat_rate, currency, stock, estimated_stock, number_of_offers,
        buy_button_rank, status, validation_status, offer_validation_status, translation_validation_status, problems,
        handling_time, family_id, last_synced_at, last_read_at)
    SELECT a.id, g.external_id, g.sku, g.name, g.part_number_key, g.ean, g.sale_price, g.min_sale_price,
           g.max_sale_price, g.best_offer_sale_price, g.vat_id, g.vat_rate, coalesce(g.currency, a.currency), g.stock,
           g.estimated_stock, g.number_of_offers, g.buy_button_rank, g.status, g.validation_status,
           g.offer_validation_status, g.translation_validation_status, g.problems, g.handling_time, g.family_id,
           g.last_synced_at, %(read_at)s::timestamptz
    FROM given g, account a ORDER BY g.external_id
    ON CONFLICT (account_id, external_id) DO UPDATE SET
        sku = coalesce(excluded.sku, o.sku), name = coalesce(excluded.name, o.name),
        part_number_key = coalesce(excluded.part_number_key, o.part_number_key), ean = coalesce(excluded.ean, o.ean),
        sale_price = coalesce(excluded.sale_price, o.sale_price),
        min_sale_price = coalesce(excluded.min_sale_price, o.min_sale_price),
        max_sale_price = coalesce(excluded.max_sale_price, o.max_sale_price),
        best_offer_sale_price = coalesce(excluded.best_offer_sale_price, o.best_offer_sale_price),
        vat_id = coalesce(excluded.vat_id, o.vat_id), vat_rate = coalesce(excluded.vat_rate, o.vat_rate),
        currency = excluded.currency, stock = excluded.stock, estimated_stock = excluded.estimated_stock,
        number_of_offers = excluded.number_of_offers, buy_button_rank = excluded.buy_button_rank,
        status = excluded.status, validation_status = coalesce(excluded.validation_status, o.validation_status),
        offer_validation_status = coalesce(excluded.offer_validation_status, o.offer_validation_status),
        translation_validation_status = excluded.translation_validation_status, problems = excluded.problems,
        handling_time = coalesce(excluded.handling_time, o.handling_time), family_id = excluded.family_id,
        last_synced_at = greatest(o.last_synced_at, excluded.last_synced_at), last_read_at = excluded.last_read_at,
        differs_since = CASE
            WHEN o.sent_stock IS NULL OR o.sent_stock = excluded.stock OR o.last_synced_at > excluded.last_read_at
                OR EXISTS (SELECT FROM stock_outbox b WHERE b.offer_id = o.id) THEN NULL
            ELSE coalesce(o.differs_since, clock_timestamp()) END
    WHERE o.last_read_at IS NULL OR o.last_read_at <= excluded.last_read_at
    RETURNING o.id, o.stock, o.sale_price, o.best_offer_sale_price, o.number_of_offers, o.buy_button_rank, o.status,
              o.last_read_at
), shot AS (
    INSERT INTO offer_snapshots AS s (offer_id, day, stock, sale_price, best_offer_sale_price, number_of_offers,
                                      buy_button_rank, status, read_at)
    SELECT id, (last_read_at AT TIME ZONE 'UTC')::date, stock, sale_price, best_offer_sale_price, number_of_offers,
           buy_button_rank, status, last_read_at FROM kept
    ON CONFLICT (offer_id, day) DO UPDATE SET stock = excluded.stock, sale_price = excluded.sale_price,
        best_offer_sale_price = excluded.best_offer_sale_price, number_of_offers = excluded.number_of_offers,
        buy_button_rank = excluded.buy_button_rank, status = excluded.status, read_at = excluded.read_at
    WHERE s.read_at <= excluded.read_at
)
SELECT id FROM kept"""

READ: Final = """
UPDATE marketplace_accounts SET offers_read_at = clock_timestamp(), last_ok_at = clock_timestamp() WHERE id = %(id)s"""

NOW: Final = "SELECT clock_timestamp()"


@dataclass(frozen=True)
class Readings:
    """Offers of one account as they were at a moment: the database's, before the question was asked."""

    account_id: int
    offers: Sequence[OfferReading]
    read_at: datetime
    complete: bool = False
    """The last part of a reading of everything."""


@dataclass(frozen=True)
class Match:
    """A person says which variant an offer is; None: none of ours."""

    offer_id: int
    variant_id: int | None


def clock() -> datetime:
    """The database's time."""
    row = single.one(NOW, {})
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    found: datetime = row[0]
    return found


@transactional
def record(session: Session, command: Readings, *, actor: Actor) -> list[int]:
    """Keep what was read, and match what is new. Returns the ids of the offers that were written."""
    lock_names(session, [("offers", str(command.account_id))])
    rows = {reading.external_id: _row(reading) for reading in command.offers}
    parameters = {
        "account": command.account_id,
        "readings": json.dumps(list(rows.values()), default=str),
        "read_at": command.read_at,
    }
    ids = [row[0] for row in execute(session, RECORD, parameters)] if rows else []
    match_new(session, command.account_id)
    if command.complete:
        execute(session, READ, {"id": command.account_id})
        events.publish(session, "offers.read", account_id=command.account_id)
    return ids


def _row(reading: OfferReading) -> dict[str, Any]:
    row = asdict(reading)
    eans = row.pop("eans")
    row["ean"] = eans[0] if eans else None
    row["problems"] = {"texts": list(row["problems"])} if row["problems"] else None
    row["stock"] = min(2**31 - 1, row["stock"])
    for name in ("number_of_offers", "buy_button_rank", "handling_time", "vat_id", "estimated_stock"):
        if row[name] is not None and not 0 <= row[name] < 2**31:
            row[name] = None
    for name in ("sale_price", "min_sale_price", "max_sale_price", "best_offer_sale_price"):
        if row[name] is not None and not 0 <= row[name] < Decimal(10) ** 10:
            row[name] = None
    if row["last_synced_at"] is not None:
        row["last_synced_at"] = row["last_synced_at"].isoformat()
    return row


# Each way in which an offer may be one of our variants. `kind` 1 decides alone; the others decide together, when they
# all point to one variant and nothing else wants it.
EVIDENCE: Final = """
SELECT o.id AS offer_id, e.variant_id, 'external_id' AS how, 1 AS kind
FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id
JOIN variant_external_ids e ON e.source = a.source AND e.source_account = a.code AND e.external_id = o.external_id
WHERE o.variant_id IS NULL {which}
UNION ALL
SELECT o.id, s.variant_id, 'part_number_key', 2
FROM offers o JOIN offers s ON s.part_number_key = o.part_number_key AND s.account_id <> o.account_id
    AND s.variant_id IS NOT NULL
WHERE o.variant_id IS NULL {which}
UNION ALL
SELECT o.id, v.id, 'ean', 2 FROM offers o JOIN variants v ON v.ean = o.ean
WHERE o.variant_id IS NULL AND o.ean IS NOT NULL {which}
UNION ALL
SELECT o.id, v.id, 'sku', 2 FROM offers o JOIN variants v ON v.sku = o.sku
WHERE o.variant_id IS NULL AND o.sku IS NOT NULL {which}"""

MATCH: Final = f"""
WITH evidence AS ({EVIDENCE.format(which="AND o.account_id = %(account)s AND o.matched_by IS NULL")}),
best AS (SELECT *, min(kind) OVER (PARTITION BY offer_id) AS best FROM evidence),
meant AS (
    SELECT offer_id, min(variant_id) AS variant_id,
           (array_agg(how ORDER BY array_position(ARRAY['external_id', 'part_number_key', 'ean', 'sku'], how)))[1]
               AS how
    FROM best WHERE kind = best GROUP BY offer_id HAVING count(DISTINCT variant_id) = 1
), alone AS (
    SELECT *, count(*) OVER (PARTITION BY variant_id) AS wanted FROM meant
), matched AS (
    UPDATE offers o SET variant_id = m.variant_id, matched_by = m.how
    FROM alone m
    WHERE o.id = m.offer_id AND m.wanted = 1
      AND NOT EXISTS (SELECT FROM offers t WHERE t.account_id = o.account_id AND t.variant_id = m.variant_id)
    RETURNING o.id, o.variant_id, o.account_id, o.external_id
), mapped AS (
    INSERT INTO variant_external_ids (variant_id, source, source_account, external_id)
    SELECT m.variant_id, a.source, a.code, m.external_id
    FROM matched m JOIN marketplace_accounts a ON a.id = m.account_id ORDER BY a.source, a.code, m.external_id
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM matched"""


def match_new(session: Session, account_id: int) -> int:
    """Match what can be only one variant: by a mapping, or by product key, barcode and SKU that agree."""
    row = execute(session, MATCH, {"account": account_id}).fetchone()
    return int(row[0]) if row else 0


@transactional
def match_everywhere(session: Session, *, actor: Actor) -> int:
    """The same for every account, after variants were added or changed."""
    ids = [row[0] for row in execute(session, "SELECT id FROM marketplace_accounts ORDER BY id")]
    lock_names(session, [("offers", str(account_id)) for account_id in ids])
    return sum(match_new(session, account_id) for account_id in ids)


SENT: Final = """
UPDATE offers o SET last_synced_at = s.at
FROM unnest(%(offers)s::text[], %(times)s::timestamptz[]) AS s (external_id, at)
WHERE o.account_id = %(account)s AND o.external_id = s.external_id"""


@transactional
def note_sent(session: Session, account_id: int, sent: Mapping[str, datetime], *, actor: Actor) -> None:
    """When offers were last sent, by somebody who knows: another program, or a person."""
    parameters = {"account": account_id, "offers": list(sent), "times": list(sent.values())}
    execute(session, SENT, parameters)


def any_variants(session: Session) -> bool:
    """Whether the shop has anything to sell."""
    return execute(session, "SELECT 1 FROM variants LIMIT 1").fetchone() is not None


class OfferTaken(Conflict):
    """The variant has an offer in this account already."""

    def __init__(self, variant_id: int) -> None:
        super().__init__(f"variant {variant_id} has another offer in this account")
        self.variant_id = variant_id

    def details(self) -> dict[str, Any]:
        return {"variant_id": self.variant_id}


MAP: Final = """
INSERT INTO variant_external_ids (variant_id, source, source_account, external_id)
SELECT %(variant)s, a.source, a.code, %(external)s FROM marketplace_accounts a WHERE a.id = %(account)s
ON CONFLICT (source, source_account, external_id) DO UPDATE SET variant_id = excluded.variant_id"""
UNMAP: Final = """
DELETE FROM variant_external_ids e USING marketplace_accounts a
WHERE a.id = %(account)s AND e.source = a.source AND e.source_account = a.code AND e.external_id = %(external)s"""


@transactional
def match(session: Session, command: Match, *, actor: Actor) -> Offer:
    """Decide which variant an offer is, or that it is none. Raises NotFound, OfferTaken."""
    offer = session.get(Offer, command.offer_id)
    if offer is None:
        raise NotFound("offer", command.offer_id)
    lock_names(session, [("offers", str(offer.account_id))])
    session.refresh(offer)
    if command.variant_id is not None:
        taken = execute(
            session,
            "SELECT id FROM offers WHERE account_id = %(a)s AND variant_id = %(v)s AND id <> %(o)s",
            {"a": offer.account_id, "v": command.variant_id, "o": offer.id},
        ).fetchone()
        if taken:
            raise OfferTaken(command.variant_id)
        if execute(session, "SELECT id FROM variants WHERE id = %(id)s", {"id": command.variant_id}).fetchone() is None:
            raise NotFound("variant", command.variant_id)
    offer.variant_id, offer.matched_by = command.variant_id, "person"
    session.flush()
    with savepoint(session):
        parameters = {"account": offer.account_id, "external": offer.external_id, "variant": command.variant_id}
        if command.variant_id is None:
            execute(session, UNMAP, {name: parameters[name] for name in ("account", "external")})
        else:
            execute(session, MAP, parameters)
    return offer
