"""Who is told of alerts, by which way and when; and every mail and SMS that was sent."""

from datetime import datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class Recipient(Base):
    """Somebody who is told. Times are those of his clock."""

    __tablename__ = "notification_recipients"
    __table_args__ = (
        CheckConstraint("email IS NOT NULL OR phone IS NOT NULL", name="reachable"),
        CheckConstraint("locale IN ('en', 'ro', 'it')", name="locale"),
        CheckConstraint("alerts_email IN ('off', 'high', 'medium')", name="alerts_email"),
        CheckConstraint("alerts_sms IN ('off', 'high')", name="alerts_sms"),
        CheckConstraint("sms_per_day BETWEEN 1 AND 100", name="sms_per_day"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    digest: Mapped[bool] = mapped_column(server_default=text("false"))
    digest_at: Mapped[time] = mapped_column(server_default=text("'07:30'"))
    alerts_email: Mapped[str] = mapped_column(Text, server_default=text("'off'"))
    alerts_sms: Mapped[str] = mapped_column(Text, server_default=text("'off'"))
    sms_per_day: Mapped[int] = mapped_column(Integer, server_default=text("5"))
    quiet_from: Mapped[time | None]
    quiet_to: Mapped[time | None]
    alerts_since: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    """What was open before he asked to be told is not told at once: it stands in the digest."""
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)


class Message(Base):
    """One mail or SMS, from its making to its end."""

    __tablename__ = "notification_messages"
    __table_args__ = (
        Index("idx_unique_notification_message", "recipient_id", "channel", "key", unique=True),
        Index(
            "ix_notification_messages_waiting",
            "next_at",
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint("kind IN ('digest', 'alerts', 'test')", name="kind"),
        CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed', 'unsure', 'empty')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("notification_recipients.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    """What it is: `digest:2026-11-20`. There is one of it."""
    message_id: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, server_default=text("''"))
    body: Mapped[str] = mapped_column(Text, server_default=text("''"))
    html: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    sent_at: Mapped[datetime | None] = mapped_column(Timestamp)


class ToldAlert(Base):
    """That an alert is told to somebody by a channel: once, and once more a day later. `message_id` NULL: not yet."""

    __tablename__ = "notification_alerts"
    __table_args__ = (
        Index("idx_unique_notification_alert", "recipient_id", "channel", "alert_id", "stage", unique=True),
        Index("ix_notification_alerts_alert_id", "alert_id"),
        Index("ix_notification_alerts_message_id", "message_id"),
        Index(
            "ix_notification_alerts_waiting",
            "recipient_id",
            "channel",
            postgresql_where=text("message_id IS NULL"),
        ),
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint("stage IN ('opened', 'reminder')", name="stage"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("notification_recipients.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(Text)
    alert_id: Mapped[int] = mapped_column(ForeignKey("stock_alerts.id", ondelete="CASCADE"))
    stage: Mapped[str] = mapped_column(Text)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("notification_messages.id", ondelete="CASCADE"))
    noted_at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
