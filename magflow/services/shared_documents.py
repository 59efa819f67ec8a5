"""Invoices that a marketplace fetches by itself: behind a link that nobody guesses, for one invoice, for a month.

The link stands for an order and the number of its invoice; where the number is another one by now, it leads nowhere.
"""

from dataclasses import dataclass
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.models import MarketplaceAccount, MarketplaceOrder, Order, OrderHandling
from magflow.services.notifications import sending

SALT: Final = "magflow.shared_documents"
GOOD_FOR: Final = 30 * 86_400
"""Seconds: a document is fetched soon after it was handed over, or handed over again."""

_secret: list[str] = []


def configure(secret_key: str) -> None:
    """The key that the links of this process are signed with."""
    _secret[:] = [secret_key]


@dataclass(frozen=True)
class Shared:
    """What a link stands for; `country`: the one of the account that the order came through, if any."""

    order_id: int
    number: str
    country: str | None


def lacking(session: Session, order_id: int) -> str | None:
    """What is missing before the invoice of an order can be handed over from here, as a code; None: nothing."""
    if sending.public_address(session) is None:
        return "no_public_address"
    if _number(session, order_id) is None:
        return "no_invoice_number"
    confirmed = session.scalar(select(Order.confirmed_at).where(Order.id == order_id))
    return None if confirmed is not None else "not_confirmed"


def invoice_link(session: Session, order_id: int) -> str:
    """Where the invoice of an order can be fetched. Raises Invalid naming what is missing."""
    missing, number = lacking(session, order_id), _number(session, order_id)
    if missing is not None:
        raise Invalid([FieldError("url", missing)])
    return f"{sending.public_address(session)}/shared/{_signer().dumps([order_id, number])}/invoice.pdf"


def follow(session: Session, token: str) -> Shared:
    """What a link stands for. Raises NotFound for one that is not ours, is over, or whose invoice is another by now."""
    try:
        order_id, number = _signer().loads(token, max_age=GOOD_FOR)
    except (BadData, ValueError, TypeError):
        raise NotFound("link", token[:20]) from None
    if number is None or _number(session, order_id) != number:
        raise NotFound("link", token[:20])
    country = session.scalar(
        select(MarketplaceAccount.country)
        .join(MarketplaceOrder, MarketplaceOrder.account_id == MarketplaceAccount.id)
        .where(MarketplaceOrder.order_id == order_id)
        .limit(1)
    )
    return Shared(order_id, number, country)


def _number(session: Session, order_id: int) -> str | None:
    return session.scalar(select(OrderHandling.invoice_number).where(OrderHandling.order_id == order_id)) or None


def _signer() -> URLSafeTimedSerializer:
    if not _secret:
        raise RuntimeError("no key: shared_documents.configure was not called")
    return URLSafeTimedSerializer(_secret[0], salt=SALT)
