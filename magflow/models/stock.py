"""The stock ledger. Rows are written by the database's trigger alone and never change."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp


class StockMovement(Base):
    """One explained change of a variant's stock.

    No foreign key to the variant: a hard delete must leave the history. The primary key makes a lost or
    doubled write impossible to store (reliability 2.6).
    """

    __tablename__ = "stock_movements"
    __table_args__ = (
        Index(
            "idx_unique_movement_source",
            "source_type",
            "source_id",
            "variant_id",
            unique=True,
            postgresql_where=text("source_type IN ('order', 'restock', 'transfer', 'import_row')"),
        ),
        Index("ix_stock_movements_at", "at"),
        CheckConstraint("delta <> 0", name="delta_not_zero"),
        CheckConstraint("balance_after >= 0", name="balance_positive"),
    )

    variant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    delta: Mapped[int] = mapped_column(Integer)
    balance_after: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    source_type: Mapped[str | None] = mapped_column(Text)
    source_id: Mapped[int | None]
    sku: Mapped[str] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(Text)
    """Who, as a name to show: an e-mail address, a token's name, a job's."""
    door: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("clock_timestamp()"))
