"""What can be done: ask for a parcel to be weighed, and weigh it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.services import jobs

TASK = "parcels.weigh"
GRAMS_A_UNIT = 250


@dataclass(frozen=True)
class AskForWeight:
    order_id: int


@dataclass(frozen=True)
class Asked:
    order_id: int
    job_id: int | None


@transactional
def ask_for_weight(session: Session, command: AskForWeight, *, actor: Actor) -> Asked:
    """Add the job to the same transaction: without a commit, no job. Raises NotFound."""
    found = execute(session, "SELECT id FROM orders WHERE id = %(id)s", {"id": command.order_id}).fetchone()
    if found is None:
        raise NotFound("order", command.order_id)
    return Asked(command.order_id, jobs.enqueue(session, TASK, order_id=command.order_id))


@transactional
def weigh(session: Session, order_id: int, *, actor: Actor) -> None:
    """Keep the weight of an order's parcel; safe to run twice."""
    execute(
        session,
        "INSERT INTO settings (key, value) "
        "SELECT 'parcels.' || order_id, to_jsonb(sum(quantity) * %(grams)s) FROM order_items "
        "WHERE order_id = %(id)s GROUP BY order_id ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        {"id": order_id, "grams": GRAMS_A_UNIT},
    )
