"""Suggestions of a whole shop confirmed by their confidence: some at once, thousands by a worker.

What was shown is what is confirmed, in one transaction: the readings are made again under the locks of their products,
and compared. Where nothing was shown, because a program asks, a worker goes through all of them a thousand at a time,
and what it has confirmed stays confirmed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_products, transactional
from magflow.db import any_of
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound, StaleVersion
from magflow.models import TitleConfirmation, Variant
from magflow.queries import title_reading as reads
from magflow.queries.title_reading import Suggestion
from magflow.services import jobs, title_reading
from magflow.services.title_reading import (
    MOST_ITEMS,
    Answer,
    ConfirmByConfidence,
    Confirmed,
    ConfirmReadings,
    ItemIn,
    Seen,
    at_least,
    fingerprint,
)

TASK: Final = "variants.confirm_titles"
LARGEST: Final = 10_000
"""Variants that are shown, and then confirmed, together. Where more wait, a worker goes through all of them."""
KEPT_REFUSALS: Final = 100

Report = Callable[[int, int], None]
"""Told, after each part, how many are done, and how many there are."""


def suggested(session: Session, product_id: int | None, confidence: str) -> tuple[list[Suggestion], int]:
    """What is this sure or surer among the oldest `LARGEST`, and how many variants were looked at."""
    wanted = reads.without_options(product_id).order_by(Variant.id).limit(LARGEST)
    ids = list(session.scalars(wanted))
    # All at once: each product is read as a whole, and may have thousands of them.
    return at_least(reads.of_variants(session, ids), confidence), len(ids)


@transactional
def start(session: Session, command: ConfirmByConfidence, *, actor: Actor) -> TitleConfirmation | Confirmed:
    """Confirm, or hand it to a worker when there is much to read. Raises Invalid, StaleVersion."""
    at_least((), command.confidence)
    total = waiting(session, command.product_id)
    if command.seen is not None and total > LARGEST:
        raise StaleVersion(command.seen, total)  # nobody was shown so many: there are more now
    if total <= MOST_ITEMS:
        taken, _looked = suggested(session, command.product_id, command.confidence)
        if command.seen is not None and command.seen != (now := fingerprint(taken)):
            raise StaleVersion(command.seen, now)
        return _confirm(session, taken, command.extend, actor)
    queued = TitleConfirmation(
        actor=actor.name,
        product_id=command.product_id,
        confidence=command.confidence,
        extend=command.extend,
        fingerprint=command.seen or "",
        total=total,
    )
    session.add(queued)
    session.flush()
    jobs.enqueue(session, TASK, confirmation_id=queued.id, actor=actor.name)
    session.refresh(queued)
    return queued


def waiting(session: Session, product_id: int | None) -> int:
    """How many variants there are to look at."""
    return session.scalar(select(func.count()).select_from(reads.without_options(product_id).subquery())) or 0


def run(confirmation_id: int, *, actor: Actor, report: Report | None = None) -> None:
    """Do a queued confirmation as it was asked for; doing it again after it was done changes nothing.

    Raises NotFound, StaleVersion.
    """
    if begin(confirmation_id, actor=actor):
        carry_out(confirmation_id, actor=actor, report=report)
        return
    after: int | None = 0
    while after is not None:
        jobs.pause_point()
        after = confirm_some(confirmation_id, after, actor=actor)


@transactional
def begin(session: Session, confirmation_id: int, *, actor: Actor) -> bool:
    """Whether it is about what was shown. One that goes through everything begins anew: what is confirmed is no longer
    looked at, and the others are counted again. Raises NotFound.
    """
    queued = confirmation(session, confirmation_id)
    if not queued.fingerprint and queued.status == "queued":
        queued.done, queued.refused = 0, []
    return bool(queued.fingerprint)


@transactional
def confirm_some(session: Session, confirmation_id: int, after: int, *, actor: Actor) -> int | None:
    """Confirm what is sure enough of the next thousand variants behind an id. Returns the last one, None at the end."""
    queued = confirmation(session, confirmation_id)
    if queued.status != "queued":
        return None
    wanted = reads.without_options(queued.product_id).where(Variant.id > after).order_by(Variant.id).limit(MOST_ITEMS)
    ids = list(session.scalars(wanted))
    done = _confirm(session, at_least(reads.of_variants(session, ids), queued.confidence), queued.extend, actor)
    queued.done += len(ids)
    queued.confirmed += done.confirmed
    queued.refused = [*(queued.refused or ()), *_kept(done)][:KEPT_REFUSALS]
    if len(ids) < MOST_ITEMS:
        queued.status, queued.finished_at, queued.total = "done", func.clock_timestamp(), queued.done
        return None
    return ids[-1]


def _kept(done: Confirmed) -> list[dict[str, Any]]:
    return [
        {"variant_id": a.variant_id, "sku": a.sku, "refused": a.refused, "params": dict(a.params)}
        for a in done.refused[:KEPT_REFUSALS]
    ]


@transactional
def carry_out(session: Session, confirmation_id: int, *, actor: Actor, report: Report | None = None) -> None:
    """Do a queued confirmation; doing it again after it was done changes nothing. Raises NotFound, StaleVersion."""
    queued = session.get(TitleConfirmation, confirmation_id)
    if queued is None:
        raise NotFound("confirmation", confirmation_id)
    _lock_products(session, suggested(session, queued.product_id, queued.confidence)[0])
    session.refresh(queued)
    if queued.status != "queued":
        return
    taken, _looked = suggested(session, queued.product_id, queued.confidence)
    if queued.fingerprint != (now := fingerprint(taken)):
        raise StaleVersion(queued.fingerprint, now)
    done = _confirm(session, taken, queued.extend, actor, report)
    queued.status, queued.finished_at = "done", func.clock_timestamp()
    queued.done = queued.total = len(taken)
    queued.confirmed = done.confirmed
    queued.refused = _kept(done)


def _lock_products(session: Session, taken: Sequence[Suggestion]) -> None:
    """All products before the first variant: the parts that follow find them locked."""
    ids = any_of(s.variant.id for s in taken)
    lock_products(session, session.scalars(select(Variant.product_id).where(Variant.id == ids)))


def _confirm(
    session: Session, taken: Sequence[Suggestion], extend: bool, actor: Actor, report: Report | None = None
) -> Confirmed:
    _lock_products(session, taken)
    answers: list[Answer] = []
    for at in range(0, len(taken), MOST_ITEMS):
        items = [
            ItemIn(
                s.variant.id,
                tuple(choice.value_id for choice in s.reading.choices if choice.value_id is not None),
                seen=Seen(s.variant.version, s.variant.sku, s.variant.title),
            )
            for s in taken[at : at + MOST_ITEMS]
        ]
        answers += title_reading.confirm.within(session, ConfirmReadings(items, extend), actor=actor).answers
        if report is not None:
            report(len(answers), len(taken))
    return Confirmed(tuple(answers))


NOTE: Final = """
UPDATE title_confirmations SET done = %(done)s, total = %(total)s WHERE id = %(id)s AND status = 'queued'"""


@transactional
def note_progress(session: Session, confirmation_id: int, done: int, total: int, *, actor: Actor) -> None:
    """For whoever waits: in a transaction of its own, because the one that works shows nothing before its end."""
    execute(session, NOTE, {"id": confirmation_id, "done": done, "total": total})


@transactional
def fail(session: Session, confirmation_id: int, error: Mapping[str, Any], *, actor: Actor) -> None:
    """Write down why nothing was confirmed."""
    queued = session.get_one(TitleConfirmation, confirmation_id)
    if queued.status == "queued":
        queued.status, queued.error, queued.finished_at = "failed", dict(error), func.clock_timestamp()


def confirmation(session: Session, confirmation_id: int) -> TitleConfirmation:
    """One confirmation as it stands now. Raises NotFound."""
    found = session.get(TitleConfirmation, confirmation_id, populate_existing=True)
    if found is None:
        raise NotFound("confirmation", confirmation_id)
    return found
