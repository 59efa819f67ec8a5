"""Jobs of the catalogue: large bulk edits, and prices that follow a base price."""

import contextlib
from typing import Any, Final

from magflow.domain.actors import Actor
from magflow.domain.errors import Refused, RetryLater
from magflow.services import bulk_edit, bulk_undo, price_templates, title_confirmations, trouble_finder
from magflow.services.jobs import Task, actor, pause_point


def carry_out(*, bulk_edit_id: int, actor: str) -> None:
    """Do a bulk edit that was too large for its request; a refusal is written down for the page that waits."""
    worker = _on_behalf_of(actor)
    try:
        bulk_edit.carry_out(bulk_edit_id, actor=worker, report=_reporting(bulk_edit_id, worker))
    except RetryLater:
        raise
    except Refused as refused:
        bulk_edit.fail(bulk_edit_id, _error(refused), actor=worker)


def undo(*, bulk_edit_id: int, actor: str) -> None:
    """Undo a bulk edit that is too large for a request."""
    worker = _on_behalf_of(actor)
    try:
        bulk_undo.undo(bulk_edit_id, actor=worker, report=_reporting(bulk_edit_id, worker))
    except RetryLater:
        raise
    except Refused as refused:
        bulk_undo.fail(bulk_edit_id, _error(refused), actor=worker)


def _reporting(bulk_edit_id: int, worker: Actor) -> bulk_edit.Report:
    def report(done: int, total: int) -> None:
        # Only a courtesy to whoever waits: the work goes on without it.
        with contextlib.suppress(RetryLater):
            bulk_edit.note_progress(bulk_edit_id, done, total, actor=worker)

    return report


def _error(refused: Refused) -> dict[str, Any]:
    return {"code": refused.code, "message": str(refused), **refused.details()}


def _on_behalf_of(name: str) -> Actor:
    """The job's actor, with the name of whoever asked for the work: the ledger and the audit log name a person."""
    running = actor()
    return Actor(kind=running.kind, name=name, door=running.door, request_id=running.request_id)


def reapply(*, product_id: int) -> None:
    """Make a product's prices anew after its base price changed."""
    price_templates.reapply(product_id, actor=actor())


def confirm_titles(*, confirmation_id: int, actor: str) -> None:
    """Confirm what many titles say; a refusal is written down for the page that waits."""
    worker = _on_behalf_of(actor)

    def report(done: int, total: int) -> None:
        with contextlib.suppress(RetryLater):
            title_confirmations.note_progress(confirmation_id, done, total, actor=worker)

    try:
        title_confirmations.run(confirmation_id, actor=worker, report=report)
    except RetryLater:
        raise
    except Refused as refused:
        title_confirmations.fail(confirmation_id, _error(refused), actor=worker)


def find_troubles() -> None:
    """Look through all products for orphans, incomplete variants and duplicates, some at a time."""
    after: int | None = 0
    while after is not None:
        pause_point()
        after = trouble_finder.look_at_some(after, actor=actor())


TASKS: Final = (
    Task(bulk_edit.TASK, carry_out),
    Task(bulk_undo.TASK, undo),
    Task(price_templates.REAPPLY, reapply),
    Task(title_confirmations.TASK, confirm_titles),
    Task("variants.find_troubles", find_troubles, cron="*/5 * * * *", pauses=()),
)
