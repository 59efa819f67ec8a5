"""Sales and readings of the past, written as they would stand by now: what tests of demand arrange."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.models import Variant
from magflow.services.stock_sync import forecasting

MONDAY = forecasting.window(datetime.now(UTC))[1]

ORDERS = """
WITH given AS (
    SELECT row_number() OVER () AS n, g.* FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS g (variant_id bigint, source text, account text, units integer, weeks_ago integer)
), made AS (
    INSERT INTO orders (source, source_account, external_id, placed_at)
    SELECT source, account, %(mark)s || n, %(monday)s::timestamptz - make_interval(days => weeks_ago * 7 - 2) FROM given
    RETURNING id, external_id
), lines AS (
    INSERT INTO order_items (order_id, variant_id, quantity, stock_source, variant_sku, product_name, unit_price,
                             vat_rate_snapshot, line_total_gross, tax_amount)
    SELECT m.id, g.variant_id, g.units, 'historic', 'x', 'x', 10, 21, 10 * g.units, 1
    FROM given g JOIN made m ON m.external_id = %(mark)s || g.n
)
SELECT array_agg(id) FROM made"""
CONFIRM = """
UPDATE orders o SET status = 'confirmed', confirmed_at = placed_at, total_tax = 1,
    total_gross = (SELECT sum(line_total_gross) FROM order_items i WHERE i.order_id = o.id)
WHERE id = ANY (%(ids)s)"""


def sell(*rows: tuple[Variant, str, int, int], source: str = "emag") -> None:
    """Confirmed orders of the past: variant, account, units, weeks ago (1: the last whole week)."""
    given = [
        {"variant_id": v.id, "source": source, "account": code, "units": units, "weeks_ago": ago}
        for v, code, units, ago in rows
    ]
    mark = f"{rows[0][0].id}-{source}-{len(rows)}-"

    def work(session: Any) -> None:
        parameters = {"rows": json.dumps(given), "mark": mark, "monday": MONDAY}
        found = execute(session, ORDERS, parameters).fetchone()
        execute(session, CONFIRM, {"ids": found[0]})

    run(work, SYSTEM)
    db.session.rollback()


def snapshots(variant: Variant, code: str, days: dict[int, int]) -> None:
    """What readings said: days before Monday and the stock."""
    sql = """
    INSERT INTO offer_snapshots (offer_id, day, stock, status, read_at)
    SELECT o.id, %(monday)s::date - g.ago, g.stock, 1, now()
    FROM jsonb_to_recordset(%(days)s::jsonb) AS g (ago integer, stock integer),
         offers o JOIN marketplace_accounts a ON a.id = o.account_id
    WHERE o.variant_id = %(v)s AND a.code = %(c)s"""
    rows = [{"ago": ago, "stock": stock} for ago, stock in days.items()]
    run(lambda s: execute(s, sql, {"monday": MONDAY, "days": json.dumps(rows), "v": variant.id, "c": code}), SYSTEM)
