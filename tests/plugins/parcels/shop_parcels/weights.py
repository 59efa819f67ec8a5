"""Reads: which parcels were weighed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.models import Setting


def weights(session: Session) -> list[tuple[int, int]]:
    """(order id, grams) of every parcel that was weighed."""
    rows = session.scalars(select(Setting).where(Setting.key.startswith("parcels.")).order_by(Setting.key))
    return [(int(row.key.removeprefix("parcels.")), int(row.value)) for row in rows]
