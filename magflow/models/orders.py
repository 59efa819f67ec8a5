"""Orders, their lines, and what came back. A confirmed order is a frozen snapshot (invariant 6)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, FetchedValue, ForeignKey, Identity, Index, Integer, Numeric, Text, text
from sqlalchemy.dialects.postgresql import CHAR, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (
        Index("idx_unique_order_number", "number", unique=True),
        Index(
            "idx_unique_order_external_id",
            "source",
            "source_account",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("ix_orders_status", "status", "id"),
        Index("ix_orders_placed_at", "placed_at", "id"),
        CheckConstraint("status IN ('pending', 'confirmed', 'cancelled', 'returned')", name="status"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(Text, server_default=FetchedValue())
    status: Mapped[str] = mapped_column(Text, server_default=text("'pending'"))
    source: Mapped[str] = mapped_column(Text, server_default=text("'magflow'"))
    source_account: Mapped[str] = mapped_column(Text, server_default=text("'default'"))
    external_id: Mapped[str | None] = mapped_column(Text)
    customer_name: Mapped[str | None] = mapped_column(Text)
    customer_email: Mapped[str | None] = mapped_column(Text)
    customer_phone: Mapped[str | None] = mapped_column(Text)
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    currency: Mapped[str] = mapped_column(CHAR(3), server_default=text("'RON'"))
    total_gross: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    """Sum of the lines, VAT included; NULL until confirmed."""
    total_tax: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    blocked_reason: Mapped[str | None] = mapped_column(Text)
    """Why a marketplace order could not be finalized: a stable code; NULL when nothing is wrong."""
    note: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    placed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    confirmed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    cancelled_at: Mapped[datetime | None] = mapped_column(Timestamp)
    returned_at: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class OrderStatusMove(Base):
    """Which status may follow which: the table that the trigger on orders asks."""

    __tablename__ = "order_status_moves"

    from_status: Mapped[str] = mapped_column(Text, primary_key=True)
    to_status: Mapped[str] = mapped_column(Text, primary_key=True)


class OrderItem(Base):
    """A line. Until confirmation it points at a variant; from then on it is what was sold, in its own columns."""

    __tablename__ = "order_items"
    __table_args__ = (
        Index("ix_order_items_order_id", "order_id", "id"),
        Index("ix_order_items_variant_id", "variant_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("restocked_quantity BETWEEN 0 AND quantity", name="restocked_at_most_sold"),
        CheckConstraint("price_source IN ('catalogue', 'marketplace')", name="price_source"),
        CheckConstraint("stock_source IN ('own', 'marketplace', 'historic')", name="stock_source"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"))
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="SET NULL"))
    quantity: Mapped[int] = mapped_column(Integer)
    restocked_quantity: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    price_source: Mapped[str] = mapped_column(Text, server_default=text("'catalogue'"))
    stock_source: Mapped[str] = mapped_column(Text, server_default=text("'own'"))
    external_id: Mapped[str | None] = mapped_column(Text)
    frozen: Mapped[bool] = mapped_column(server_default=text("false"))
    """Set by the database when an order is closed without having been confirmed; confirmed lines have an amount."""

    product_name: Mapped[str | None] = mapped_column(Text)
    variant_sku: Mapped[str | None] = mapped_column(Text)
    variant_options_text: Mapped[str | None] = mapped_column(Text)
    unit_price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    vat_rate_snapshot: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    currency: Mapped[str] = mapped_column(CHAR(3), server_default=text("'RON'"))
    line_total_gross: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    tax_amount: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class Restock(Base):
    """Units of one line that came back, or were written off. Append-only; a document groups one request's lines."""

    __tablename__ = "restocks"
    __table_args__ = (
        Index("ix_restocks_order_id", "order_id"),
        Index("ix_restocks_order_item_id", "order_item_id"),
        Index("ix_restocks_document_id", "document_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("disposition IN ('stock', 'written_off')", name="disposition"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    document_id: Mapped[int]
    """From the sequence `restock_documents`; the `source_id` of the movements it caused."""
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    order_item_id: Mapped[int] = mapped_column(ForeignKey("order_items.id", ondelete="RESTRICT"))
    quantity: Mapped[int] = mapped_column(Integer)
    disposition: Mapped[str] = mapped_column(Text, server_default=text("'stock'"))
    reached_stock: Mapped[bool] = mapped_column(server_default=text("true"))
    """False when the line's variant is gone, or the stock was never ours: recorded, not lost."""
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
