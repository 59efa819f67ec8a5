"""Looking at everything now, because somebody asks for it; and when everything was last looked at."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.models import StockSyncPass
from magflow.services import market_sync
from magflow.services.stock_sync import alerts
from magflow.services.stock_sync.alerts import Looked

WAITED: Final = 2.0
"""Seconds that somebody waits for. What is left of a large shop by then, a worker looks at."""
KEPT_DAYS: Final = 30

NOW: Final = "SELECT clock_timestamp()"
READABLE: Final = """
SELECT id FROM marketplace_accounts
WHERE credentials IS NOT NULL AND paused_reason IS NULL AND (reading OR ordering)
  AND (%(account)s::bigint IS NULL OR id = %(account)s) ORDER BY id"""
FORGET: Final = "DELETE FROM stock_sync_passes WHERE ended_at < clock_timestamp() - make_interval(days => %(days)s)"


@dataclass(frozen=True)
class CheckNow:
    """Look at every offer as it was last read. `read`: ask the marketplaces too, in the background."""

    read: bool = True


@dataclass(frozen=True)
class Checked:
    """What a check found. `finished` is None where a worker goes on with it."""

    looked: Looked
    finished: StockSyncPass | None
    asked: tuple[int, ...] = ()
    """Accounts that are being read."""


@transactional
def check(session: Session, command: CheckNow, *, actor: Actor) -> Checked:
    """Look at all of it, as far as somebody waits for that; have the marketplaces read."""
    began_at, began = moment(session), time.monotonic()
    done, after = Looked(), 0
    finished: StockSyncPass | None = None
    while True:
        part, to = alerts.look_at_part.within(session, after, actor=actor)
        done += part
        if to is None:
            finished = _note(session, began_at, done, actor)
            break
        if time.monotonic() - began > WAITED:
            alerts.look_soon(session)
            break
        after = to
    asked = tuple(row[0] for row in execute(session, READABLE, {"account": None})) if command.read else ()
    for account_id in asked:
        market_sync.ask.within(session, account_id, actor=actor)
    return Checked(done, finished, asked)


@transactional
def note(session: Session, began_at: datetime, looked: Looked, *, actor: Actor) -> StockSyncPass:
    """Write down that a full pass is over."""
    return _note(session, began_at, looked, actor)


def _note(session: Session, began_at: datetime, looked: Looked, actor: Actor) -> StockSyncPass:
    lock_names(session, [alerts.LOCK])
    execute(session, FORGET, {"days": KEPT_DAYS})
    made = StockSyncPass(
        began_at=began_at, actor=actor.name, variants=looked.variants, opened=looked.opened, changed=looked.changed,
        closed=looked.closed,
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.refresh(made)
    return made


def moment(session: Session) -> datetime:
    """The database's time."""
    row: Any = execute(session, NOW).fetchone()
    found: datetime = row[0]
    return found
