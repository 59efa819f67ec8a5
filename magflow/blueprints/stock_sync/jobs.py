"""What the worker does for stock sync: it follows the offers; once an hour it looks at all and counts the day."""

from typing import Final

from magflow.blueprints.stock_sync import many
from magflow.db import db
from magflow.queries.transfers import running_redivisions
from magflow.services.jobs import Task, actor, pause_point
from magflow.services.offers import clock
from magflow.services.stock_sync import alerts, bulk, checking, figures, forecasting, pools, transfers
from magflow.services.stock_sync.alerts import Looked
from magflow.services.stock_sync.transfers import OfTransfer


def follow() -> None:
    """Look again at what changed."""
    while alerts.look_at_changed(actor=actor()).variants:
        pause_point()


def look_at_all() -> None:
    """The full pass, for what time alone changes."""
    began_at, done = clock(), Looked()
    after: int | None = 0
    while after is not None:
        pause_point()
        part, after = alerts.look_at_part(after, actor=actor())
        done += part
    checking.note(began_at, done, actor=actor())


def bulk_analyse(*, analysis_id: int) -> None:
    """Analyse the SKUs that somebody asked for, a thousand at a time."""
    for number, skus in enumerate(bulk.parts_of(analysis_id, actor=actor()), start=1):
        pause_point()
        results = many.analysed(db.session(), skus)
        db.session.remove()
        bulk.keep(analysis_id, number, results, actor=actor())


def advance_transfers() -> None:
    """Bring re-divisions on, whose giver or receiver waits for a marketplace's answer."""
    waiting = running_redivisions(db.session())
    db.session.remove()
    for transfer_id in waiting:
        pause_point()
        transfers.advance(OfTransfer(transfer_id), actor=actor())


def take_figures() -> None:
    """Write the day's figures down, and judge the alerts whose seven days are over."""
    figures.take(actor=actor())


def forecast() -> None:
    """Count what sold last week too, and forecast everything anew."""
    forecasting.forecast_all(actor=actor())


def settle_pools() -> None:
    """Bring the shares of divided pools in step with what the ledger booked."""
    pools.settle_all(actor=actor())


TASKS: Final = (
    Task(bulk.TASK, bulk_analyse),
    Task("stock_sync.follow", follow, cron="* * * * * */5", pauses=()),
    Task("stock_sync.advance_transfers", advance_transfers, cron="* * * * * */5", pauses=()),
    Task(alerts.LOOK_AT_ALL, look_at_all, cron=f"{alerts.LOOK_MINUTE} * * * *", pauses=()),
    Task(forecasting.TASK, forecast, cron="17 3 * * *"),
    Task(pools.TASK, settle_pools, cron="* * * * *", pauses=()),
    Task(figures.TASK, take_figures, cron="41 * * * *", pauses=()),
)
