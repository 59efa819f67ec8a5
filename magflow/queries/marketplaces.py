"""Accounts with their health, offers with what they may be, and what was said over the wire: for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.domain.marketplaces import Condition, sellable

ACCOUNTS: Final = """
SELECT a.id, a.source, a.code, a.country, a.currency, a.fulfilment, a.pool, a.stock_writable, a.buffer, a.limits,
       a.username, a.base_url, a.credentials IS NOT NULL AS has_password, a.credentials_hint, a.credentials_at,
       a.reading, a.ordering, a.confirming, a.publishing, a.paused_reason, a.paused_at, a.offers_read_at,
       a.orders_read_at, a.stock_sent_at, a.last_ok_at, a.last_error, a.last_error_at,
       coalesce(o.offers, 0) AS offers, coalesce(o.unmatched, 0) AS unmatched, coalesce(o.rejected, 0) AS rejected,
       coalesce(o.differing, 0) AS differing,
       (SELECT count(*) FROM stock_outbox b WHERE b.account_id = a.id) AS waiting,
       (SELECT count(*) FROM marketplace_orders m JOIN orders r ON r.id = m.order_id AND r.status = 'pending'
        WHERE m.account_id = a.id AND m.state = 'blocked')
       + (SELECT count(*) FROM marketplace_orders m WHERE m.account_id = a.id AND m.state = 'failed') AS blocked,
       (SELECT count(*) FROM marketplace_requests q WHERE q.account_id = a.id
        AND q.at > clock_timestamp() - interval '1 minute') AS last_minute,
       (SELECT count(*) FROM marketplace_requests q WHERE q.account_id = a.id AND q.route LIKE 'order%'
        AND q.at > clock_timestamp() - interval '1 minute') AS last_minute_orders,
       coalesce((SELECT l.used FROM rate_windows l WHERE l.subject = 'market:' || a.id || '\\:eans'
                 AND l.window_start > clock_timestamp() - interval '25 hours'
                 AND l.window_start = date_trunc('day', clock_timestamp(), 'Europe/Bucharest')), 0) AS eans_today,
       (SELECT count(*) FROM marketplace_writes w WHERE w.account_id = a.id AND w.state = 'waiting') AS writes_waiting,
       (SELECT count(*) FROM marketplace_writes w WHERE w.account_id = a.id AND w.state IN ('refused', 'unsure')
        AND w.ended_at > clock_timestamp() - interval '7 days') AS writes_refused,
       (SELECT min(b.since) FROM stock_outbox b WHERE b.account_id = a.id) AS waiting_since
FROM marketplace_accounts a
LEFT JOIN LATERAL (
    SELECT count(*) AS offers, count(*) FILTER (WHERE variant_id IS NULL) AS unmatched,
           count(*) FILTER (WHERE rejected IS NOT NULL) AS rejected,
           count(*) FILTER (WHERE differs_since IS NOT NULL) AS differing
    FROM offers WHERE account_id = a.id) o ON true
{which} ORDER BY a.source, a.code"""


def accounts(session: Session) -> Sequence[Row[Any]]:
    """Every account, with how it is."""
    return session.execute(text(ACCOUNTS.format(which=""))).all()


def account(session: Session, account_id: int) -> Row[Any]:
    """One account. Raises NotFound."""
    row = session.execute(text(ACCOUNTS.format(which="WHERE a.id = :id")), {"id": account_id}).one_or_none()
    if row is None:
        raise NotFound("account", account_id)
    return row


OFFERS: Final = """
SELECT o.id, o.external_id, o.sku, o.name, o.part_number_key, o.ean, o.sale_price, o.currency, o.stock, o.sent_stock,
       o.number_of_offers, o.buy_button_rank, o.status, o.validation_status, o.offer_validation_status,
       o.translation_validation_status, o.last_synced_at, o.last_read_at, o.differs_since, o.rejected, o.matched_by,
       o.variant_id, v.sku AS variant_sku, v.product_id, p.name AS product_name, o.account_id, o.vat_rate,
       o.min_sale_price, o.max_sale_price, o.best_offer_sale_price, o.estimated_stock, o.problems, o.handling_time,
       o.family_id, o.buffer
FROM offers o LEFT JOIN variants v ON v.id = o.variant_id LEFT JOIN products p ON p.id = v.product_id
WHERE {account} AND o.id > :after {which}
  AND (:q = '' OR o.sku = :q OR o.external_id = :q OR o.ean = :q OR o.part_number_key = :q
       OR o.name ILIKE '%' || :like || '%' ESCAPE '\\')
ORDER BY o.id LIMIT :most"""
TABS: Final = {
    "all": "",
    "unmatched": "AND o.variant_id IS NULL",
    "differing": "AND o.differs_since IS NOT NULL",
    "rejected": "AND o.rejected IS NOT NULL",
}


def offers(session: Session, account_id: int | None, tab: str, q: str, after: int, most: int) -> list[Row[Any]]:
    """Offers of an account, or of all, by id, a page of them."""
    like = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    given = {"account": account_id, "after": after, "q": q, "like": like, "most": most}
    statement = OFFERS.format(which=TABS[tab], account="o.account_id = :account" if account_id else "true")
    if not account_id:
        del given["account"]
    return list(session.execute(text(statement), given))


def count_offers(session: Session, account_id: int | None, tab: str, q: str) -> int:
    """How many there are of them."""
    statement = OFFERS.format(which=TABS[tab], account="o.account_id = :account" if account_id else "true")
    like = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    given = {"after": 0, "q": q, "like": like} | ({"account": account_id} if account_id else {})
    counted = statement[statement.index("FROM offers") : statement.index("ORDER BY o.id")]
    return int(session.execute(text(f"SELECT count(*) {counted}"), given).scalar_one())


def offer(session: Session, offer_id: int, account_id: int | None = None) -> Row[Any]:
    """One offer. Raises NotFound, too when it is another account's."""
    statement = OFFERS.format(which="AND o.id = :id", account="true")
    given = {"after": 0, "q": "", "like": "", "most": 1, "id": offer_id}
    row = session.execute(text(statement), given).one_or_none()
    if row is None or (account_id is not None and row.account_id != account_id):
        raise NotFound("offer", offer_id)
    return row


def conditions(row: Row[Any]) -> list[Condition]:
    """Why an offer is visible to buyers, or is not."""
    return sellable(
        stock=row.stock,
        status=row.status,
        offer_validation=row.offer_validation_status,
        documentation=row.validation_status,
        translation=row.translation_validation_status,
    )


@dataclass(frozen=True)
class Candidate:
    """A variant that an offer may be: by what, and what stands against it."""

    variant_id: int
    sku: str
    product: str
    evidence: tuple[str, ...]
    taken_by: str | None
    """Another offer of the account that is this variant already."""


# What agrees exactly, and what nearly does: the SKU without its punctuation.
CANDIDATES: Final = """
WITH wanted AS (SELECT * FROM offers WHERE id = ANY (:ids)),
evidence AS (
    SELECT w.id, s.variant_id, 'part_number_key' AS how FROM wanted w
    JOIN offers s ON s.part_number_key = w.part_number_key AND s.account_id <> w.account_id AND s.variant_id IS NOT NULL
    UNION SELECT w.id, v.id, 'ean' FROM wanted w JOIN variants v ON v.ean = w.ean
    UNION SELECT w.id, v.id, 'sku' FROM wanted w JOIN variants v ON v.sku = w.sku
    UNION SELECT w.id, v.id, 'like_sku' FROM wanted w
    JOIN variants v ON v.sku <> w.sku AND v.sku IN (upper(w.sku), lower(w.sku), replace(w.sku, '-', ' '),
        replace(w.sku, '_', '-'), replace(w.sku, '-', ''), replace(w.sku, ' ', '-'))
)
SELECT e.id, v.id, v.sku, p.name, array_agg(DISTINCT e.how ORDER BY e.how),
       (SELECT t.external_id FROM offers t JOIN wanted w ON w.id = e.id
        WHERE t.account_id = w.account_id AND t.variant_id = v.id AND t.id <> e.id)
FROM evidence e JOIN variants v ON v.id = e.variant_id JOIN products p ON p.id = v.product_id
GROUP BY e.id, v.id, v.sku, p.name ORDER BY e.id, count(*) DESC, v.id"""


def candidates(session: Session, offer_ids: Sequence[int]) -> dict[int, list[Candidate]]:
    """What these offers may be, the best first; more than one exact one is a conflict, for a person to decide."""
    found: dict[int, list[Candidate]] = {}
    for offer_id, variant_id, sku, product, evidence, taken in session.execute(
        text(CANDIDATES), {"ids": list(offer_ids)}
    ):
        found.setdefault(offer_id, []).append(Candidate(variant_id, sku, product, tuple(evidence), taken))
    return found


OF_SKU: Final = """
SELECT v.id, v.sku, v.ean, v.price, v.stock, v.product_id, p.name AS product, p.brand
FROM variants v JOIN products p ON p.id = v.product_id WHERE v.sku = :sku AND v.status = 0 ORDER BY v.id LIMIT 20"""


def variants_of_sku(session: Session, sku: str) -> Sequence[Row[Any]]:
    """Active variants with this SKU; more than one where several products have it."""
    return session.execute(text(OF_SKU), {"sku": sku}).all()


MEMBERS: Final = """
SELECT o.id, o.external_id, o.sku, o.name, o.family_id, v.sku AS variant_sku,
       (SELECT string_agg(coalesce(x.presentation, x.name), ', ' ORDER BY pt.position, x.option_type_id)
        FROM option_value_variants c JOIN option_values x ON x.id = c.option_value_id
        JOIN product_option_types pt ON pt.product_id = v.product_id AND pt.option_type_id = x.option_type_id
        WHERE c.variant_id = v.id) AS options_text
FROM offers o JOIN variants v ON v.id = o.variant_id
WHERE o.account_id = :account AND v.product_id = :product AND o.status <> 2 ORDER BY o.id LIMIT 50"""
OPTIONS: Final = """
SELECT t.id, coalesce(t.presentation, t.name), array_agg(DISTINCT coalesce(x.presentation, x.name))
FROM product_option_types pt JOIN option_types t ON t.id = pt.option_type_id
JOIN variants v ON v.product_id = pt.product_id AND v.status = 0
JOIN option_value_variants c ON c.variant_id = v.id
JOIN option_values x ON x.id = c.option_value_id AND x.option_type_id = t.id
WHERE pt.product_id = :product GROUP BY t.id, t.name, t.presentation, pt.position ORDER BY pt.position, t.id"""


def offers_of_product(session: Session, account_id: int, product_id: int) -> Sequence[Row[Any]]:
    """A product's offers in an account, as many as one family holds."""
    return session.execute(text(MEMBERS), {"account": account_id, "product": product_id}).all()


def option_values_of_product(session: Session, product_id: int) -> dict[int, tuple[str, Sequence[str]]]:
    """Per option of a product its name and the values that its variants have."""
    rows = session.execute(text(OPTIONS), {"product": product_id})
    return {type_id: (name, values) for type_id, name, values in rows}


REQUESTS: Final = """
SELECT id, at, method, route, status, milliseconds, ok, error, request, response FROM marketplace_requests
WHERE account_id = :account AND (:before = 0 OR id < :before) AND (NOT :failed OR NOT ok) AND (:q = '' OR names && (
    ARRAY[:q]
    || ARRAY(SELECT o.external_id FROM offers o LEFT JOIN variants v ON v.id = o.variant_id
             WHERE o.account_id = :account AND (o.sku = :q OR v.sku = :q) LIMIT 50)
    || ARRAY(SELECT m.external_id FROM marketplace_orders m JOIN orders r ON r.id = m.order_id
             WHERE m.account_id = :account AND r.number = :q)))
ORDER BY id DESC LIMIT :most"""


def requests(session: Session, account_id: int, q: str, failed: bool, before: int, most: int) -> list[Row[Any]]:
    """What was said for an account, the newest first. `q`: a SKU, an offer's id, an order's number here or there; what
    is written of an offer names it by its id alone, and is found by its SKU all the same."""
    given = {"account": account_id, "q": q, "failed": failed, "before": before, "most": most}
    return list(session.execute(text(REQUESTS), given))


ENDPOINTS: Final = """
SELECT a.id, a.source, a.code, e.account_id IS NOT NULL AS open, e.token_hash IS NOT NULL AS by_token, e.last_at,
       e.last_good_at, coalesce(e.accepted, 0) AS accepted, coalesce(e.repeated, 0) AS repeated,
       coalesce(e.refused, 0) AS refused,
       (SELECT count(*) FROM webhook_inbox i WHERE i.account_id = a.id AND i.state = 'set_aside') AS set_aside
FROM marketplace_accounts a LEFT JOIN webhook_endpoints e ON e.account_id = a.id ORDER BY a.source, a.code"""
SUBSCRIPTIONS: Final = """
SELECT s.id, s.url, s.events, s.active, s.off_reason, s.failing_since, s.created_at,
       (SELECT count(*) FROM webhook_deliveries d WHERE d.subscription_id = s.id AND d.state = 'waiting') AS waiting
FROM webhook_subscriptions s ORDER BY s.id"""
DELIVERIES: Final = """
SELECT d.id, d.type, d.state, d.attempts, d.status, d.error, d.answer, d.created_at, d.delivered_at, d.next_at, s.url
FROM webhook_deliveries d JOIN webhook_subscriptions s ON s.id = d.subscription_id
ORDER BY d.id DESC LIMIT :most"""


def endpoints(session: Session) -> Sequence[Row[Any]]:
    """Where accounts may call us, and how that went."""
    return session.execute(text(ENDPOINTS)).all()


def subscriptions(session: Session) -> Sequence[Row[Any]]:
    """Whom we call."""
    return session.execute(text(SUBSCRIPTIONS)).all()


def deliveries(session: Session, most: int = 50) -> Sequence[Row[Any]]:
    """The last deliveries out."""
    return session.execute(text(DELIVERIES), {"most": most}).all()


BROKEN: Final = """
SELECT 'paused' AS kind, a.id, a.source || ' ' || upper(a.code) AS name, a.paused_reason AS reason, a.paused_at AS since
FROM marketplace_accounts a WHERE a.paused_reason IS NOT NULL
UNION ALL
SELECT 'unread', a.id, a.source || ' ' || upper(a.code), a.last_error, coalesce(a.orders_read_at, a.created_at)
FROM marketplace_accounts a
WHERE a.ordering AND a.credentials IS NOT NULL AND a.paused_reason IS NULL AND a.last_error_at IS NOT NULL
  AND coalesce(a.orders_read_at, a.created_at) < clock_timestamp() - interval '5 minutes'
UNION ALL
SELECT 'webhook_off', s.id, s.url, s.off_reason, s.failing_since FROM webhook_subscriptions s
WHERE NOT s.active AND s.off_reason IS NOT NULL
UNION ALL
SELECT 'set_aside', a.id, a.source || ' ' || upper(a.code), count(*)::text, min(i.received_at)
FROM webhook_inbox i JOIN marketplace_accounts a ON a.id = i.account_id WHERE i.state = 'set_aside' GROUP BY a.id
UNION ALL
SELECT 'unsure', w.account_id, w.subject, w.error, w.ended_at FROM marketplace_writes w
WHERE w.state = 'unsure' AND w.ended_at > clock_timestamp() - interval '7 days'
ORDER BY 1, 2 LIMIT 20"""


def broken(session: Session) -> Sequence[Row[Any]]:
    """What does not work between the shop and others, for Home: kind, id, name, reason, since when."""
    return session.execute(text(BROKEN)).all()
