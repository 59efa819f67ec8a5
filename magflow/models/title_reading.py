"""Variants whose options a person does not want to have read from their title."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp


class OptionReadingSkip(Base):
    __tablename__ = "option_reading_skips"

    variant_id: Mapped[int] = mapped_column(
        ForeignKey("variants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    skipped_by: Mapped[str] = mapped_column(Text)
    skipped_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("clock_timestamp()"))
