"""What stock sync is worth, written down day by day: counts of the day, and what became of alerts within seven days.

`take` may run as often as it likes: the present day is counted anew, days that are over stay as they were. Two
statements, whatever the size of the shop.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.marketplaces import ACTIVE_OFFER
from magflow.queries import stock_sync as reads
from magflow.services.stock_sync.evaluation import PLAIN_COMPETITION, STRICT_COMPETITION

TASK: Final = "stock_sync.take_figures"
LOCK: Final = ("stock_figures",)
JUDGED_AFTER: Final = timedelta(days=7)
"""So long after it was acted upon, or after it opened, it is looked at what became of an alert."""
CASES: Final = ("zero_stock", "low_stock", "better_rank")
"""Causes that moving stock answers."""
TO_SPARE: Final = 2
"""Of fewer units nothing can be given: an alert without a giver is no case, for nobody could have acted upon it."""

FORGET_DAY: Final = "DELETE FROM stock_figures WHERE day = %(day)s"

DAY: Final = f"""
WITH listed AS MATERIALIZED (
    SELECT o.variant_id, o.account_id, o.stock, coalesce(q.brand, '') AS brand, coalesce(q.category, '') AS category,
           {{competition}} AS contested,
           coalesce(o.last_synced_at > %(now)s::timestamptz - make_interval(days =>
               coalesce((c.limits ->> 'stale_days')::integer, %(stale_days)s::integer)), false) AS sent,
           CASE WHEN p.kind = 'own' AND p.mode = 'shared' THEN p.name ELSE o.account_id::text END AS place
    FROM offers o
    JOIN marketplace_accounts a ON a.id = o.account_id
    JOIN stock_pools p ON p.name = a.pool
    JOIN variants v ON v.id = o.variant_id
    JOIN products q ON q.id = v.product_id
    LEFT JOIN jsonb_each(%(categories)s::jsonb) AS c (name, limits) ON c.name = q.category
    WHERE o.status = {ACTIVE_OFFER}
), places AS (
    -- Goods that several accounts offer out of one pool stand there once.
    SELECT brand, category, max(stock) AS stock, bool_or(contested) AS contested
    FROM listed GROUP BY variant_id, place, brand, category
), alerts AS (
    SELECT a.account_ids, coalesce(q.brand, '') AS brand, coalesce(q.category, '') AS category, a.state,
           a.weekly_cents, a.lost_cents + CASE WHEN a.resolved_at IS NULL THEN round(a.weekly_cents
               * extract(epoch FROM %(now)s::timestamptz - a.counted_at) / 604800) ELSE 0 END AS lost_cents,
           extract(epoch FROM a.resolved_at - a.opened_at) AS seconds
    FROM stock_alerts a JOIN variants v ON v.id = a.variant_id JOIN products q ON q.id = v.product_id
    WHERE a.cause = 'zero_stock' AND (a.state IN ('open', 'snoozed') OR a.resolved_at >= %(begin)s::timestamptz)
), parts AS (
    SELECT account_id, brand, category, count(*) AS offers, count(*) FILTER (WHERE sent) AS sent,
           count(DISTINCT variant_id) FILTER (WHERE NOT sent) AS overdue, sum(stock) AS stock,
           sum(stock) FILTER (WHERE contested) AS contested, 0 AS zero_stock, 0 AS weekly, 0 AS lost, 0 AS resolved,
           0 AS seconds
    FROM listed GROUP BY account_id, brand, category
    UNION ALL
    SELECT NULL, brand, category, count(*), count(*) FILTER (WHERE sent),
           count(DISTINCT variant_id) FILTER (WHERE NOT sent), 0, 0, 0, 0, 0, 0, 0
    FROM listed GROUP BY brand, category
    UNION ALL
    SELECT NULL, brand, category, 0, 0, 0, sum(stock), sum(stock) FILTER (WHERE contested), 0, 0, 0, 0, 0
    FROM places GROUP BY brand, category
    UNION ALL
    SELECT NULL, brand, category, 0, 0, 0, 0, 0, {{counted}}
    FROM (SELECT *, 1 AS parts FROM alerts) AS a GROUP BY brand, category
    UNION ALL
    SELECT m.account_id, brand, category, 0, 0, 0, 0, 0, {{counted}}
    FROM (SELECT *, cardinality(account_ids) AS parts FROM alerts) AS a, unnest(a.account_ids) AS m (account_id)
    WHERE EXISTS (SELECT FROM marketplace_accounts b WHERE b.id = m.account_id)
    GROUP BY m.account_id, brand, category
)
INSERT INTO stock_figures (day, account_id, brand, category, offers, sent, overdue, stock, contested, zero_stock,
                           weekly_cents, lost_cents, resolved, resolved_seconds)
SELECT %(day)s, account_id, brand, category, sum(offers), sum(sent), sum(overdue), sum(stock),
       coalesce(sum(contested), 0), sum(zero_stock), round(sum(weekly)), round(sum(lost)), sum(resolved),
       round(sum(seconds))
FROM parts GROUP BY account_id, brand, category ORDER BY account_id, brand, category"""

# What two accounts lose together is told by halves, so that accounts add up.
COUNTED: Final = """count(*) FILTER (WHERE state <> 'resolved'),
           coalesce(sum(weekly_cents / parts) FILTER (WHERE state <> 'resolved'), 0),
           coalesce(sum(lost_cents / parts) FILTER (WHERE state <> 'resolved'), 0),
           count(*) FILTER (WHERE state = 'resolved'), coalesce(sum(seconds) FILTER (WHERE state = 'resolved'), 0)"""

CASES_OF_TODAY: Final = f"""
WITH unjudged AS MATERIALIZED (
    SELECT a.* FROM stock_alerts a
    WHERE a.cause = ANY (%(causes)s) AND a.opened_at <= %(now)s::timestamptz - %(after)s::interval
      AND NOT EXISTS (SELECT FROM stock_cases k WHERE k.alert_id = a.id)
), over AS MATERIALIZED (
    SELECT a.id, a.variant_id, a.cause, a.account_ids, a.opened_at, t.ended_at IS NOT NULL AS followed,
           coalesce(t.ended_at, a.opened_at) AS started_at,
           (a.opened_at AT TIME ZONE 'UTC')::date AS opened_on,
           coalesce(a.dismissed_reason, '') NOT IN ('wrong_data', 'handled_elsewhere') AS meant,
           coalesce(t.cost, 0) AS cost
    FROM unjudged a
    LEFT JOIN LATERAL (
        SELECT min(ended_at) AS ended_at,
               sum(%(transfer_cost)s::numeric + %(unit_cost)s::numeric * received)
                   FILTER (WHERE kind = 'shipment') AS cost
        FROM transfers t WHERE t.alert_id = a.id AND t.state = 'done') AS t ON true
    WHERE coalesce(t.ended_at, a.opened_at) <= %(now)s::timestamptz - %(after)s::interval
      AND NOT EXISTS (SELECT FROM transfers w WHERE w.alert_id = a.id
                      AND w.state IN ('suggested', 'approved', 'running', 'failed'))
    ORDER BY a.id LIMIT %(most)s
), shots AS MATERIALIZED (
    SELECT c.id, c.followed, o.account_id = ANY (c.account_ids) AS concerned, s.day,
           s.day <= c.opened_on AS before, s.day >= (c.started_at AT TIME ZONE 'UTC')::date AS after,
           s.stock, s.buy_button_rank AS rank, s.status = {ACTIVE_OFFER} AS active,
           row_number() OVER (PARTITION BY c.id, o.id, s.day <= c.opened_on ORDER BY s.day DESC) = 1 AS last
    FROM over c JOIN offers o ON o.variant_id = c.variant_id
    JOIN offer_snapshots s ON s.offer_id = o.id
        AND s.day BETWEEN c.opened_on - 7 AND ((c.started_at + %(after)s::interval) AT TIME ZONE 'UTC')::date
), seen AS (
    SELECT id, bool_or(followed OR (NOT concerned AND before AND last AND stock >= {TO_SPARE})) AS possible,
           coalesce(bool_or(concerned AND before AND last AND active AND stock > 0 AND rank = 1), false) AS held,
           coalesce(bool_or(concerned AND after AND active AND stock > 0 AND rank = 1), false) AS won,
           coalesce(bool_or(concerned AND after), false) AS looked,
           coalesce(bool_or(concerned AND after AND stock > 0 AND rank IS NULL), false) AS unsure
    FROM shots GROUP BY id
), sold AS (
    SELECT c.id,
           coalesce(sum(i.line_total_gross) FILTER (WHERE r.confirmed_at < c.opened_at
               AND r.confirmed_at >= c.opened_at - %(after)s::interval), 0) AS before,
           coalesce(sum(i.line_total_gross) FILTER (WHERE r.confirmed_at >= c.started_at
               AND r.confirmed_at < c.started_at + %(after)s::interval), 0) AS after
    FROM over c JOIN order_items i ON i.variant_id = c.variant_id JOIN orders r ON r.id = i.order_id
    WHERE r.status = 'confirmed' GROUP BY c.id
)
INSERT INTO stock_cases (alert_id, cause, account_ids, brand, category, possible, followed, started_at, judged_on,
                         recovered, before_cents, after_cents, cost_cents)
SELECT c.id, c.cause, c.account_ids, coalesce(q.brand, ''), coalesce(q.category, ''),
       c.meant AND coalesce(s.possible, false), c.followed, c.started_at,
       ((c.started_at + %(after)s::interval) AT TIME ZONE 'UTC')::date,
       CASE WHEN s.id IS NULL OR s.held OR NOT s.looked OR (s.unsure AND NOT s.won) THEN NULL ELSE s.won END,
       round(100 * coalesce(d.before, 0)), round(100 * coalesce(d.after, 0)), round(100 * c.cost)
FROM over c LEFT JOIN seen s ON s.id = c.id
JOIN variants v ON v.id = c.variant_id JOIN products q ON q.id = v.product_id
LEFT JOIN sold d ON d.id = c.id
ORDER BY c.id"""
MOST_CASES: Final = 20_000


@dataclass(frozen=True)
class Taken:
    """What was written: rows of the day, and cases that were judged."""

    rows: int
    cases: int


@transactional
def take(session: Session, *, actor: Actor, now: datetime | None = None) -> Taken:
    """Count the present day, and judge the alerts whose seven days are over."""
    lock_names(session, [LOCK])
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    limits = reads.limits(session)
    given: dict[str, Any] = {
        "now": moment,
        "day": moment.date(),
        "begin": moment.replace(hour=0, minute=0, second=0, microsecond=0),
        "stale_days": limits.shop.stale_days,
        "categories": json.dumps(limits.categories),
    }
    execute(session, FORGET_DAY, {"day": given["day"]})
    competition = STRICT_COMPETITION if limits.shop.strict_competition else PLAIN_COMPETITION
    rows = execute(session, DAY.format(competition=competition, counted=COUNTED), given).rowcount
    judged = {
        "now": moment, "after": JUDGED_AFTER, "causes": list(CASES), "most": MOST_CASES,
        "transfer_cost": limits.policy.transfer_cost, "unit_cost": limits.policy.unit_cost,
    }  # fmt: skip
    return Taken(rows, execute(session, CASES_OF_TODAY, judged).rowcount)
