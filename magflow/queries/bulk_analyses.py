"""Analyses of many SKUs that were asked for: how far they are, and their results, a page or a part at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import BulkAnalysis, BulkAnalysisPart

VIEWS: Final = {
    "": "true",
    "action": "r.value -> 'analysis' @> '{\"action_required\": true}'",
    "unknown": "r.value ->> 'status' = 'error'",
}
"""What can be looked at: everything, what asks for an action, what could not be analysed."""


def bulk_part(session: Session, analysis_id: int, number: int) -> tuple[BulkAnalysis, list[dict[str, Any]]]:
    """An analysis that a worker does, and the results of a part: none while it is not so far. Raises NotFound."""
    asked = session.get(BulkAnalysis, analysis_id)
    if asked is None:
        raise NotFound("analysis", analysis_id)
    part = session.get(BulkAnalysisPart, (analysis_id, number))
    return asked, part.results if part else []


@dataclass(frozen=True)
class Asked:
    """An analysis in the list of the last ones."""

    id: int
    actor: str
    total: int
    done: int
    created_at: datetime


def latest(session: Session, limit: int = 10) -> list[Asked]:
    """The last ones, the newest first."""
    kept = BulkAnalysis
    rows = session.execute(
        select(kept.id, kept.actor, kept.total, kept.done, kept.created_at).order_by(kept.id.desc()).limit(limit)
    )
    return [Asked(*row) for row in rows]


def asked(session: Session, analysis_id: int) -> Asked:
    """How far one is, without what was asked. Raises NotFound."""
    kept = BulkAnalysis
    row = session.execute(
        select(kept.id, kept.actor, kept.total, kept.done, kept.created_at).where(kept.id == analysis_id)
    ).one_or_none()
    if row is None:
        raise NotFound("analysis", analysis_id)
    return Asked(*row)


ROWS: Final = """
SELECT p.number, r.at, r.value FROM bulk_analysis_parts p,
       jsonb_array_elements(p.results) WITH ORDINALITY AS r (value, at)
WHERE p.bulk_analysis_id = :id AND p.number >= :number AND (p.number, r.at) > (:number, :at) AND {which}
ORDER BY p.number, r.at LIMIT :most"""
COUNTS: Final = f"""
SELECT count(*), count(*) FILTER (WHERE {VIEWS["action"]}), count(*) FILTER (WHERE {VIEWS["unknown"]})
FROM bulk_analysis_parts p, jsonb_array_elements(p.results) AS r (value) WHERE p.bulk_analysis_id = :id"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Result:
    """The result of one SKU, and where it stands."""

    key: tuple[int, int]
    sku: str
    told: dict[str, Any]


def results(
    session: Session, analysis_id: int, view: str = "", *, after: Sequence[int] = (0, 0), limit: int = 50
) -> tuple[list[Result], tuple[int, int] | None]:
    """Results in the order in which the SKUs were sent, and behind which key the next page begins."""
    given = {"id": analysis_id, "number": after[0], "at": after[1], "most": limit + 1}
    rows = session.execute(text(ROWS.format(which=VIEWS[view])), given).all()
    found = [Result((number, at), value["sku"], value) for number, at, value in rows[:limit]]
    return found, found[-1].key if len(rows) > limit else None


def counts(session: Session, analysis_id: int) -> dict[str, int]:
    """How many results each view has so far."""
    row = session.execute(text(COUNTS), {"id": analysis_id}).one()
    return dict(zip(VIEWS, row, strict=True))
