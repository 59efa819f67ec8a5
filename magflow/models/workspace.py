"""Around the catalogue: what is wrong with variants, what is kept on purpose, saved views, confirmations of titles."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class VariantTrouble(Base):
    """Something that is wrong with an active variant, as it was found last (`services.troubles`)."""

    __tablename__ = "variant_troubles"
    __table_args__ = (
        CheckConstraint("kind IN ('orphan', 'incomplete', 'duplicate')", name="kind"),
        Index("ix_variant_troubles_product_id", "product_id"),
    )

    variant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """No foreign key: what is gone is not listed, and swept."""
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    product_id: Mapped[int]
    state: Mapped[str] = mapped_column(Text)
    """What it consists of: ids of values that are not offered, of options that lack one, of the variants it equals."""


class TroubleKeep(Base):
    """A trouble that a person keeps; it is asked about again when its state is another."""

    __tablename__ = "trouble_keeps"
    __table_args__ = (CheckConstraint("kind IN ('orphan', 'incomplete', 'duplicate')", name="kind"),)

    variant_id: Mapped[int] = mapped_column(
        ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    kept_by: Mapped[str] = mapped_column(Text)
    kept_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class SavedView(Base):
    """A list as somebody left it: its filters, order and columns, as they stand in its address."""

    __tablename__ = "saved_views"
    __table_args__ = (
        Index("idx_unique_saved_view_name", "user_id", "list", text("lower(name)"), unique=True),
        Index("ix_saved_views_list", "list"),
        CheckConstraint("name = btrim(name) AND name <> ''", name="name"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    list: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class SavedViewDefault(Base):
    """The view with which a list opens for somebody."""

    __tablename__ = "saved_view_defaults"
    __table_args__ = (Index("ix_saved_view_defaults_saved_view_id", "saved_view_id"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    list: Mapped[str] = mapped_column(Text, primary_key=True)
    saved_view_id: Mapped[int] = mapped_column(ForeignKey("saved_views.id", ondelete="CASCADE"))


class TitleConfirmation(Base):
    """Suggestions confirmed by their confidence, by a worker."""

    __tablename__ = "title_confirmations"
    __table_args__ = (CheckConstraint("status IN ('queued', 'done', 'failed')", name="status"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    actor: Mapped[str] = mapped_column(Text)
    product_id: Mapped[int | None]
    confidence: Mapped[str] = mapped_column(Text)
    extend: Mapped[bool]
    fingerprint: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=text("'queued'"))
    done: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    total: Mapped[int] = mapped_column(Integer)
    confirmed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    refused: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
