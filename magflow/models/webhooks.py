"""Webhooks: where others call us, what they delivered, whom we call, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class WebhookEndpoint(Base):
    """Where an account calls us, and what it signs with. Secrets are encrypted."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("idx_unique_webhook_token", "token_hash", unique=True, postgresql_where=text("token_hash IS NOT NULL")),
    )

    account_id: Mapped[int] = mapped_column(
        ForeignKey("marketplace_accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret: Mapped[str | None] = mapped_column(Text)
    old_secret: Mapped[str | None] = mapped_column(Text)
    old_until: Mapped[datetime | None] = mapped_column(Timestamp)
    last_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_good_at: Mapped[datetime | None] = mapped_column(Timestamp)
    accepted: Mapped[int] = mapped_column(server_default=text("0"))
    repeated: Mapped[int] = mapped_column(server_default=text("0"))
    refused: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class WebhookInbox(Base):
    """A delivery, stored before it was answered (reliability 2.9)."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        Index("idx_unique_webhook_delivery", "account_id", "dedup_key", unique=True),
        Index("ix_webhook_inbox_waiting", "next_at", "id", postgresql_where=text("state = 'new'")),
        CheckConstraint("state IN ('new', 'done', 'ignored', 'set_aside')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="CASCADE"))
    dedup_key: Mapped[str] = mapped_column(Text)
    topic: Mapped[str] = mapped_column(Text)
    entity_key: Mapped[str] = mapped_column(Text)
    entity_version: Mapped[str] = mapped_column(Text, server_default=text("''"))
    received_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text, server_default=text("'new'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    lease_no: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)


class WebhookVersion(Base):
    """The newest version of an outside thing that was applied."""

    __tablename__ = "webhook_versions"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("marketplace_accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    entity_key: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class WebhookSubscription(Base):
    """An address that wants to be told; the secret is encrypted."""

    __tablename__ = "webhook_subscriptions"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret: Mapped[str] = mapped_column(Text)
    old_secret: Mapped[str | None] = mapped_column(Text)
    old_until: Mapped[datetime | None] = mapped_column(Timestamp)
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    off_reason: Mapped[str | None] = mapped_column(Text)
    failing_since: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class WebhookDelivery(Base):
    """One event for one subscription: signed anew at each attempt, under one message id."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_subscription_id", "subscription_id", "id"),
        Index("ix_webhook_deliveries_waiting", "next_at", "id", postgresql_where=text("state = 'waiting'")),
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("webhook_subscriptions.id", ondelete="CASCADE"))
    event_id: Mapped[int | None]
    message_id: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    lease_no: Mapped[int] = mapped_column(server_default=text("0"))
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    delivered_at: Mapped[datetime | None] = mapped_column(Timestamp)
