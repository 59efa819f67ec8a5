"""How much is waiting: figures for whoever watches over MagFlow."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

WAITING: Final = text(
    """
    SELECT
        (SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo') AS jobs_waiting,
        (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing') AS jobs_running,
        (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed') AS jobs_failed,
        (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(e.at)), 0)
         FROM procrastinate_jobs j JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
         WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= clock_timestamp())
        ) AS oldest_job_seconds,
        (SELECT count(*) FROM events WHERE dispatched_at IS NULL) AS events_waiting,
        (SELECT count(*) FROM orders WHERE status = 'pending' AND blocked_reason IS NOT NULL) AS orders_blocked
    """
)


def waiting(session: Session) -> Mapping[str, float]:
    """Jobs, events and orders that wait, by the name of the figure."""
    row = session.execute(WAITING).one()
    return {name: float(value) for name, value in row._mapping.items()}
