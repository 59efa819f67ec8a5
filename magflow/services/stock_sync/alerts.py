"""Alerts: opened when a limit is crossed, snoozed, dismissed, resolved; brought up to date by whoever changed offers.

A trigger notes each variant whose offers changed. `catch_up` looks at those again, `look_at_all` at every one: what
time alone changes (offers that grow old, snoozes that end) is found there. Both may run as often as they like.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, FieldError, Invalid, NotFound
from magflow.models import StockAlert
from magflow.queries import stock_sync as reads
from magflow.services import jobs
from magflow.services.stock_sync.evaluation import STOCKS_NOW, statement

TOGETHER: Final = 10_000
"""Variants that are looked at in one transaction: a fraction of a second, in which nobody else evaluates."""
LARGEST_ID: Final = 2**63 - 1
REASONS: Final = ("wrong_data", "not_worth_it", "discontinued", "handled_elsewhere", "other")
SNOOZE_DAYS: Final = 7

LOCK: Final = ("stock_alerts",)
LOOK_AT_ALL: Final = "stock_sync.look_at_all"
LOOK_MINUTE: Final = 23
"""Of every hour: then the worker looks at everything."""

TAKE_CHANGES: Final = """
DELETE FROM stock_sync_changes WHERE id IN (SELECT id FROM stock_sync_changes ORDER BY id LIMIT %(most)s)
RETURNING variant_id"""
NEXT_PART: Final = """
SELECT max(variant_id), count(*) FROM (
    SELECT DISTINCT variant_id FROM offers WHERE variant_id > %(after)s ORDER BY 1 LIMIT %(most)s) AS part"""


@dataclass(frozen=True)
class Looked:
    """What an evaluation did."""

    variants: int = 0
    opened: int = 0
    changed: int = 0
    closed: int = 0

    def __add__(self, other: "Looked") -> "Looked":
        return Looked(
            self.variants + other.variants,
            self.opened + other.opened,
            self.changed + other.changed,
            self.closed + other.closed,
        )


def look_soon(session: Session) -> None:
    """Have everything looked at by a worker, in the caller's transaction: a limit was changed."""
    jobs.enqueue(session, LOOK_AT_ALL, queueing_lock=LOOK_AT_ALL)


def catch_up(*, actor: Actor) -> Looked:
    """Look again at every variant whose offers changed since somebody looked."""
    done = Looked()
    while (part := look_at_changed(actor=actor)).variants:
        done += part
    return done


@transactional
def look_at_changed(session: Session, *, actor: Actor) -> Looked:
    """Look at some of them."""
    lock_names(session, [LOCK])
    ids = sorted({row[0] for row in execute(session, TAKE_CHANGES, {"most": TOGETHER})})
    return _evaluate(session, "ids", {"ids": ids}, len(ids)) if ids else Looked()


def look_at_all(*, actor: Actor) -> Looked:
    """The full pass: every variant that is offered or has an alert, part by part."""
    done, after = Looked(), 0
    while True:
        part, to = look_at_part(after, actor=actor)
        done += part
        if to is None:
            return done
        after = to


@transactional
def look_at_part(session: Session, after: int, *, actor: Actor) -> tuple[Looked, int | None]:
    """The next variants behind an id, and where they end; None when they were the last."""
    lock_names(session, [LOCK])
    row = execute(session, NEXT_PART, {"after": after, "most": TOGETHER}).fetchone()
    last, count = row or (None, 0)
    to = last if last is not None and count == TOGETHER else None
    bounds = {"after": after, "to": LARGEST_ID if to is None else to}
    return _evaluate(session, "range", bounds, count), to


def _evaluate(session: Session, scope: str, bounds: dict[str, Any], variants: int) -> Looked:
    limits = reads.limits(session)
    sql = statement(scope, strict=limits.shop.strict_competition, categories=bool(limits.categories))
    parameters = bounds | {
        "now": datetime.now(UTC),
        "low_stock": limits.shop.low_stock,
        "stale_days": limits.shop.stale_days,
    }
    if limits.categories:
        parameters["categories"] = json.dumps(limits.categories)
    row = execute(session, sql, parameters).fetchone()
    return Looked(variants, *row) if row else Looked(variants)


# --- what a person decides -------------------------------------------------------------------------------------------


class AlertClosed(Conflict):
    """The condition is gone: there is nothing left to decide."""

    def __init__(self, alert_id: int) -> None:
        super().__init__(f"alert {alert_id} is resolved")
        self.alert_id = alert_id

    def details(self) -> dict[str, Any]:
        return {"alert_id": self.alert_id}


@dataclass(frozen=True)
class Snooze:
    """Until a moment, or until the stock of any account changes."""

    alert_id: int
    until: datetime | None = None
    until_stock_changes: bool = False
    note: str | None = None


@dataclass(frozen=True)
class Dismiss:
    """Why nobody will do anything about it. It stays closed until the condition goes and comes back."""

    alert_id: int
    reason: str
    note: str | None = None


@dataclass(frozen=True)
class Reopen:
    alert_id: int


@transactional
def snooze(session: Session, command: Snooze, *, actor: Actor) -> StockAlert:
    """Put an alert to sleep. Raises NotFound, AlertClosed, Invalid when the moment is past."""
    alert = _live(session, command.alert_id)
    now = datetime.now(UTC)
    until = command.until
    if until is None and not command.until_stock_changes:
        until = now + timedelta(days=SNOOZE_DAYS)
    if until is not None and until <= now:
        raise Invalid([FieldError("until", "in_the_past")])
    stocks = None
    if command.until_stock_changes:
        row = execute(session, f"SELECT {STOCKS_NOW} FROM stock_alerts a WHERE id = %(id)s", {"id": alert.id})
        stocks = next(iter(row), (None,))[0]
    return _decided(session, alert, actor, state="snoozed", snoozed_until=until, snoozed_stocks=stocks,
                    note=command.note, dismissed_reason=None)  # fmt: skip


@transactional
def dismiss(session: Session, command: Dismiss, *, actor: Actor) -> StockAlert:
    """Close an alert for a reason. Raises NotFound, AlertClosed."""
    alert = _live(session, command.alert_id)
    return _decided(session, alert, actor, state="dismissed", dismissed_reason=command.reason, note=command.note,
                    snoozed_until=None, snoozed_stocks=None)  # fmt: skip


@transactional
def reopen(session: Session, command: Reopen, *, actor: Actor) -> StockAlert:
    """Take a snooze or a dismissal back. Raises NotFound, AlertClosed."""
    alert = _live(session, command.alert_id)
    return _decided(session, alert, actor, state="open", dismissed_reason=None, note=None, snoozed_until=None,
                    snoozed_stocks=None)  # fmt: skip


def _live(session: Session, alert_id: int) -> StockAlert:
    lock_names(session, [LOCK])
    alert = session.get(StockAlert, alert_id)
    if alert is None:
        raise NotFound("alert", alert_id)
    if alert.resolved_at is not None:
        raise AlertClosed(alert_id)
    return alert


def _decided(session: Session, alert: StockAlert, actor: Actor, **decision: Any) -> StockAlert:
    """Deciding the same again changes nothing."""
    if any(getattr(alert, name) != value for name, value in decision.items()):
        for name, value in decision.items():
            setattr(alert, name, value)
        alert.decided_by, alert.decided_at = actor.name, datetime.now(UTC)
        session.flush()
    return alert
