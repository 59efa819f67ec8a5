"""What MagFlow does by itself, account by account, and the log of it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp

NOW = text("clock_timestamp()")


class AutomationRule(Base):
    """One rule in one account. Without a row it is off."""

    __tablename__ = "automation_rules"
    __table_args__ = (
        CheckConstraint("rule IN ('refresh', 'transfer')", name="rule"),
        CheckConstraint("mode IN ('off', 'dry_run', 'on')", name="mode"),
        CheckConstraint("daily_max >= 1", name="daily_max"),
        CheckConstraint("floor >= 0", name="floor"),
        CheckConstraint("(paused_reason IS NULL) = (paused_at IS NULL)", name="paused"),
        CheckConstraint("paused_reason IN ('maximum', 'failures', 'person')", name="paused_reason"),
    )

    account_id: Mapped[int] = mapped_column(
        ForeignKey("marketplace_accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    mode: Mapped[str] = mapped_column(Text, server_default=text("'off'"))
    daily_max: Mapped[int] = mapped_column(Integer)
    floor: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """What a giver keeps, whatever is taken from it."""
    more: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """What a person granted beyond the maximum, on the day `more_on`."""
    more_on: Mapped[date | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Runs in a row that failed."""
    paused_reason: Mapped[str | None] = mapped_column(Text)
    paused_at: Mapped[datetime | None] = mapped_column(Timestamp)
    paused_until: Mapped[datetime | None] = mapped_column(Timestamp)
    """NULL: until a person lets it go on."""
    ran_at: Mapped[datetime | None] = mapped_column(Timestamp)


class AutomationEntry(Base):
    """What a rule did, would have done, or did not do and why: a line an offer and reason each day."""

    __tablename__ = "automation_entries"
    __table_args__: Any = (
        Index(
            "idx_unique_automation_entry",
            "account_id",
            "rule",
            "offer_id",
            "day",
            "outcome",
            "reason",
            unique=True,
            postgresql_where=text("transfer_id IS NULL"),
        ),
        Index("ix_automation_entries_of_rule", "account_id", "rule", "day"),
        Index("ix_automation_entries_waiting", "account_id", postgresql_where=text("outcome = 'waiting'")),
        Index("ix_automation_entries_offer_id", "offer_id"),
        Index("ix_automation_entries_variant_id", "variant_id"),
        Index("ix_automation_entries_transfer_id", "transfer_id"),
        CheckConstraint("rule IN ('refresh', 'transfer')", name="rule"),
        CheckConstraint(
            "outcome IN ('waiting', 'done', 'proposed', 'would', 'skipped', 'rejected', 'failed')", name="outcome"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=NOW)
    day: Mapped[date]
    account_id: Mapped[int] = mapped_column(ForeignKey("marketplace_accounts.id", ondelete="CASCADE"))
    rule: Mapped[str] = mapped_column(Text)
    offer_id: Mapped[int | None] = mapped_column(ForeignKey("offers.id", ondelete="CASCADE"))
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id", ondelete="SET NULL"))
    sku: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    amount: Mapped[int | None] = mapped_column(Integer)
    giver: Mapped[str | None] = mapped_column(Text)
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("transfers.id", ondelete="SET NULL"))
    said: Mapped[str | None] = mapped_column(Text)
    """What the marketplace said."""
    settled_at: Mapped[datetime | None] = mapped_column(Timestamp)
