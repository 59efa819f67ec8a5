"""Alerts are shown as they are now: what changed a moment ago is looked at before they are listed."""

import contextlib
from typing import Final

from magflow.db import db
from magflow.domain.errors import RetryLater
from magflow.queries import stock_alerts
from magflow.services.stock_sync import alerts
from magflow.web.auth import current_actor

FEW: Final = 2_000
"""Changes that are looked at while somebody waits. More of them are a reading at work; the worker follows it."""


def bring_up_to_date() -> None:
    """Look at what changed since somebody looked, if that is quickly done."""
    waiting = stock_alerts.changes_waiting(db.session(), FEW + 1)
    if not 0 < waiting <= FEW:
        return
    # A request never holds two connections: what was read so far is given back before the service begins.
    db.session.remove()
    with contextlib.suppress(RetryLater):
        alerts.look_at_changed(actor=current_actor())
