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
from magflow.services.automation import refresh
from magflow.services.automation.refresh import RefreshOnce
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

# What can be sent, and how: `stock`, the figures of accounts that sell from the shop's own warehouse and are published;
# `price`, which the weekly refresh sends, of the others.
CAN_SEND: Final = """
SELECT o.variant_id, o.account_id, p.kind = 'own' AND a.publishing
FROM offers o
JOIN marketplace_accounts a ON a.id = o.account_id AND a.credentials IS NOT NULL AND a.paused_reason IS NULL
JOIN stock_pools p ON p.name = a.pool
WHERE o.variant_id = ANY (%(variants)s::bigint[]) AND o.status <> 2 ORDER BY o.id"""
SEND_AGAIN: Final = """
INSERT INTO stock_outbox AS b (offer_id, account_id, wanted_seq, first)
SELECT o.id, o.account_id, v.movement_seq, false
FROM unnest(%(variants)s::bigint[], %(accounts)s::bigint[]) AS w (variant_id, account_id)
JOIN offers o USING (variant_id, account_id) JOIN variants v ON v.id = o.variant_id ORDER BY o.id
ON CONFLICT (offer_id) DO UPDATE SET next_at = least(b.next_at, clock_timestamp())"""

Offers = Mapping[tuple[int, int], bool]
"""By variant and account: whether it goes with its stock, else with its price."""


def expected(session: Session, action: Action, alert_ids: Sequence[int]) -> list[tuple[AlertRow, Code]]:
    """These alerts with what would become of each; ids of none are left out."""
    rows = stock_alerts.alert_rows(session, list(dict.fromkeys(alert_ids))[:MOST])
    variants = {"variants": sorted({row.alert.variant_id for row in rows})}
    busy = {row[0] for row in execute(session, OPEN_TRANSFERS, variants)} if action == "suggest" else set()
    sendable = _sendable(session, variants["variants"]) if action == "refresh" else {}
    return [(row, _code(row, action, busy, sendable)) for row in rows]


def _sendable(session: Session, variant_ids: Sequence[int]) -> Offers:
    rows = execute(session, CAN_SEND, {"variants": sorted(set(variant_ids))})
    return {(variant_id, account_id): stock for variant_id, account_id, stock in rows}


def _concerned(row: AlertRow, sendable: Offers) -> Offers:
    """Where an offer is due, it is the one that is sent; else all that the shop sends with their stock."""
    due = row.alert.account_ids if row.alert.cause == "stale" else None
    return {
        (variant_id, account_id): stock
        for (variant_id, account_id), stock in sendable.items()
        if variant_id == row.alert.variant_id and (stock if due is None else account_id in due)
    }


def _code(row: AlertRow, action: Action, busy: set[int], sendable: Offers) -> Code:
    alert = row.alert
    if alert.resolved_at is not None:
        return "resolved"
    if action == "suggest":
        advice = row.recommendation
        if advice is None or advice.giver is None or advice.receiver is None:
            return "no_transfer"
        return "transfer_open" if alert.variant_id in busy else "done"
    if action == "refresh":
        return "done" if _concerned(row, sendable) else "not_sent"
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
        rows = [planned[outcome.alert_id][0] for outcome in done if outcome.code == "done"]
        sendable = _sendable(session, [row.alert.variant_id for row in rows])
        _send(session, {key: stock for row in rows for key, stock in _concerned(row, sendable).items()}, actor)
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


@dataclass(frozen=True)
class SendAgain:
    """The offers of these variants, as far as the shop sends them itself."""

    variant_ids: Sequence[int]


@transactional
def send_again(session: Session, command: SendAgain, *, actor: Actor) -> int:
    """Send them once more, behind orders and stock. Returns of how many variants something is sent."""
    ids = sorted(set(command.variant_ids))[:MOST]
    sent = {key: stock for key, stock in _sendable(session, ids).items() if stock}
    _send(session, sent, actor)
    return len({variant_id for variant_id, _account in sent})


def _send(session: Session, offers: Offers, actor: Actor) -> None:
    with_stock = sorted(key for key, stock in offers.items() if stock)
    if with_stock:
        variants, accounts = zip(*with_stock, strict=True)
        execute(session, SEND_AGAIN, {"variants": list(variants), "accounts": list(accounts)})
    for account_id in sorted({account for _variant, account in with_stock}):
        jobs.enqueue(session, PUBLISH_TASK, queueing_lock=f"{PUBLISH_TASK}:{account_id}", account_id=account_id)
    with_price = sorted(key for key, stock in offers.items() if not stock)
    for account_id in sorted({account for _variant, account in with_price}):
        of = tuple(variant for variant, account in with_price if account == account_id)
        refresh.ask_once.within(session, RefreshOnce(account_id, of), actor=actor)
