"""Bulk edits: what was asked, what it did to each variant, and whether it was undone."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class BulkEdit(Base):
    """One change of many variants. It stays as the record, and as the way back."""

    __tablename__ = "bulk_edits"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'applied', 'failed', 'undone')", name="status"),
        Index("ix_bulk_edits_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    actor: Mapped[str] = mapped_column(Text)
    selection: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    fingerprint: Mapped[str] = mapped_column(Text)
    """Of the preview that was agreed to."""
    skip_refused: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str] = mapped_column(Text, server_default=text("'queued'"))
    rows_changed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_unchanged: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_refused: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rows_done: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Progress of a running one, out of `rows_changed`."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    applied_at: Mapped[datetime | None] = mapped_column(Timestamp)
    undone_at: Mapped[datetime | None] = mapped_column(Timestamp)


class BulkEditRow(Base):
    """What a bulk edit did to one variant: only the fields that changed, before and after."""

    __tablename__ = "bulk_edit_rows"

    bulk_edit_id: Mapped[int] = mapped_column(ForeignKey("bulk_edits.id", ondelete="CASCADE"), primary_key=True)
    variant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """No foreign key: a variant that is deleted later stays in the record."""
    old: Mapped[dict[str, Any]] = mapped_column(JSONB)
    new: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version_after: Mapped[int] = mapped_column(Integer)
    movement_seq_after: Mapped[int]
    undo_refused: Mapped[str | None] = mapped_column(Text)
    """Why this row could not be set back: a stable code."""


class BulkEditProgress(Base):
    """How far a bulk edit is that runs as a job; apart from its row, which the job's transaction has locked."""

    __tablename__ = "bulk_edit_progress"

    bulk_edit_id: Mapped[int] = mapped_column(ForeignKey("bulk_edits.id", ondelete="CASCADE"), primary_key=True)
    done: Mapped[int] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(Integer)
