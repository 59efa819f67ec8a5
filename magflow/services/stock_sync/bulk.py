"""Analyses of more SKUs than a request waits for: written down, done by a worker part by part, fetched, forgotten."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.models import BulkAnalysis
from magflow.services import jobs

TASK: Final = "stock_sync.bulk_analyse"
PART: Final = 1_000
KEPT_DAYS: Final = 7

KEEP: Final = """
WITH kept AS (
    INSERT INTO bulk_analysis_parts (bulk_analysis_id, number, results)
    VALUES (%(id)s, %(number)s, %(results)s::jsonb) ON CONFLICT DO NOTHING RETURNING jsonb_array_length(results) AS n
)
UPDATE bulk_analyses b SET done = b.done + k.n FROM kept k WHERE b.id = %(id)s"""
FORGET: Final = "DELETE FROM bulk_analyses WHERE created_at < clock_timestamp() - make_interval(days => %(days)s)"


@dataclass(frozen=True)
class AskAnalysis:
    skus: Sequence[str]


@transactional
def ask(session: Session, command: AskAnalysis, *, actor: Actor) -> BulkAnalysis:
    """Have these SKUs analysed by a worker. What was asked for a week ago is forgotten."""
    execute(session, FORGET, {"days": KEPT_DAYS})
    asked = BulkAnalysis(actor=actor.name, skus=list(command.skus), total=len(command.skus))
    session.add(asked)
    session.flush()
    session.refresh(asked)
    jobs.enqueue(session, TASK, analysis_id=asked.id)
    return asked


@dataclass(frozen=True)
class Analysed:
    """What was analysed while somebody waited."""

    skus: Sequence[str]
    results: Sequence[Mapping[str, Any]]


@transactional
def write_down(session: Session, command: Analysed, *, actor: Actor) -> BulkAnalysis:
    """Keep an analysis that is done already: at most one part of it."""
    execute(session, FORGET, {"days": KEPT_DAYS})
    made = BulkAnalysis(actor=actor.name, skus=list(command.skus), total=len(command.skus))
    session.add(made)
    session.flush()
    keep.within(session, made.id, 1, command.results, actor=actor)
    session.refresh(made)
    return made


@transactional
def parts_of(session: Session, analysis_id: int, *, actor: Actor) -> list[list[str]]:
    """The SKUs, as they are worked on. Raises NotFound."""
    asked = session.get(BulkAnalysis, analysis_id)
    if asked is None:
        raise NotFound("analysis", analysis_id)
    return [asked.skus[at : at + PART] for at in range(0, asked.total, PART)]


@transactional
def keep(
    session: Session, analysis_id: int, number: int, results: Sequence[Mapping[str, Any]], *, actor: Actor
) -> None:
    """Keep the results of a part; a part that was kept already stays as it is."""
    kept = json.dumps(list(results), ensure_ascii=False, default=str)
    execute(session, KEEP, {"id": analysis_id, "number": number, "results": kept})
