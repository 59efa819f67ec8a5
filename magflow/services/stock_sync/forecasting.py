"""The demand of every offer, made anew once a day: weeks from orders, what was missing in them, and the forecast.

Two passes over the variants, part by part. The first lets the database count the weeks; the second, which then knows
what categories sell on average, makes the forecasts. It may run as often as one likes, and twice at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.demand import DAYS, LONGEST_OUT, Demand, Pooled, forecast, known_enough, observed
from magflow.services import jobs

TASK: Final = "stock_sync.forecast"
WEEKS: Final = 52
PART: Final = 1_000
"""Variants whose weeks are counted together."""
LARGEST_ID: Final = 2**63 - 1
LOCK: Final = ("demand_forecasts",)
SMALLEST_POOL: Final = 5
"""A category with fewer offers than these says less than the whole account."""
NOTHING_KNOWN: Final = Pooled(0.0, 1.0)

NEXT_PART: Final = """
SELECT max(variant_id), count(*) FROM (
    SELECT DISTINCT variant_id FROM offers WHERE variant_id > %(after)s ORDER BY 1 LIMIT %(most)s) AS part"""

# Sales of the shop itself come out of its own warehouse: they count for the first account that sells from there. A day
# is without stock from the reading that said 0 until the next one; for the own warehouse also while the ledger stood at
# nothing for the whole day.
COUNT_WEEKS: Final = f"""
WITH sold AS MATERIALIZED (
    SELECT i.variant_id, coalesce(m.id, own.id) AS account_id,
           date_trunc('week', r.placed_at AT TIME ZONE 'UTC')::date AS week, sum(i.quantity)::integer AS units
    FROM order_items i
    JOIN orders r ON r.id = i.order_id AND r.status IN ('confirmed', 'returned')
        AND r.placed_at >= %(since)s::date AND r.placed_at < %(until)s::date
    LEFT JOIN marketplace_accounts m ON m.source = r.source AND m.code = r.source_account
    CROSS JOIN (SELECT min(a.id) AS id FROM marketplace_accounts a
                JOIN stock_pools p ON p.name = a.pool AND p.kind = 'own') own
    WHERE i.variant_id > %(after)s AND i.variant_id <= %(to)s
    GROUP BY 1, 2, 3
), listed AS MATERIALIZED (
    SELECT o.id AS offer_id, o.variant_id, o.account_id, p.kind = 'own' AS own,
           greatest(%(since)s::date, least(date_trunc('week', o.created_at AT TIME ZONE 'UTC')::date, b.week)) AS first
    FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id JOIN stock_pools p ON p.name = a.pool
    LEFT JOIN (SELECT variant_id, account_id, min(week) AS week FROM sold GROUP BY 1, 2) b
        ON b.variant_id = o.variant_id AND b.account_id = o.account_id
    WHERE o.variant_id IN (SELECT variant_id FROM sold)
), shots AS (
    SELECT l.variant_id, l.account_id, s.stock, s.day,
           coalesce(lead(s.day) OVER (PARTITION BY s.offer_id ORDER BY s.day), %(until)s::date) AS next
    FROM listed l JOIN offer_snapshots s ON s.offer_id = l.offer_id
        AND s.day >= %(since)s::date AND s.day < %(until)s::date
), stood AS (
    SELECT variant_id, balance_after, at::date + 1 AS day,
           coalesce(lead(at::date) OVER (PARTITION BY variant_id ORDER BY seq), %(until)s::date) AS next
    FROM stock_movements
    WHERE variant_id IN (SELECT variant_id FROM sold) AND at >= %(since)s::date AND at < %(until)s::date
), missing AS (
    SELECT variant_id, account_id, range_agg(days) AS days
    FROM (SELECT variant_id, account_id, daterange(day, next) AS days FROM shots WHERE stock = 0 AND day < next
          UNION ALL
          SELECT l.variant_id, l.account_id, daterange(s.day, s.next) FROM stood s
          JOIN listed l ON l.variant_id = s.variant_id AND l.own WHERE s.balance_after = 0 AND s.day < s.next) AS found
    GROUP BY variant_id, account_id
), weeks AS (
    SELECT l.variant_id, l.account_id, w.week::date AS week, coalesce(s.units, 0) AS units,
           coalesce((SELECT sum(upper(d) - lower(d))
                     FROM unnest(m.days * datemultirange(daterange(w.week::date, w.week::date + {DAYS}))) AS d),
                    0)::smallint AS days_out
    FROM listed l
    CROSS JOIN LATERAL generate_series(l.first, %(until)s::date - {DAYS}, interval '{DAYS} days') AS w (week)
    LEFT JOIN sold s ON s.variant_id = l.variant_id AND s.account_id = l.account_id AND s.week = w.week::date
    LEFT JOIN missing m ON m.variant_id = l.variant_id AND m.account_id = l.account_id
), counted AS (
    SELECT l.variant_id, l.account_id,
           coalesce(array_agg(w.units ORDER BY w.week) FILTER (WHERE w.week IS NOT NULL), '{{}}') AS sold,
           coalesce(array_agg(w.days_out ORDER BY w.week) FILTER (WHERE w.week IS NOT NULL), '{{}}') AS days_out,
           count(*) FILTER (WHERE w.days_out <= {LONGEST_OUT}) AS weeks,
           coalesce(avg(w.units) FILTER (WHERE w.days_out <= {LONGEST_OUT}), 0) AS mean,
           coalesce(var_samp(w.units) FILTER (WHERE w.days_out <= {LONGEST_OUT}), 0) AS variance
    FROM listed l LEFT JOIN weeks w ON w.variant_id = l.variant_id AND w.account_id = l.account_id
    GROUP BY l.variant_id, l.account_id
), gone AS (
    DELETE FROM demand_forecasts f
    WHERE f.variant_id > %(after)s AND f.variant_id <= %(to)s
      AND NOT EXISTS (SELECT FROM listed l WHERE l.variant_id = f.variant_id AND l.account_id = f.account_id)
)
INSERT INTO demand_forecasts AS f (variant_id, account_id, until, sold, days_out, weeks, mean, variance)
SELECT variant_id, account_id, %(until)s::date, sold, days_out, weeks, mean, variance FROM counted
ORDER BY variant_id, account_id
ON CONFLICT (variant_id, account_id) DO UPDATE SET until = excluded.until, sold = excluded.sold,
    days_out = excluded.days_out, weeks = excluded.weeks, mean = excluded.mean, variance = excluded.variance
WHERE (f.until, f.sold, f.days_out) IS DISTINCT FROM (excluded.until, excluded.sold, excluded.days_out)"""

# Of a category in an account, and of the account altogether: units a week of an offer, and how they spread.
POOLS: Final = """
SELECT f.account_id, q.category, grouping(q.category) = 1 AS whole, count(*),
       sum(f.mean * f.weeks) / nullif(sum(f.weeks), 0), sum(f.variance) / nullif(sum(f.mean), 0)
FROM demand_forecasts f JOIN variants v ON v.id = f.variant_id JOIN products q ON q.id = v.product_id
WHERE f.weeks > 1
GROUP BY GROUPING SETS ((f.account_id, q.category), (f.account_id))"""

HISTORIES: Final = """
SELECT f.variant_id, f.account_id, q.category, f.sold, f.days_out
FROM demand_forecasts f JOIN variants v ON v.id = f.variant_id JOIN products q ON q.id = v.product_id
WHERE f.variant_id > %(after)s AND f.variant_id <= %(to)s
ORDER BY f.variant_id, f.account_id"""

KEEP: Final = """
UPDATE demand_forecasts f SET weeks = g.weeks, weekly = g.weekly, ratio = g.ratio, own_part = g.own_part,
    made_at = clock_timestamp()
FROM unnest(%(variants)s::bigint[], %(accounts)s::bigint[], %(weeks)s::integer[], %(weekly)s::float8[],
            %(ratio)s::float8[], %(own_part)s::float8[]) AS g (variant_id, account_id, weeks, weekly, ratio, own_part)
WHERE f.variant_id = g.variant_id AND f.account_id = g.account_id"""

Pools = Mapping[tuple[int, str | None], Pooled]


@dataclass(frozen=True)
class Part:
    """Variants behind one id, up to another."""

    after: int
    to: int

    def bounds(self) -> dict[str, int]:
        return {"after": self.after, "to": self.to}


def forecast_soon(session: Session) -> None:
    """Have everything forecast by a worker, in the caller's transaction."""
    jobs.enqueue(session, TASK, queueing_lock=TASK)


def window(now: datetime) -> tuple[datetime, datetime]:
    """The whole weeks that count: Monday to Monday, in UTC as the readings' days are."""
    until = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return until - timedelta(weeks=WEEKS), until


def forecast_all(*, actor: Actor, now: datetime | None = None) -> int:
    """Count the weeks of everything that sold, then forecast it. Returns how many offers have a forecast."""
    moment = now or datetime.now(UTC)
    parts: list[Part] = []
    after = 0
    while (part := count_part(after, moment, actor=actor)) is not None:
        jobs.pause_point()
        parts.append(part)
        after = part.to
    found, made = pools(actor=actor), 0
    for part in parts:
        jobs.pause_point()
        made += forecast_part(part, found, actor=actor)
    return made


@transactional
def count_part(session: Session, after: int, now: datetime, *, actor: Actor) -> Part | None:
    """Count the weeks of the next variants behind an id; None when there are no more."""
    lock_names(session, [LOCK])
    row = execute(session, NEXT_PART, {"after": after, "most": PART}).fetchone()
    last, number = row or (None, 0)
    if last is None:
        return None
    part = Part(after, last if number == PART else LARGEST_ID)
    since, until = window(now)
    execute(session, COUNT_WEEKS, part.bounds() | {"since": since.date(), "until": until.date()})
    return part


@transactional
def pools(session: Session, *, actor: Actor) -> dict[tuple[int, str | None], Pooled]:
    """What categories sell on average, by (account, category); (account, "") is the whole account."""
    found: dict[tuple[int, str | None], Pooled] = {}
    for account_id, category, whole, offers, weekly, ratio in execute(session, POOLS, {}):
        if whole or offers >= SMALLEST_POOL:
            key = (account_id, "" if whole else category)
            found[key] = Pooled(float(weekly or 0), max(1.0, float(ratio or 1)))
    return found


@transactional
def forecast_part(session: Session, part: Part, found: Pools, *, actor: Actor) -> int:
    """Make the forecasts of these variants. Returns how many offers have one."""
    lock_names(session, [LOCK])
    rows = execute(session, HISTORIES, part.bounds()).fetchall()
    made: list[tuple[int, int, int, Demand | None]] = []
    at = 0
    while at < len(rows):
        end = at
        while end < len(rows) and rows[end][0] == rows[at][0]:
            end += 1
        made += _of_variant(rows[at:end], found)
        at = end
    if made:
        demands = [demand for *_ids, demand in made]
        execute(
            session,
            KEEP,
            {
                "variants": [row[0] for row in made],
                "accounts": [row[1] for row in made],
                "weeks": [row[2] for row in made],
                "weekly": [demand.weekly if demand else None for demand in demands],
                "ratio": [demand.ratio if demand else None for demand in demands],
                "own_part": [demand.own_part if demand else None for demand in demands],
            },
        )
    return sum(demand is not None for *_ids, demand in made)


def _of_variant(rows: Sequence[Any], found: Pools) -> list[tuple[int, int, int, Demand | None]]:
    series = [observed(sold, days_out) for *_ids, sold, days_out in rows]
    enough = known_enough(series)
    made = []
    for (variant_id, account_id, category, *_weeks), one in zip(rows, series, strict=True):
        pooled = found.get((account_id, category)) or found.get((account_id, "")) or NOTHING_KNOWN
        made.append((variant_id, account_id, len(one), forecast(one, pooled) if enough else None))
    return made
