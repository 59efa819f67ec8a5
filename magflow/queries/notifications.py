"""Who is told, what was sent, and what a summary says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import Message, Recipient
from magflow.queries import automation, orders, price_changes, stock_alerts
from magflow.queries.automation import Done, Paused
from magflow.queries.paging import Page, counted
from magflow.queries.price_changes import PriceDay
from magflow.queries.stock_alerts import AlertFilter, AlertRow, Summary

WORST: Final = 5
A_DAY: Final = timedelta(hours=24)
Person = Recipient
"""Somebody who is told."""


def recipients(session: Session) -> list[Recipient]:
    """Everybody, by name."""
    return list(session.scalars(select(Recipient).order_by(func.lower(Recipient.name), Recipient.id)))


def recipient(session: Session, recipient_id: int) -> Recipient:
    """One of them. Raises NotFound."""
    found = session.get(Recipient, recipient_id)
    if found is None:
        raise NotFound("recipient", recipient_id)
    return found


@dataclass(frozen=True)
class MessageRow:
    message: Message
    name: str


def messages(
    session: Session, *, state: str | None = None, after: int | None = None, limit: int = 50
) -> Page[MessageRow]:
    """What was sent, and what was not; the newest first. Days on which there was nothing to say are left out."""
    statement = cast("Select[Any]", select(Message, Recipient.name)).join(
        Recipient, Recipient.id == Message.recipient_id
    )
    statement = statement.where(Message.state == state if state else Message.state != "empty")
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Message.id < after)
    rows = session.execute(statement.order_by(Message.id.desc()).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    shown = [MessageRow(message, name) for message, name in rows]
    return Page(shown, total, estimate, shown[-1].message.id if more else None)


def message(session: Session, message_id: int) -> MessageRow:
    """One of them. Raises NotFound."""
    row = session.execute(
        select(Message, Recipient.name).join(Recipient, Recipient.id == Message.recipient_id).where(
            Message.id == message_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound("message", message_id)
    return MessageRow(*row)


def failing(session: Session) -> int:
    """Messages of the last day that did not arrive, or of which nobody knows."""
    return (
        session.scalar(
            select(func.count()).where(
                Message.state.in_(("failed", "unsure")), Message.created_at > func.clock_timestamp() - A_DAY
            )
        )
        or 0
    )


# --- what a summary says ---------------------------------------------------------------------------------------------

YESTERDAY: Final = """
SELECT count(*) FILTER (WHERE opened_at > :since), count(*) FILTER (WHERE resolved_at > :since),
       count(*) FILTER (WHERE opened_at <= :since AND (resolved_at IS NULL OR resolved_at > :since) AND priority = 0),
       count(*) FILTER (WHERE opened_at <= :since AND (resolved_at IS NULL OR resolved_at > :since) AND priority = 1)
FROM stock_alerts WHERE resolved_at IS NULL OR resolved_at > :since"""
STOPPED: Final = """
SELECT source || ' ' || upper(code) FROM marketplace_accounts WHERE paused_reason IS NOT NULL ORDER BY source, code"""


@dataclass(frozen=True)
class Digest:
    """Everything that a summary of the day says."""

    counts: Summary
    worst: tuple[AlertRow, ...]
    opened: int
    resolved: int
    high_before: int
    medium_before: int
    done: tuple[Done, ...]
    paused: tuple[Paused, ...]
    stopped: tuple[str, ...]
    """Accounts that the marketplace turned away."""
    blocked: int
    """Orders that cannot be confirmed."""
    late: int
    """Orders past their shipping time."""
    prices: PriceDay
    """Prices that changed, ours and theirs."""

    @property
    def high(self) -> int:
        return self.counts.by_priority.get("high", 0)

    @property
    def medium(self) -> int:
        return self.counts.by_priority.get("medium", 0)

    @property
    def empty(self) -> bool:
        """Nothing that anybody has to hear of."""
        told = (
            self.high,
            self.medium,
            self.done,
            self.paused,
            self.stopped,
            self.blocked,
            self.late,
            self.prices.first,
        )
        return not any(told)


def digest(session: Session, now: datetime) -> Digest:
    """The state of things now, against a day ago."""
    since = now - A_DAY
    opened, resolved, high, medium = session.execute(text(YESTERDAY), {"since": since}).one()
    worst = [
        row
        for priority in ("high", "medium")
        for row in stock_alerts.alerts(session, AlertFilter(priority=priority), limit=WORST).rows
    ]
    waiting = orders.view_counts(session)
    return Digest(
        stock_alerts.summary(session), tuple(worst[:WORST]), opened, resolved, high, medium,
        tuple(automation.done_since(session, since)), tuple(automation.paused(session)),
        tuple(session.scalars(text(STOPPED))), waiting.get("blocked", 0),
        waiting.get("late", 0), price_changes.price_day(session, now),
    )  # fmt: skip
