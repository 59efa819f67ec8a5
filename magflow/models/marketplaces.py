"""Marketplaces: accounts, offers, what came from there, what was said over the wire."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import CHAR, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class StockPool(Base):
    """The goods that accounts sell from: the own warehouse, or a marketplace's (domain words: pool)."""

    __tablename__ = "stock_pools"
    __table_args__ = (
        CheckConstraint("kind IN ('own', 'marketplace')", name="kind"),
        CheckConstraint("mode IN ('shared', 'divided')", name="mode"),
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, server_default=text("'own'"))
    mode: Mapped[str] = mapped_column(Text, server_default=text("'shared'"))


class MarketplaceAccount(Base):
    """A seller account at a marketplace, an ERP or another shop; `source` and `code` name it everywhere."""

    __tablename__ = "marketplace_accounts"
    __table_args__ = (
        Index("idx_unique_marketplace_account", "source", "code", unique=True),
        Index("ix_marketplace_accounts_pool", "pool"),
        CheckConstraint("source ~ '^[a-z][a-z0-9_-]{0,31}$' AND code ~ '^[a-z0-9][a-z0-9_-]{0,31}$'", name="names"),
        CheckConstraint("fulfilment IN ('seller', 'marketplace')", name="fulfilment"),
        CheckConstraint("buffer >= 0", name="buffer"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(Text, server_default=text("'ro'"))
    currency: Mapped[str] = mapped_column(CHAR(3), server_default=text("'RON'"))
    base_url: Mapped[str | None] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)
    credentials: Mapped[str | None] = mapped_column(Text)
    credentials_hint: Mapped[str | None] = mapped_column(Text)
    credentials_at: Mapped[datetime | None] = mapped_column(Timestamp)
    fulfilment: Mapped[str] = mapped_column(Text, server_default=text("'seller'"))
    pool: Mapped[str] = mapped_column(
        Text, ForeignKey("stock_pools.name", ondelete="RESTRICT"), server_default=text("'own'")
    )
    stock_writable: Mapped[bool] = mapped_column(server_default=text("false"))
    buffer: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    reading: Mapped[bool] = mapped_column(server_default=text("true"))
    ordering: Mapped[bool] = mapped_column(server_default=text("true"))
    confirming: Mapped[bool] = mapped_column(server_default=text("true"))
    publishing: Mapped[bool] = mapped_column(server_default=text("false"))
    paused_reason: Mapped[str | None] = mapped_column(Text)
    paused_at: Mapped[datetime | None] = mapped_column(Timestamp)
    offers_read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    orders_read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    orders_read_until: Mapped[datetime | None] = mapped_column(Timestamp)
    returns_read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    stock_sent_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_ok_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_error: Mapped[str | None] = mapped_column(Text)
    last_error_at: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class Offer(Base):
    """One variant in one account: what the marketplace said when it was read, and what was last sent there."""

    __tablename__ = "offers"
    __table_args__ = (
        Index("idx_unique_offer", "account_id", "external_id", unique=True),
        Index(
            "idx_unique_offer_variant",
            "account_id",
            "variant_id",
            unique=True,
            postgresql_where=text("variant_id IS NOT NULL"),
        ),
        Index("ix_offers_variant_id", "variant_id"),
        Index("ix_offers_part_number_key", "part_number_key", postgresql_where=text("part_number_key IS NOT NULL")),
        Index("ix_offers_last_synced_at", "account_id", "last_synced_at"),
        Index("ix_offers_rejected_at", "account_id", "rejected_at", postgresql_where=text("rejected_at IS NOT NULL")),
        Index("ix_offers_unmatched", "account_id", "id", postgresql_where=text("variant_id IS NULL")),
        CheckConstraint("stock >= 0", name="stock_positive"),
        CheckConstraint("status IN (0, 1, 2)", name="status"),
        CheckConstraint("share >= 0", name="share_positive"),
        CheckConstraint("buffer >= 0", name="buffer_positive"),
        CheckConstraint("buy_button_rank >= 1", name="rank_positive"),
        CheckConstraint("number_of_offers >= 0", name="number_positive"),
        CheckConstraint("matched_by IN ('external_id', 'part_number_key', 'ean', 'sku', 'person')", name="matched_by"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="RESTRICT"))
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="SET NULL"))
    external_id: Mapped[str] = mapped_column(Text)
    sku: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    part_number_key: Mapped[str | None] = mapped_column(Text)
    ean: Mapped[str | None] = mapped_column(Text)
    sale_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    min_sale_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    max_sale_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    best_offer_sale_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    vat_rate: Mapped[Decimal | None] = mapped_column(Numeric(6, 4))
    vat_id: Mapped[int | None] = mapped_column(Integer)
    currency: Mapped[str] = mapped_column(CHAR(3), server_default=text("'RON'"))
    stock: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    estimated_stock: Mapped[int | None] = mapped_column(Integer)
    number_of_offers: Mapped[int | None] = mapped_column(Integer)
    buy_button_rank: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    validation_status: Mapped[int | None] = mapped_column(SmallInteger)
    offer_validation_status: Mapped[int | None] = mapped_column(SmallInteger)
    translation_validation_status: Mapped[int | None] = mapped_column(SmallInteger)
    problems: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    handling_time: Mapped[int | None] = mapped_column(Integer)
    family_id: Mapped[int | None]
    share: Mapped[int | None] = mapped_column(Integer)
    buffer: Mapped[int | None] = mapped_column(Integer)
    sent_stock: Mapped[int | None] = mapped_column(Integer)
    sent_seq: Mapped[int | None]
    last_synced_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    differs_since: Mapped[datetime | None] = mapped_column(Timestamp)
    rejected: Mapped[str | None] = mapped_column(Text)
    rejected_at: Mapped[datetime | None] = mapped_column(Timestamp)
    matched_by: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class OfferSnapshot(Base):
    """The figures of an offer on one day, from its last reading."""

    __tablename__ = "offer_snapshots"
    __table_args__ = (Index("ix_offer_snapshots_day", "day"),)

    offer_id: Mapped[int] = mapped_column(
        ForeignKey("offers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    stock: Mapped[int] = mapped_column(Integer)
    sale_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    best_offer_sale_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    number_of_offers: Mapped[int | None] = mapped_column(Integer)
    buy_button_rank: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[int] = mapped_column(SmallInteger)
    read_at: Mapped[datetime] = mapped_column(Timestamp)


class StockOutbox(Base):
    """An offer whose figure has to be sent. The figure is read when it is sent, never kept here."""

    __tablename__ = "stock_outbox"
    __table_args__ = (Index("ix_stock_outbox_account_id", "account_id", text("first DESC"), "next_at"),)

    offer_id: Mapped[int] = mapped_column(
        ForeignKey("offers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="CASCADE"))
    wanted_seq: Mapped[int] = mapped_column(server_default=text("0"))
    first: Mapped[bool] = mapped_column(server_default=text("false"))
    since: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    lease_no: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)


class MarketplaceOrder(Base):
    """An order as the marketplace tells it, whatever became of it here."""

    __tablename__ = "marketplace_orders"
    __table_args__ = (
        Index("idx_unique_marketplace_order", "account_id", "external_id", unique=True),
        Index("ix_marketplace_orders_order_id", "order_id"),
        Index("ix_marketplace_orders_cancel_asked", "order_id", postgresql_where=text("cancel_asked")),
        Index("ix_marketplace_orders_state", "state", "next_at"),
        CheckConstraint("state IN ('new', 'open', 'blocked', 'done', 'ignored', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="RESTRICT"))
    external_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[int] = mapped_column(SmallInteger, server_default=text("3"))
    status: Mapped[int] = mapped_column(SmallInteger)
    source_version: Mapped[str] = mapped_column(Text, server_default=text("''"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text, server_default=text("'new'"))
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    ship_by: Mapped[datetime | None] = mapped_column(Timestamp)
    cancel_asked: Mapped[bool] = mapped_column(server_default=text("false"))
    acknowledged_at: Mapped[datetime | None] = mapped_column(Timestamp)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    seen_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class OrderWindow(Base):
    """One reading of orders: every one that was seen was imported or has failed."""

    __tablename__ = "order_windows"
    __table_args__ = (
        Index("ix_order_windows_account_id", "account_id", "id"),
        CheckConstraint("seen = imported + failed", name="count_law"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="CASCADE"))
    since: Mapped[datetime] = mapped_column(Timestamp)
    until: Mapped[datetime] = mapped_column(Timestamp)
    seen: Mapped[int] = mapped_column(Integer)
    imported: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class MarketplaceReturn(Base):
    """A return as the marketplace tells it; `document_id` is the restock that it caused."""

    __tablename__ = "marketplace_returns"
    __table_args__ = (
        Index("idx_unique_marketplace_return", "account_id", "external_id", unique=True),
        Index("ix_marketplace_returns_order_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="RESTRICT"))
    external_id: Mapped[str] = mapped_column(Text)
    order_external_id: Mapped[str] = mapped_column(Text)
    status: Mapped[int] = mapped_column(SmallInteger)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    document_id: Mapped[int | None]
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    seen_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class MarketplaceRequest(Base):
    """A request and its answer, without secrets and customers; kept for thirty days."""

    __tablename__ = "marketplace_requests"
    __table_args__ = (
        Index("ix_marketplace_requests_account_id", "account_id", "id"),
        Index("ix_marketplace_requests_at", "at"),
        Index("ix_marketplace_requests_names", "names", postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    method: Mapped[str] = mapped_column(Text)
    route: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None] = mapped_column(Integer)
    milliseconds: Mapped[int] = mapped_column(Integer)
    ok: Mapped[bool]
    error: Mapped[str | None] = mapped_column(Text)
    request: Mapped[str | None] = mapped_column(Text)
    response: Mapped[str | None] = mapped_column(Text)
    names: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


class MarketplaceWrite(Base):
    """Something that a person told a marketplace to do; a worker sends it. `said` is what it answered."""

    __tablename__ = "marketplace_writes"
    __table_args__ = (
        Index("idx_unique_waiting_write", "account_id", "kind", "subject", unique=True,
              postgresql_where=text("state = 'waiting'")),
        Index("ix_marketplace_writes_account_id", "account_id", "id"),
        Index("ix_marketplace_writes_offer_id", "offer_id", postgresql_where=text("offer_id IS NOT NULL")),
        Index("ix_marketplace_writes_order_id", "order_id", postgresql_where=text("order_id IS NOT NULL")),
        Index("ix_marketplace_writes_waiting", "account_id", "next_at", postgresql_where=text("state = 'waiting'")),
        CheckConstraint(
            "kind IN ('price', 'status', 'listing', 'family', 'invoice', 'waybill', 'order_status', 'storno', "
            "'return_status')",
            name="kind",
        ),
        CheckConstraint("state IN ('waiting', 'done', 'refused', 'unsure', 'taken_back')", name="state"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    """What it is about, as the marketplace names it: an offer, an order, a return."""
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offers.id", ondelete="SET NULL"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    said: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    lease_no: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)


class RateSlot(Base):
    """When the next request of an account and route class may go; shared by all processes."""

    __tablename__ = "rate_slots"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy asks for a plain dictionary

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    next_at: Mapped[datetime] = mapped_column(Timestamp)
