"""What the worker does by the clock: looking whether the books are right, and sweeping up."""

import logging
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.services import dispatch, idempotency, invariants, jobs, sign_in
from magflow.services.stock_sync import snapshots

log = logging.getLogger(__name__)

KEPT_FAILED_DAYS: Final = 90

NOTE: Final = """
INSERT INTO job_failures (job_id, at, attempt, error) VALUES (%(job)s, clock_timestamp(), %(attempt)s, %(error)s)
ON CONFLICT (job_id) DO UPDATE SET at = EXCLUDED.at, attempt = EXCLUDED.attempt, error = EXCLUDED.error"""

SWEEP_JOBS: Final = """
DELETE FROM procrastinate_jobs j
WHERE j.status IN ('failed', 'cancelled', 'aborted', 'succeeded')
  AND NOT EXISTS (SELECT FROM procrastinate_events e
                  WHERE e.job_id = j.id AND e.at > clock_timestamp() - make_interval(days => %(days)s))"""

SWEEP_FAILURES: Final = """
DELETE FROM job_failures f WHERE NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.id = f.job_id)"""


def check_invariants() -> None:
    """Run the data checks of `magflow audit`; a finding is an error in the log."""
    for check in invariants.audit():
        if check.count:
            log.log(logging.ERROR if check.critical else logging.WARNING, "audit finding: %s", check.as_line())


def sweep() -> None:
    """Forget what nobody asks for any more."""
    actor = jobs.actor()
    counts = {
        "idempotency_keys": idempotency.delete_old(actor=actor),
        "events": dispatch.forget_old(actor=actor),
        "jobs": delete_old_jobs(actor=actor),
        "access": sign_in.forget_old(actor=actor),
        "readings": snapshots.sweep(actor=actor),
    }
    log.info("swept", extra=counts)


@transactional
def delete_old_jobs(session: Session, *, actor: Actor) -> int:
    """Delete jobs that ended long ago, with the reasons why they failed."""
    deleted = execute(session, SWEEP_JOBS, {"days": KEPT_FAILED_DAYS}).rowcount
    execute(session, SWEEP_FAILURES)
    return deleted


@transactional
def note_failure(session: Session, job_id: int, attempt: int, error: str, *, actor: Actor) -> None:
    """Write down why a job failed."""
    execute(session, NOTE, {"job": job_id, "attempt": attempt, "error": error})
