"""What the worker does for marketplaces: it looks what is due every two seconds, and each account has its own jobs."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.domain.errors import RetryLater
from magflow.marketplaces.errors import Busy, Down, MarketplaceError
from magflow.services import (
    accounts,
    jobs,
    market_orders,
    market_sync,
    market_writes,
    publishing,
    subscriptions,
    webhooks,
)
from magflow.services.jobs import Task

log = logging.getLogger(__name__)

PAUSES: Final = (20, 60, 300)


def _account_job(name: str, work: Callable[[int], object]) -> Callable[..., None]:
    """A job of one account: trouble at the marketplace is noted on the account, and is no failure of ours."""

    def run(*, account_id: int) -> None:
        if market_sync.give_way(name, account_id, actor=jobs.actor()):
            return
        try:
            work(account_id)
        except (accounts.AccountPaused, accounts.NothingToAsk) as refused:
            log.info("account not asked", extra={"account": account_id, "reason": str(refused)})
        except (Busy, Down) as error:
            # What is due stays due: the next look gives it another job.
            log.warning(
                "marketplace away", extra={"account": account_id, "trouble": error.trouble, "error": str(error)}
            )
        except MarketplaceError as error:
            log.error("marketplace refused", extra={"account": account_id, "trouble": error.trouble,
                                                    "error": str(error)})  # fmt: skip

    return run


def _of_account(name: str, work: Callable[[int], object], pauses: tuple[int, ...] = PAUSES) -> Task:
    return Task(name, _account_job(name, work), pauses=pauses)


def told(session: Session, kind: str, payload: Mapping[str, Any]) -> None:
    """News that is handed out: offers that have to be sent, and addresses that want to be told."""
    if kind == "stock.changed":
        publishing.stock_changed(session, kind, payload)
    if kind == "order.cancelled":
        market_orders.order_cancelled(session, payload)
    if kind in subscriptions.EVENTS:
        subscriptions.tell(session, kind, payload)


def look() -> None:
    """Give a job to everything that is due."""
    market_sync.enqueue_due(actor=jobs.actor())


def reconcile_stock() -> None:
    """Find offers that show another figure than they should, whatever was missed; and try again what was blocked."""
    try:
        publishing.enqueue_all(actor=jobs.actor())
        market_sync.try_blocked(actor=jobs.actor())
    except RetryLater as error:
        log.info("reconciling later", extra={"reason": str(error)})


def sweep() -> None:
    """Forget requests, answers and deliveries after thirty days."""
    actor = jobs.actor()
    counts = {
        "requests": accounts.forget_requests(actor=actor),
        "deliveries_in": webhooks.forget_old(actor=actor),
        "deliveries_out": subscriptions.forget_old(actor=actor),
    }
    log.info("forgotten", extra=counts)


def cancel(*, account_id: int, external_id: str, reason: int) -> None:
    """An order that was cancelled here is cancelled at its marketplace; a refusal stays visible as a failed job."""
    market_sync.tell_cancelled(account_id, external_id, reason, actor=jobs.actor())


def take_in() -> None:
    """Deliveries that came in."""
    webhooks.work(actor=jobs.actor())


def send_out() -> None:
    """Deliveries that have to go out."""
    subscriptions.work(actor=jobs.actor())


TASKS: Final = (
    Task("marketplaces.look", look, cron="* * * * * */2", pauses=()),
    Task("marketplaces.reconcile", reconcile_stock, cron="*/2 * * * * 37", pauses=()),
    Task("marketplaces.sweep", sweep, cron="41 3 * * *"),
    _of_account("marketplaces.orders", lambda a: market_sync.read_orders(a, actor=jobs.actor())),
    _of_account("marketplaces.returns", lambda a: market_sync.read_returns(a, actor=jobs.actor())),
    _of_account("marketplaces.offers", lambda a: market_sync.read_offers(a, actor=jobs.actor())),
    _of_account("marketplaces.read_back", lambda a: market_sync.read_back(a, actor=jobs.actor()), ()),
    Task(market_orders.CANCEL_TASK, cancel, pauses=PAUSES),
    Task("webhooks.work", take_in, pauses=PAUSES),
    Task("webhooks.deliver", send_out, pauses=PAUSES),
    _of_account(market_writes.TASK, lambda a: market_sync.send_writes(a, actor=jobs.actor())),
    _of_account(publishing.PUBLISH_TASK, lambda a: market_sync.publish(a, actor=jobs.actor())),
)
