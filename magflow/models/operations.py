"""What keeps the shop honest around the core: audit, idempotency, events, settings."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class AuditEntry(Base):
    """Who changed what from what to what, and through which door. Append-only, written by triggers."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_table_row", "table_name", "row_id", "id"),
        Index("ix_audit_log_actor", "actor", "id"),
        Index(
            "ix_audit_log_order",
            text("(coalesce(new, old) ->> 'order_id')"),
            "id",
            postgresql_where=text("table_name = 'order_items' AND action IN ('insert', 'delete')"),
        ),
        Index(
            "ix_audit_log_variant",
            text("(coalesce(new, old) ->> 'variant_id')"),
            "id",
            postgresql_where=text(
                "table_name IN ('images', 'variant_external_ids') AND action IN ('insert', 'delete')"
            ),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(Text)
    door: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    """`insert`, `update`, `delete`, or a named act such as `sign_in.failed`."""
    table_name: Mapped[str | None] = mapped_column(Text)
    row_id: Mapped[str | None] = mapped_column(Text)
    old: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class AdoptionChange(Base):
    """What the cleanup of an adopted shop overwrote or deleted: it cannot be undone, but it is not lost."""

    __tablename__ = "adoption_changes"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    rule: Mapped[str] = mapped_column(Text)
    table_name: Mapped[str] = mapped_column(Text)
    row_id: Mapped[str | None] = mapped_column(Text)
    old: Mapped[dict[str, Any]] = mapped_column(JSONB)


class IdempotencyKey(Base):
    """The first answer to a keyed request; written in the transaction of its effect (reliability 2.8)."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    actor_kind: Mapped[str] = mapped_column(Text, primary_key=True)
    actor_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    method: Mapped[str] = mapped_column(Text, primary_key=True)
    route: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    body_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class Event(Base):
    """News that follows a change, written with it: `order.confirmed`, `stock.changed`. No commit, no event."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_pending", "id", postgresql_where=text("dispatched_at IS NULL")),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    dispatched_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Setting(Base):
    """What the shop decided: currency, VAT, thresholds. Defaults live in the code that reads them."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class UpkeepMark(Base):
    """Work that is done once and not looked at again: everything before this day is done."""

    __tablename__ = "upkeep_marks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    done_before: Mapped[date]
