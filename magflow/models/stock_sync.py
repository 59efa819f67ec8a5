"""Stock sync: alerts with a life, transfers and their steps."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class StockSyncChange(Base):
    """A variant whose offers changed since somebody looked; a trigger appends, the evaluation takes away."""

    __tablename__ = "stock_sync_changes"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    variant_id: Mapped[int]


class StockSyncPass(Base):
    """A full pass over the offers: when, who asked for it, and what it changed."""

    __tablename__ = "stock_sync_passes"
    __table_args__ = (
        Index("ix_stock_sync_passes_ended_at", "ended_at"),
        CheckConstraint("ended_at >= began_at", name="ended"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    began_at: Mapped[datetime] = mapped_column(Timestamp)
    ended_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    actor: Mapped[str] = mapped_column(Text)
    variants: Mapped[int] = mapped_column(Integer)
    opened: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    closed: Mapped[int] = mapped_column(Integer)


class StockAlert(Base):
    """One cause at one variant, from the crossing of a limit until the condition is gone."""

    __tablename__ = "stock_alerts"
    __table_args__ = (
        Index(
            "idx_unique_live_alert", "variant_id", "cause", unique=True, postgresql_where=text("resolved_at IS NULL")
        ),
        Index("ix_stock_alerts_variant_id", "variant_id"),
        Index("ix_stock_alerts_queue", "place", "id", postgresql_where=text("state = 'open'")),
        Index("ix_stock_alerts_snoozed", "snoozed_until", postgresql_where=text("snoozed_until IS NOT NULL")),
        Index("ix_stock_alerts_resolved_at", "resolved_at", postgresql_where=text("resolved_at IS NOT NULL")),
        CheckConstraint(
            "cause IN ('zero_stock', 'differs', 'low_stock', 'better_rank', 'part_number_key', 'not_sellable', "
            "'no_competition', 'stale')",
            name="cause",
        ),
        CheckConstraint("priority BETWEEN 0 AND 2", name="priority"),
        CheckConstraint("state IN ('open', 'snoozed', 'dismissed', 'resolved')", name="state"),
        CheckConstraint("(state = 'resolved') = (resolved_at IS NOT NULL)", name="resolved"),
        CheckConstraint("resolved_by IN ('action', 'itself')", name="resolved_by"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"))
    cause: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger)
    account_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    state: Mapped[str] = mapped_column(Text, server_default=text("'open'"))
    weekly_cents: Mapped[int] = mapped_column(server_default=text("0"))
    lost_cents: Mapped[int] = mapped_column(server_default=text("0"))
    counted_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    """Up to when `lost_cents` counts; behind it `weekly_cents` go on."""
    place: Mapped[int] = mapped_column(
        Computed(
            "priority::bigint * 1000000000000000 + 999999999999999 - least(weekly_cents, 999999999999999)",
            persisted=True,
        )
    )
    """Where it stands in the queue: by priority, then by money."""
    opened_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    snoozed_until: Mapped[datetime | None] = mapped_column(Timestamp)
    snoozed_stocks: Mapped[str | None] = mapped_column(Text)
    dismissed_reason: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(Timestamp)
    resolved_at: Mapped[datetime | None] = mapped_column(Timestamp)
    resolved_by: Mapped[str | None] = mapped_column(Text)


class Transfer(Base):
    """Goods, or a share of goods, that go from one account to another."""

    __tablename__ = "transfers"
    __table_args__ = (
        Index("ix_transfers_variant_id", "variant_id", "id"),
        Index("ix_transfers_from_account_id", "from_account_id"),
        Index("ix_transfers_to_account_id", "to_account_id"),
        Index("ix_transfers_alert_id", "alert_id"),
        Index(
            "ix_transfers_at_work",
            "id",
            postgresql_where=text("state IN ('suggested', 'approved', 'running', 'failed')"),
        ),
        CheckConstraint("from_account_id <> to_account_id", name="accounts"),
        CheckConstraint("kind IN ('redivide', 'shipment')", name="kind"),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("state IN ('suggested', 'approved', 'running', 'done', 'failed', 'cancelled')", name="state"),
        CheckConstraint("stage IN ('requested', 'in_transit', 'received')", name="stage"),
        CheckConstraint("received BETWEEN 0 AND amount", name="received"),
        CheckConstraint("left_own BETWEEN 0 AND amount", name="left_own"),
        CheckConstraint("giver_written IN ('no', 'waiting', 'accepted', 'rejected', 'undone')", name="giver_written"),
        CheckConstraint(
            "receiver_written IN ('no', 'waiting', 'accepted', 'rejected', 'undone')", name="receiver_written"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="SET NULL"))
    sku: Mapped[str] = mapped_column(Text)
    from_account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="RESTRICT"))
    to_account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text, server_default=text("'suggested'"))
    stage: Mapped[str | None] = mapped_column(Text)
    received: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    left_own: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Units that were taken from the own stock when the parcel left, and are not accounted for yet."""
    giver_written: Mapped[str] = mapped_column(Text, server_default=text("'no'"))
    receiver_written: Mapped[str] = mapped_column(Text, server_default=text("'no'"))
    stock_before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    stock_after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    warnings: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    confirmed: Mapped[bool] = mapped_column(server_default=text("false"))
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("stock_alerts.id", ondelete="SET NULL"))
    note: Mapped[str | None] = mapped_column(Text)
    difference_reason: Mapped[str | None] = mapped_column(Text)
    problem: Mapped[str | None] = mapped_column(Text)
    priority_before: Mapped[str | None] = mapped_column(Text)
    priority_after: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    approved_by: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(Timestamp)
    shipped_at: Mapped[datetime | None] = mapped_column(Timestamp)
    ended_by: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class TransferStep(Base):
    """What happened to the goods of a transfer; a movement of the ledger names its step."""

    __tablename__ = "transfer_steps"
    __table_args__ = (
        Index("idx_unique_transfer_step", "transfer_id", "step", "total", unique=True),
        CheckConstraint("step IN ('approved', 'left', 'received', 'written', 'back', 'ended')", name="step"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id", ondelete="CASCADE"))
    step: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(Integer)
    note: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class BulkAnalysis(Base):
    """An analysis of many SKUs that a worker does."""

    __tablename__ = "bulk_analyses"
    __table_args__ = (CheckConstraint("done BETWEEN 0 AND total", name="done"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    actor: Mapped[str] = mapped_column(Text)
    skus: Mapped[list[str]] = mapped_column(JSONB)
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class BulkAnalysisPart(Base):
    """The results of a thousand of its SKUs."""

    __tablename__ = "bulk_analysis_parts"

    bulk_analysis_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_analyses.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class StockFigure(Base):
    """One day's figures of an account, a brand and a category; without an account, of all of them together."""

    __tablename__ = "stock_figures"
    __table_args__ = (
        Index("ix_stock_figures_day", "day", "account_id"),
        Index("ix_stock_figures_account_id", "account_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    day: Mapped[date] = mapped_column(Date)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="CASCADE"))
    brand: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    offers: Mapped[int] = mapped_column(Integer)
    sent: Mapped[int] = mapped_column(Integer)
    overdue: Mapped[int] = mapped_column(Integer)
    """Products of which an offer was not sent in time."""
    stock: Mapped[int]
    contested: Mapped[int]
    """Units that stand in accounts with competition."""
    zero_stock: Mapped[int] = mapped_column(Integer)
    weekly_cents: Mapped[int]
    lost_cents: Mapped[int]
    resolved: Mapped[int] = mapped_column(Integer)
    resolved_seconds: Mapped[int]


class StockCase(Base):
    """What became of an alert within seven days. Written once, when they are over."""

    __tablename__ = "stock_cases"
    __table_args__ = (Index("ix_stock_cases_judged_on", "judged_on"),)

    alert_id: Mapped[int] = mapped_column(
        ForeignKey("stock_alerts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    cause: Mapped[str] = mapped_column(Text)
    account_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    brand: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    possible: Mapped[bool]
    """Whether somebody could have acted upon it: there was a giver. Only such cases are compared."""
    followed: Mapped[bool]
    started_at: Mapped[datetime] = mapped_column(Timestamp)
    judged_on: Mapped[date] = mapped_column(Date)
    recovered: Mapped[bool | None]
    """Whether the buy button was there again; None: nobody can say."""
    before_cents: Mapped[int]
    after_cents: Mapped[int]
    cost_cents: Mapped[int] = mapped_column(server_default=text("0"))
