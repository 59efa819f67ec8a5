"""The rules of `magflow.domain.stock_sync` for many SKUs at once: one statement that also brings the alerts up to date.

It finds the causes of every variant in its scope, estimates what each is worth a week, closes alerts whose condition is
gone, opens those whose limit was crossed, and writes down what changed of the others. Run again, it changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from magflow.domain.marketplaces import ACTIVE_OFFER, SELLABLE_DOCUMENTATION, SELLABLE_TRANSLATION
from magflow.domain.stock_sync import (
    ASSUMED_WEEKLY,
    AT_STAKE,
    CAUGHT,
    CAUSES,
    LOSES,
    PRIORITIES,
    REOPEN_MARGIN,
)

SALES_WEEKS: Final = 8


def _numbers(values: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(values)))


PLAIN_COMPETITION: Final = "coalesce(o.number_of_offers > 1, false)"
# Our own active offers with stock on the same page do not compete with us.
STRICT_COMPETITION: Final = f"""coalesce(o.number_of_offers > (
    SELECT count(*) FROM offers s JOIN marketplace_accounts b ON b.id = s.account_id
    WHERE b.source = a.source AND b.country = a.country AND s.status = {ACTIVE_OFFER} AND s.stock > 0
      AND s.part_number_key = o.part_number_key) + (
    SELECT count(*) FROM offers s JOIN marketplace_accounts b ON b.id = s.account_id
    WHERE b.source = a.source AND b.country = a.country AND s.status = {ACTIVE_OFFER} AND s.stock > 0
      AND o.part_number_key IS NULL AND s.variant_id = o.variant_id AND s.part_number_key IS NULL), false)"""

SHOP_LIMITS: Final = "%(low_stock)s::integer AS low_stock, %(stale_days)s::integer AS stale_days"
CATEGORY_LIMITS: Final = """coalesce((c.limits ->> 'low_stock')::integer, %(low_stock)s::integer) AS low_stock,
           coalesce((c.limits ->> 'stale_days')::integer, %(stale_days)s::integer) AS stale_days"""
CATEGORIES: Final = """JOIN variants v ON v.id = o.variant_id JOIN products q ON q.id = v.product_id
    LEFT JOIN jsonb_each(%(categories)s::jsonb) AS c (name, limits) ON c.name = q.category"""

LISTED: Final = f"""
WITH raw AS (
    SELECT o.variant_id, o.account_id, o.stock, o.number_of_offers AS sellers, o.buy_button_rank AS rank,
           o.part_number_key AS key, a.source, o.status = {ACTIVE_OFFER} AS active, o.last_synced_at,
           CASE WHEN p.kind = 'own' AND p.mode = 'shared' THEN p.name END AS shared_pool,
           {{competition}} AS competition, o.differs_since IS NOT NULL AS differs,
           coalesce(o.offer_validation_status <> 1, false)
           OR coalesce(o.validation_status NOT IN ({_numbers(SELLABLE_DOCUMENTATION)}), false)
           OR coalesce(o.translation_validation_status NOT IN ({_numbers(SELLABLE_TRANSLATION)}), false) AS faulty,
           {{limits}}
    FROM offers o
    JOIN marketplace_accounts a ON a.id = o.account_id
    JOIN stock_pools p ON p.name = a.pool
    {{categories}}
    WHERE {{scope}}
), listed AS MATERIALIZED (
    SELECT *, competition AND active AND stock < low_stock + {REOPEN_MARGIN} AS short,
           active AND (last_synced_at IS NULL
                       OR last_synced_at <= %(now)s::timestamptz - make_interval(days => stale_days)) AS stale
    FROM raw ORDER BY variant_id, account_id
), pairs AS (
    SELECT g.variant_id, g.account_id AS giver, r.account_id AS receiver, g.stock, r.rank,
           r.rank < g.rank AS better, g.sellers IS NOT NULL AND NOT g.competition AND r.competition AS idle
    FROM listed g JOIN listed r ON r.variant_id = g.variant_id AND r.account_id <> g.account_id
    WHERE g.active AND r.active AND g.stock - r.stock >= 2 AND (g.shared_pool = r.shared_pool) IS NOT TRUE
      AND (r.rank < g.rank OR (g.sellers IS NOT NULL AND NOT g.competition AND r.competition))
), grouped AS (
    SELECT variant_id,
           array_agg(account_id) FILTER (WHERE short AND stock = 0) AS zero_stock,
           array_agg(account_id) FILTER (WHERE short AND stock > 0 AND stock < low_stock) AS low_stock,
           array_agg(account_id) FILTER (WHERE short AND stock >= low_stock) AS nearly_low,
           array_agg(account_id) FILTER (WHERE stale) AS stale,
           array_agg(account_id) FILTER (WHERE active AND differs) AS differs,
           array_agg(account_id) FILTER (WHERE active AND faulty) AS not_sellable,
           array_agg(account_id) FILTER (WHERE active AND rank = 1 AND stock > 0) AS leaders
    FROM listed GROUP BY variant_id
), wanted AS (
    SELECT g.variant_id, c.cause, c.accounts, g.leaders, false AS held
    FROM grouped g CROSS JOIN LATERAL (VALUES
        ('zero_stock', zero_stock), ('low_stock', low_stock), ('stale', stale), ('differs', differs),
        ('not_sellable', not_sellable)) AS c (cause, accounts)
    WHERE c.accounts IS NOT NULL
    UNION ALL
    SELECT variant_id, 'low_stock', nearly_low, leaders, true FROM grouped
    WHERE low_stock IS NULL AND nearly_low IS NOT NULL
    UNION ALL
    (SELECT DISTINCT ON (variant_id) variant_id, 'better_rank', ARRAY[receiver], NULL::bigint[], false
     FROM pairs WHERE better ORDER BY variant_id, rank, stock DESC, giver)
    UNION ALL
    SELECT variant_id, 'no_competition', array_agg(DISTINCT giver), NULL::bigint[], false
    FROM pairs WHERE idle GROUP BY variant_id
    UNION ALL
    SELECT variant_id, 'part_number_key', array_agg(DISTINCT account), NULL::bigint[], false
    FROM (SELECT variant_id, source, array_agg(account_id) AS accounts FROM listed WHERE key IS NOT NULL
          GROUP BY variant_id, source HAVING min(key COLLATE "C") <> max(key COLLATE "C")) AS m,
         unnest(m.accounts) AS account
    GROUP BY variant_id
)"""
"""`wanted`: every cause of every variant in the scope, with its accounts. `held`: only keeps an alert that is open."""


def _cases(values: Mapping[Any, int]) -> str:
    return "CASE w.cause " + " ".join(f"WHEN '{name}' THEN {value}" for name, value in values.items()) + " END"


PRIORITY_NUMBERS: Final = {cause: PRIORITIES.index(priority) for cause, priority in CAUSES.items()}
LOSING: Final = ", ".join(f"'{cause}'" for cause in sorted(LOSES))
# Weeks are counted exactly; cents are rounded once, at the end.
COUNTED: Final = f"""CASE WHEN a.cause IN ({LOSING})
    THEN round(a.weekly_cents * extract(epoch FROM %(now)s::timestamptz - a.counted_at) / 604800)::bigint ELSE 0 END"""

VALUED: Final = f""", sales AS (
    SELECT i.variant_id, m.id AS account_id, sum(i.quantity) / {SALES_WEEKS}.0 AS units
    FROM order_items i JOIN orders r ON r.id = i.order_id AND r.status = 'confirmed'
    JOIN marketplace_accounts m ON m.source = r.source AND m.code = r.source_account
    WHERE i.variant_id IN (SELECT variant_id FROM wanted)
      AND r.confirmed_at > %(now)s::timestamptz - make_interval(weeks => {SALES_WEEKS})
    GROUP BY i.variant_id, m.id
), sold AS (
    SELECT w.variant_id, w.cause, sum(s.units - {ASSUMED_WEEKLY}) AS more
    FROM wanted w JOIN sales s ON s.variant_id = w.variant_id AND s.account_id = ANY (w.accounts)
    GROUP BY w.variant_id, w.cause
), valued AS (
    SELECT w.*, {_cases(PRIORITY_NUMBERS)}::smallint AS priority,
           round(v.price * (cardinality(w.accounts) * {ASSUMED_WEEKLY} + coalesce(s.more, 0)) * {_cases(AT_STAKE)}
                 * CASE WHEN w.leaders IS NULL OR w.leaders <@ w.accounts THEN 1 ELSE {(100 - CAUGHT) / 100} END
                )::bigint AS cents
    FROM wanted w JOIN variants v ON v.id = w.variant_id AND {{variants}} LEFT JOIN sold s USING (variant_id, cause)
), live AS (
    SELECT id, variant_id, cause, account_ids FROM stock_alerts a WHERE resolved_at IS NULL AND {{alerts}}
)"""

STOCKS_NOW: Final = """(SELECT string_agg(o.account_id || ':' || o.stock, ',' ORDER BY o.account_id)
    FROM offers o WHERE o.variant_id = a.variant_id)"""

WRITTEN: Final = f""", closed AS (
    UPDATE stock_alerts a SET state = 'resolved', resolved_at = %(now)s::timestamptz,
        lost_cents = a.lost_cents + {COUNTED}, counted_at = %(now)s::timestamptz,
        resolved_by = CASE WHEN EXISTS (SELECT FROM transfers t WHERE t.alert_id = a.id AND t.state = 'done')
                           THEN 'action' ELSE 'itself' END
    FROM live l LEFT JOIN valued w ON w.variant_id = l.variant_id AND w.cause = l.cause
        AND (NOT w.held OR w.accounts && l.account_ids)
    WHERE a.id = l.id AND w.cause IS NULL
    RETURNING a.id
), changed AS (
    UPDATE stock_alerts a SET priority = w.priority, weekly_cents = w.cents,
        account_ids = CASE WHEN w.held THEN a.account_ids ELSE w.accounts END,
        lost_cents = a.lost_cents + {COUNTED}, counted_at = %(now)s::timestamptz,
        state = CASE WHEN a.state = 'snoozed' AND (a.snoozed_until <= %(now)s::timestamptz
                          OR a.snoozed_stocks <> {STOCKS_NOW} OR NOT w.accounts <@ a.account_ids)
                     THEN 'open' ELSE a.state END
    FROM live l JOIN valued w ON w.variant_id = l.variant_id AND w.cause = l.cause
        AND (NOT w.held OR w.accounts && l.account_ids)
    WHERE a.id = l.id AND (a.priority <> w.priority OR a.weekly_cents <> w.cents
        OR (NOT w.held AND a.account_ids <> w.accounts)
        OR (a.state = 'snoozed' AND (a.snoozed_until <= %(now)s::timestamptz OR a.snoozed_stocks <> {STOCKS_NOW})))
    RETURNING a.id
), asleep AS MATERIALIZED (
    SELECT DISTINCT ON (variant_id, cause) variant_id, cause, account_ids, snoozed_until, decided_by
    FROM stock_alerts a WHERE snoozed_until > %(now)s::timestamptz AND resolved_at IS NOT NULL AND {{alerts}}
    ORDER BY variant_id, cause, id DESC
), opened AS (
    INSERT INTO stock_alerts AS a (variant_id, cause, priority, account_ids, weekly_cents, state, snoozed_until,
                                   decided_by, opened_at, counted_at)
    SELECT w.variant_id, w.cause, w.priority, w.accounts, w.cents,
           CASE WHEN s.cause IS NULL THEN 'open' ELSE 'snoozed' END, s.snoozed_until, s.decided_by,
           %(now)s::timestamptz, %(now)s::timestamptz
    FROM valued w
    LEFT JOIN live l ON l.variant_id = w.variant_id AND l.cause = w.cause
    LEFT JOIN asleep s ON s.variant_id = w.variant_id AND s.cause = w.cause AND s.account_ids = w.accounts
    WHERE l.id IS NULL AND NOT w.held
    ORDER BY w.variant_id, w.cause
    ON CONFLICT (variant_id, cause) WHERE resolved_at IS NULL DO NOTHING
    RETURNING a.id, a.variant_id, a.cause, a.priority, a.account_ids, a.state
), named AS MATERIALIZED (
    SELECT d.account_ids, jsonb_agg(m.code ORDER BY m.id) AS codes
    FROM (SELECT DISTINCT account_ids FROM opened) d JOIN marketplace_accounts m ON m.id = ANY (d.account_ids)
    GROUP BY d.account_ids
), told AS (
    INSERT INTO events (type, payload)
    SELECT 'alert.opened', jsonb_build_object('alert_id', o.id, 'variant_id', o.variant_id, 'sku', v.sku,
        'cause', o.cause, 'priority', (ARRAY['{"', '".join(PRIORITIES)}'])[o.priority + 1], 'accounts', n.codes)
    FROM opened o JOIN variants v ON v.id = o.variant_id AND {{variants}} JOIN named n USING (account_ids)
    WHERE o.state = 'open' ORDER BY o.id
)
SELECT (SELECT count(*) FROM opened), (SELECT count(*) FROM changed), (SELECT count(*) FROM closed)"""

SCOPES: Final = {
    "ids": "{0} = ANY (%(ids)s::bigint[])",
    "range": "{0} > %(after)s::bigint AND {0} <= %(to)s::bigint",
}


def statement(scope: str, *, strict: bool, categories: bool) -> str:
    """The whole statement for a scope: `ids`, or `range`."""
    return listed(scope, strict=strict, categories=categories) + (VALUED + WRITTEN).format(
        alerts=SCOPES[scope].format("a.variant_id"), variants=SCOPES[scope].format("v.id")
    )


def listed(scope: str, *, strict: bool, categories: bool) -> str:
    """The part of it that finds the causes; a SELECT from `wanted` goes behind it."""
    return LISTED.format(
        competition=STRICT_COMPETITION if strict else PLAIN_COMPETITION,
        limits=CATEGORY_LIMITS if categories else SHOP_LIMITS,
        categories=CATEGORIES if categories else "",
        scope=SCOPES[scope].format("o.variant_id"),
    )
