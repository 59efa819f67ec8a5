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
        Index(
            "ix_orders_customer_email",
            text("lower(customer_email)"),
            "id",
            postgresql_where=text("customer_email IS NOT NULL"),
        ),
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
        Index("ix_order_items_image_id", "image_id", postgresql_where=text("image_id IS NOT NULL")),
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
    image_id: Mapped[int | None]
    """The picture that stood for the variant when the line was written; a trigger names it. Pictures may go, so there
    is no foreign key."""
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
        CheckConstraint("kind IN ('cancel', 'return')", name="kind"),
        CheckConstraint(
            "write_off IS NULL OR (write_off IN ('damaged', 'lost') AND disposition = 'written_off')",
            name="write_off",
        ),
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
    kind: Mapped[str] = mapped_column(Text, server_default=text("'return'"))
    """`cancel`: it had not left yet, or was not wanted any more; `return`: the customer sent it back."""
    write_off: Mapped[str | None] = mapped_column(Text)
    """`damaged` or `lost`, where it was said of goods that did not reach the stock."""
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class Refund(Base):
    """What the shop owes back for one line: a record, not a payment. Append-only; never more than the line cost."""

    __tablename__ = "refunds"
    __table_args__ = (
        Index("ix_refunds_order_id", "order_id"),
        Index("ix_refunds_order_item_id", "order_item_id"),
        CheckConstraint("amount > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    document_id: Mapped[int | None]
    """The document of what came back with it; NULL when nothing did."""
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    order_item_id: Mapped[int] = mapped_column(ForeignKey("order_items.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    currency: Mapped[str] = mapped_column(CHAR(3))
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class OrderHandling(Base):
    """What surrounds an order and may change after it was confirmed, when the order itself may not."""

    __tablename__ = "order_handling"
    __table_args__ = (Index("ix_order_handling_split_from_id", "split_from_id"),)

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    waybill: Mapped[str | None] = mapped_column(Text)
    invoice_number: Mapped[str | None] = mapped_column(Text)
    buying_in_since: Mapped[datetime | None] = mapped_column(Timestamp)
    """Somebody is getting the missing goods: the order waits on purpose, and stays reserved."""
    cancel_code: Mapped[str | None] = mapped_column(Text)
    """The marketplace's own code for why it was cancelled."""
    cancel_reason: Mapped[str | None] = mapped_column(Text)
    split_from_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class OrderSeries(Base):
    """A series of order numbers: each counts by itself, from a sequence that makes nobody wait."""

    __tablename__ = "order_series"
    __table_args__ = (
        Index("idx_unique_order_series_source", "source", unique=True, postgresql_where=text("source IS NOT NULL")),
        CheckConstraint("code ~ '^[A-Z][A-Z0-9]{1,7}$'", name="code"),
    )

    code: Mapped[str] = mapped_column(Text, primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    """Orders of this source are numbered here unless another series is named."""
