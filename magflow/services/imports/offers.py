"""A chunk of offers: rows become a reading of a marketplace account, which is kept like every other reading."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import batch, claim_import_chunk, execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.imports.faults import FileFault
from magflow.marketplaces.protocol import OfferReading
from magflow.services import accounts, offers
from magflow.services.imports import outcomes
from magflow.services.imports.matching import Scope
from magflow.services.imports.outcomes import Chunk, Counts, DryRun
from magflow.services.imports.writing import fault

# An offer is known by the id that the marketplace gave it; where the file has none, by product key, barcode or SKU of
# the account's offers.
FOUND: Final = f"""
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
WITH rows AS (
    SELECT s.number, s.line, s.sku, s.external_id, s.ean, s.stock, s.extra,
           s.extra ->> 'part_number_key' AS part_number_key
    FROM import_stage s
    WHERE s.import_id = %(import)s AND s.part BETWEEN %(first_part)s AND %(last_part)s
      AND s.number BETWEEN %(first_row)s AND %(last_row)s AND NOT s.refused
), meant AS (
    SELECT r.number, min(o.id) AS offer_id, count(*) AS many FROM rows r JOIN offers o ON o.account_id = %(account_id)s
       AND CASE WHEN r.external_id IS NOT NULL THEN o.external_id = r.external_id
                WHEN r.part_number_key IS NOT NULL THEN o.part_number_key = r.part_number_key
                WHEN r.ean IS NOT NULL THEN o.ean = r.ean ELSE o.sku = r.sku END
    GROUP BY r.number
)
SELECT r.number, r.line, o.id AS offer_id, o.variant_id, coalesce(r.external_id, o.external_id) AS external_id,
       coalesce(r.sku, o.sku) AS sku, coalesce(r.part_number_key, o.part_number_key) AS part_number_key,
       coalesce(r.ean, o.ean) AS ean, coalesce((r.extra ->> 'price')::numeric, o.sale_price) AS sale_price,
       coalesce(r.stock, o.stock, 0) AS stock,
       coalesce((r.extra ->> 'number_of_offers')::integer, o.number_of_offers) AS number_of_offers,
       coalesce((r.extra ->> 'buy_button_rank')::integer, o.buy_button_rank) AS buy_button_rank,
       coalesce((r.extra ->> 'offer_status')::smallint, o.status, 1) AS status,
       coalesce((r.extra ->> 'last_synced_at')::timestamptz, o.last_synced_at) AS last_synced_at,
       o.id IS NULL AS is_new, '{{}}'::jsonb AS changes,
       CASE WHEN m.many > 1 THEN {fault("external_id", "several_offers")}
            WHEN o.id IS NULL AND r.external_id IS NULL THEN {fault("external_id", "required")}
            WHEN count(*) OVER (PARTITION BY coalesce(r.external_id, o.external_id)) > 1 THEN
                {fault("external_id", "same_offer_twice", value="r.external_id")}
       END AS fault
FROM rows r LEFT JOIN meant m USING (number) LEFT JOIN offers o ON o.id = m.offer_id AND m.many = 1"""

FIELDS: Final = ("sku", "part_number_key", "ean", "sale_price", "stock", "number_of_offers", "buy_button_rank",
                 "status", "last_synced_at")  # fmt: skip
COMPARE: Final = f"""
UPDATE plan p SET changes = {
    " || ".join(
        f"(CASE WHEN o.{name} IS DISTINCT FROM p.{name} "
        f"THEN jsonb_build_object('{name}', jsonb_build_array(o.{name}, p.{name})) ELSE '{{}}' END)"
        for name in FIELDS
    )
}
FROM offers o WHERE o.id = p.offer_id AND p.fault IS NULL"""

CHANGED: Final = f"""
SELECT external_id, {", ".join(FIELDS)} FROM plan WHERE fault IS NULL AND (is_new OR changes <> '{{}}')
ORDER BY external_id"""

RESULTS: Final = """
SELECT p.number, p.line,
       CASE WHEN p.fault IS NOT NULL THEN 'refused' WHEN p.is_new THEN 'created' ELSE 'updated' END AS outcome,
       p.fault AS errors, CASE WHEN p.fault IS NULL THEN p.variant_id END AS variant_id,
       CASE WHEN p.fault IS NULL THEN p.changes || jsonb_build_object('offer_id', o.id, 'read_at', o.last_read_at)
       END AS changes, NULL::integer AS version_after, NULL::bigint AS seq_after
FROM plan p LEFT JOIN offers o ON o.account_id = %(account_id)s AND o.external_id = p.external_id
WHERE p.fault IS NOT NULL OR p.is_new OR p.changes <> '{}'"""
"""With each offer how it stands now: undo asks whether it was read since."""


@transactional
def check_account(session: Session, source: str, source_account: str, *, actor: Actor) -> None:
    """Raises FileFault where the account is not there."""
    if accounts.find(session, source, source_account) is None:
        raise FileFault("unknown_account", source=source, account=source_account)


@transactional
def apply(
    session: Session, chunk: Chunk, scope: Scope, headers: Mapping[str, str], dry_run: bool, *, actor: Actor
) -> Counts | None:
    """Apply a chunk; None when it was done already. Raises DryRun with the outcomes."""
    account = accounts.named(session, scope.source, scope.source_account)
    lock_names(session, [("offers", str(account.id))])
    if not claim_import_chunk(session, chunk.import_id, chunk.number, chunk.run):
        return None
    values = {
        **scope.values,
        "account_id": account.id,
        "headers": json.dumps(dict(headers), ensure_ascii=False),
    }
    with batch(session) as statements:
        statements.send("DROP TABLE IF EXISTS plan")
        statements.send(FOUND, values)
        statements.send(COMPARE)
        changed = statements.send(CHANGED)
        now = statements.send("SELECT clock_timestamp()")
    rows = changed.fetchall()
    read_at: datetime = (now.fetchone() or (None,))[0]
    if rows:
        readings = offers.Readings(account.id, [_reading(row) for row in rows], read_at)
        offers.record.within(session, readings, actor=actor)
    if dry_run:
        raise DryRun(list(execute(session, RESULTS, values).fetchall()))
    return outcomes.note(session, chunk, RESULTS, values)


def _reading(row: tuple[Any, ...]) -> OfferReading:
    named = dict(zip(("external_id", *FIELDS), row, strict=True))
    ean = named.pop("ean")
    return OfferReading(**named, eans=(ean,) if ean else ())
