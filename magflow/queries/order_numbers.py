"""Series of order numbers, and the numbers that were given to no order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Series:
    """`given`: how far it has counted. `gaps`: numbers among the last of them that no order has."""

    code: str
    label: str
    source: str | None
    given: int
    gaps: Sequence[int]


LOOKED_AT: Final = 2_000
"""The latest numbers of a series; older gaps do not change any more."""

SERIES: Final = text("""
SELECT s.code, s.label, s.source, g.given FROM order_series s JOIN magflow_order_numbers_given() g ON g.series = s.code
ORDER BY s.code""")

# The year in a number is when it was given: of the latest, this one or the one before.
GAPS: Final = text("""
SELECT n FROM generate_series(greatest(1, CAST(:given AS bigint) - :looked_at + 1), CAST(:given AS bigint)) AS n,
LATERAL (SELECT lpad(n::text, greatest(6, length(n::text)), '0') AS padded) AS p
WHERE NOT EXISTS (
    SELECT FROM orders o WHERE o.number IN (
        :code || to_char(now(), '-YYYY-') || padded, :code || to_char(now() - interval '1 year', '-YYYY-') || padded))
ORDER BY n DESC LIMIT 200""")


def series(session: Session) -> list[Series]:
    """All series with their latest gaps; one statement and one a series."""
    rows = session.execute(SERIES).all()
    return [
        Series(
            code,
            label,
            source,
            given,
            session.scalars(GAPS, {"code": code, "given": given, "looked_at": LOOKED_AT}).all(),
        )
        for code, label, source, given in rows
    ]
