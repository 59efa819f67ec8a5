"""What Home shows: how much there is, what waits, what happened last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, func, select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import InstrumentedAttribute, Session

from magflow.models import ApiToken, Import, Order, Product, User, Variant, VariantStatus


@dataclass(frozen=True)
class Figures:
    products: int
    variants: int
    drafts: int
    sold_out: int
    """Active variants without stock."""
    pending_orders: int
    blocked_orders: int
    confirmed_orders: int
    people: int
    tokens: int
    imports: int

    @property
    def empty(self) -> bool:
        """Whether this is a shop's first hour."""
        return not (self.products or self.pending_orders or self.confirmed_orders)


LARGEST = 100_000
"""Beyond this a count says "more than": nobody waits for an exact one."""


def figures(session: Session) -> Figures:
    """All counts in one statement, none of them counted further than anybody reads."""

    def count(model: Any, *where: ColumnElement[bool] | InstrumentedAttribute[bool]) -> ScalarSelect[int]:
        bounded = select(model.id).where(*where).limit(LARGEST).subquery()
        return select(func.count()).select_from(bounded).scalar_subquery()

    active = Variant.status == VariantStatus.ACTIVE
    row: Sequence[Any] = session.execute(
        select(
            count(Product, ~Product.archived),
            count(Variant, active),
            count(Variant, ~active),
            count(Variant, active, Variant.stock == 0),
            count(Order, Order.status == "pending"),
            count(Order, Order.status == "pending", Order.blocked_reason.is_not(None)),
            count(Order, Order.status == "confirmed"),
            count(User, User.active),
            count(ApiToken, ApiToken.revoked_at.is_(None)),
            count(Import),
        )
    ).one()
    return Figures(*row)


# None of it counts offers: only what waits, and what was refused within a day.
ACCOUNTS: Final = """
SELECT a.id, a.source, a.code, a.fulfilment, a.limits, a.credentials IS NOT NULL AS has_password, a.paused_reason,
       a.reading OR a.ordering AS reads, a.offers_read_at, a.orders_read_at, a.stock_sent_at, a.last_ok_at,
       a.last_error, a.last_error_at, p.kind = 'own' AND a.publishing AS publishes,
       (SELECT count(*) FROM stock_outbox b WHERE b.account_id = a.id)
       + (SELECT count(*) FROM marketplace_writes w WHERE w.account_id = a.id AND w.state = 'waiting') AS waiting,
       least((SELECT min(b.since) FROM stock_outbox b WHERE b.account_id = a.id),
             (SELECT min(w.created_at) FROM marketplace_writes w WHERE w.account_id = a.id AND w.state = 'waiting'))
           AS waiting_since,
       (SELECT count(*) FROM offers o WHERE o.account_id = a.id
        AND o.rejected_at > clock_timestamp() - interval '24 hours')
       + (SELECT count(*) FROM marketplace_writes w WHERE w.account_id = a.id AND w.state = 'refused'
          AND w.ended_at > clock_timestamp() - interval '24 hours') AS rejected,
       q.orders AS last_minute_orders, q.every AS last_minute,
       coalesce((SELECT l.used FROM rate_windows l WHERE l.subject = 'market:' || a.id || '\\:eans'
                 AND l.window_start > clock_timestamp() - interval '25 hours'
                 AND l.window_start = date_trunc('day', clock_timestamp(), 'Europe/Bucharest')), 0) AS eans_today
FROM marketplace_accounts a JOIN stock_pools p ON p.name = a.pool
CROSS JOIN LATERAL (
    SELECT count(*) AS every, count(*) FILTER (WHERE r.route LIKE 'order%') AS orders FROM marketplace_requests r
    WHERE r.account_id = a.id AND r.at > clock_timestamp() - interval '1 minute') AS q
ORDER BY a.id"""


def accounts(session: Session) -> Sequence[Row[Any]]:
    """How every account is, in one statement that does not grow with the offers."""
    return session.execute(text(ACCOUNTS)).all()


TO_SHIP: Final = """
SELECT count(*) FILTER (WHERE m.ship_by < clock_timestamp()), count(*) FILTER (WHERE m.ship_by >= clock_timestamp())
FROM marketplace_orders m JOIN orders r ON r.id = m.order_id AND r.status = 'pending'
WHERE m.ship_by < clock_timestamp() + interval '4 hours'"""


def to_ship(session: Session) -> tuple[int, int]:
    """Orders past their shipping time, and those whose time comes within four hours."""
    late, soon = session.execute(text(TO_SHIP)).one()
    return late, soon
