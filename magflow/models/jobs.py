"""Background work. The queue's own tables belong to Procrastinate and have no models."""

from datetime import datetime

from sqlalchemy import Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from magflow.db import Base, Timestamp


class JobFailure(Base):
    """Why a job failed when it was last tried; it goes when the job succeeds or is swept away."""

    __tablename__ = "job_failures"

    job_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Timestamp)
    attempt: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
