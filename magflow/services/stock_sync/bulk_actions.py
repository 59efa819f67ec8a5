"""Many alerts at once: put to sleep, dismissed, answered with a suggested transfer, or their offers sent again.

Each alert has an outcome of its own; what cannot be done with one leaves the others alone. What `expected` says before
is what `act` does, as long as nothing happens in between.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound, Refused
from magflow.domain.transfers import NeedsConfirmation, TransferOpen
from magflow.queries import stock_alerts
from magflow.queries.stock_alerts import AlertRow
from magflow.services import jobs
from magflow.services.publishing import PUBLISH_TASK
from magflow.services.stock_sync import alerts, transfers
from magflow.services.stock_sync.alerts import AlertClosed, Dismiss, Snooze
from magflow.services.stock_sync.suggestion import Wanted
from magflow.services.stock_sync.transfers import NewTransfer

Action = Literal["snooze", "dismiss", "suggest", "refresh"]
Code = Literal["done", "before", "gone", "resolved", "no_transfer", "transfer_open", "drains", "not_sent", "refused"]
ACTIONS: Final[tuple[Action, ...]] = ("snooze", "dismiss", "suggest", "refresh")
CODES: Final[tuple[Code, ...]] = (
    "done", "before", "gone", "resolved", "no_transfer", "transfer_open", "drains", "not_sent", "refused",
)  # fmt: skip
MOST: Final = 50


@dataclass(frozen=True)
class Many:
    """What is to be done with these alerts. `days` and `until_stock_changes` are for a snooze, `reason` to dismiss."""

    action: Action
    alert_ids: Sequence[int]
    days: int | None = None
    until_stock_changes: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one alert. `before`: it was so already."""

    alert_id: int
    code: Code
    transfer_id: int | None = None


OPEN_TRANSFERS: Final = """
SELECT DISTINCT variant_id FROM transfers
WHERE variant_id = ANY (%(variants)s::bigint[]) AND state IN ('suggested', 'approved', 'running', 'failed')"""

# What the shop sends itself: the figures of accounts that sell from its own warehouse and are published.
SENDABLE: Final = """
FROM offers o JOIN variants v ON v.id = o.variant_id
JOIN marketplace_accounts a ON a.id = o.account_id AND a.publishing AND a.credentials IS NOT NULL
    AND a.paused_reason IS NULL
JOIN stock_pools p ON p.name = a.pool AND p.kind = 'own'
WHERE o.variant_id = ANY (%(variants)s::bigint[]) AND o.status <> 2"""
CAN_SEND: Final = f"SELECT DISTINCT o.variant_id {SENDABLE}"
SEND_AGAIN: Final = f"""
INSERT INTO stock_outbox AS b (offer_id, account_id, wanted_seq, first)
SELECT o.id, o.account_id, v.movement_seq, false {SENDABLE} ORDER BY o.id
ON CONFLICT (offer_id) DO UPDATE SET next_at = least(b.next_at, clock_timestamp())
RETURNING account_id"""


def expected(session: Session, action: Action, alert_ids: Sequence[int]) -> list[tuple[AlertRow, Code]]:
    """These alerts with what would become of each; ids of none are left out."""
    rows = stock_alerts.alert_rows(session, list(dict.fromkeys(alert_ids))[:MOST])
    variants = {"variants": sorted({row.alert.variant_id for row in rows})}
    busy = {row[0] for row in execute(session, OPEN_TRANSFERS, variants)} if action == "suggest" else set()
    sendable = {row[0] for row in execute(session, CAN_SEND, variants)} if action == "refresh" else set()
    return [(row, _code(row, action, busy, sendable)) for row in rows]


def _code(row: AlertRow, action: Action, busy: set[int], sendable: set[int]) -> Code:
    alert = row.alert
    if alert.resolved_at is not None:
        return "resolved"
    if action == "suggest":
        advice = row.recommendation
        if advice is None or advice.giver is None or advice.receiver is None:
            return "no_transfer"
        return "transfer_open" if alert.variant_id in busy else "done"
    if action == "refresh":
        return "done" if alert.variant_id in sendable else "not_sent"
    return "before" if action == "dismiss" and alert.state == "dismissed" else "done"


@transactional
def act(session: Session, command: Many, *, actor: Actor) -> list[Outcome]:
    """Do it with each of them. Raises Invalid when it is not said how."""
    if command.action == "snooze" and not command.until_stock_changes and not 1 <= (command.days or 0) <= 365:
        raise Invalid([FieldError("days", "required")])
    if command.action == "dismiss" and not command.reason:
        raise Invalid([FieldError("reason", "required")])
    ids = list(dict.fromkeys(command.alert_ids))[:MOST]
    if command.action == "suggest":
        found = {row.alert.id: row for row in stock_alerts.alert_rows(session, ids)}
        # Their SKUs are held together, before the first transfer is written.
        lock_names(session, [transfers.names_of(row.alert.variant_id) for row in found.values()])
    planned = {row.alert.id: (row, code) for row, code in expected(session, command.action, ids)}
    done: list[Outcome] = []
    for id_ in ids:
        if id_ not in planned:
            done.append(Outcome(id_, "gone"))
            continue
        row, code = planned[id_]
        done.append(_one(session, command, row, actor) if code == "done" else Outcome(id_, code))
    if command.action == "refresh":
        _send(session, [planned[outcome.alert_id][0].alert.variant_id for outcome in done if outcome.code == "done"])
    return done


def _one(session: Session, command: Many, row: AlertRow, actor: Actor) -> Outcome:
    work: Mapping[Action, Callable[[], int | None]] = {
        "snooze": lambda: _snooze(session, command, row, actor),
        "dismiss": lambda: _dismiss(session, command, row, actor),
        "suggest": lambda: _suggest(session, row, actor),
        "refresh": lambda: None,
    }
    id_ = row.alert.id
    try:
        return Outcome(id_, "done", work[command.action]())
    except Refused as refused:
        return Outcome(id_, _refused(refused))


def _refused(refused: Refused) -> Code:
    known: tuple[tuple[type[Refused], Code], ...] = (
        (AlertClosed, "resolved"), (TransferOpen, "transfer_open"), (NeedsConfirmation, "drains"), (NotFound, "gone"),
    )  # fmt: skip
    return next((code for kind, code in known if isinstance(refused, kind)), "refused")


def _snooze(session: Session, command: Many, row: AlertRow, actor: Actor) -> None:
    until = None if command.until_stock_changes else datetime.now(UTC) + timedelta(days=command.days or 1)
    how = Snooze(row.alert.id, until, command.until_stock_changes)
    alerts.snooze.within(session, how, actor=actor)


def _dismiss(session: Session, command: Many, row: AlertRow, actor: Actor) -> None:
    alerts.dismiss.within(session, Dismiss(row.alert.id, command.reason or "other"), actor=actor)


def _suggest(session: Session, row: AlertRow, actor: Actor) -> int | None:
    advice = row.recommendation
    if advice is None or advice.giver is None or advice.receiver is None:
        return None
    wanted = Wanted(row.alert.variant_id, advice.giver.code, advice.receiver.code, advice.amount or 1)
    made = transfers.create.within(session, NewTransfer(wanted, alert_id=row.alert.id), actor=actor)
    return made.transfer.id


def _send(session: Session, variant_ids: Sequence[int]) -> None:
    if not variant_ids:
        return
    accounts = {row[0] for row in execute(session, SEND_AGAIN, {"variants": sorted(set(variant_ids))})}
    for account_id in sorted(accounts):
        jobs.enqueue(session, PUBLISH_TASK, queueing_lock=f"{PUBLISH_TASK}:{account_id}", account_id=account_id)
