"""Demand: what sold of each offer week by week and what is expected of it; shares of a divided warehouse."""

from datetime import date, datetime

from sqlalchemy import ARRAY, CheckConstraint, Date, Double, ForeignKey, Index, Integer, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp


class DemandForecast(Base):
    """The whole weeks of the last year of one offer, oldest first, and the forecast from them. Made anew every day."""

    __tablename__ = "demand_forecasts"
    __table_args__ = (
        Index("ix_demand_forecasts_account_id", "account_id"),
        CheckConstraint("cardinality(sold) = cardinality(days_out)", name="arrays"),
        CheckConstraint("weekly >= 0 AND ratio >= 1", name="weekly"),
    )

    variant_id: Mapped[int] = mapped_column(
        ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    account_id: Mapped[int] = mapped_column(
        ForeignKey("marketplace_accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    until: Mapped[date] = mapped_column(Date)
    """The Monday behind the last whole week."""
    sold: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    days_out: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    """Days of each week on which nothing was there to sell."""
    weeks: Mapped[int] = mapped_column(Integer)
    """Weeks that count: those in which there was something to sell on most days."""
    mean: Mapped[float] = mapped_column(Double)
    variance: Mapped[float] = mapped_column(Double)
    weekly: Mapped[float | None] = mapped_column(Double)
    """Units expected a week; NULL: too little is known."""
    ratio: Mapped[float | None] = mapped_column(Double)
    """Variance divided by mean, pooled with the category's."""
    own_part: Mapped[float | None] = mapped_column(Double)
    """How much of it is its own history; the rest is the category's."""
    made_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("clock_timestamp()"))


class PoolSettlement(Base):
    """Up to which movement of a variant the shares of a divided pool are settled."""

    __tablename__ = "pool_settlements"
    __table_args__ = (Index("ix_pool_settlements_pool", "pool"),)

    variant_id: Mapped[int] = mapped_column(
        ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    pool: Mapped[str] = mapped_column(Text, ForeignKey("stock_pools.name", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int]
