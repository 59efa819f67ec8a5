"""Seller accounts: added, changed, tried, paused; and opened for whoever speaks to the marketplace."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyTaken, Conflict, FieldError, Invalid, NotFound
from magflow.domain.marketplaces import FULFILMENTS, MARKETPLACE, OWN_POOL, SELLER
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import Adapter, Connection, Exchange, Marketplace, UnknownSource, adapter_of
from magflow.models import MarketplaceAccount, StockPool
from magflow.services import audit, credentials, single
from magflow.services.pace import AccountPace

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
URL: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?")
CURRENCY_OF: Final = {"ro": "RON", "bg": "EUR", "hu": "HUF", "fd-ro": "RON", "fd-bg": "EUR"}
SWITCHES: Final = ("reading", "ordering", "confirming", "publishing")
LARGEST_BUFFER: Final = 10_000
LIMITS: Final[Mapping[str, int]] = {
    **{f"{kind}_per_{unit}": 100_000 for kind in ("orders", "others", "eans") for unit in ("second", "minute")},
    "eans_per_day": 1_000_000,
}
"""What may be asked of a marketplace, where it is not what its documentation says; and the largest figure taken."""


class AccountPaused(Conflict):
    """The account waits for a person: the marketplace turned us away, and would again."""

    def __init__(self, account: str, reason: str) -> None:
        super().__init__(f"account {account} is paused: {reason}")
        self.account, self.reason = account, reason


class NothingToAsk(Conflict):
    """The account has no user and password, or its source only calls us: files supply the readings."""

    def __init__(self, account: str) -> None:
        super().__init__(f"account {account} has no connection; its readings come from files")
        self.account = account


class MarketplaceTrouble(Conflict):
    """The marketplace was asked and did not do it; `trouble` says of what kind that is. Nothing was changed."""

    code = "marketplace_trouble"

    def __init__(self, trouble: str, said: str) -> None:
        super().__init__(f"{trouble}: {said}")
        self.trouble = trouble

    def details(self) -> dict[str, Any]:
        return {"trouble": self.trouble}


@contextmanager
def told_to_programs() -> Iterator[None]:
    """What goes wrong while a marketplace is asked becomes a refusal. Raises MarketplaceTrouble."""
    try:
        yield
    except MarketplaceError as error:
        raise MarketplaceTrouble(error.trouble, str(error)) from error


@dataclass(frozen=True)
class NewAccount:
    """Only source and code must be given. The code `fbe` stands for goods in the marketplace's warehouse."""

    source: str
    code: str
    fulfilment: str | None = None
    pool: str | None = None
    stock_writable: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    base_url: str | None = None
    country: str = "ro"
    buffer: int = 0


@dataclass(frozen=True)
class EditAccount:
    """What is None stays. The password can be replaced and never read."""

    account_id: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    base_url: str | None = None
    buffer: int | None = None
    stock_writable: bool | None = None
    limits: Mapping[str, Any] | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class OfAccount:
    account_id: int


@dataclass(frozen=True)
class Trial:
    """What a try of the connection found: `trouble` None when it works."""

    trouble: str | None
    message: str
    offers: int | None = None
    milliseconds: int | None = None
    address: str = ""


@transactional
def add(session: Session, command: NewAccount, *, actor: Actor) -> MarketplaceAccount:
    """Add an account. Raises Invalid naming every bad field, AlreadyTaken when it is there."""
    source, code = command.source.strip().lower(), command.code.strip().lower()
    fulfilment = command.fulfilment or (MARKETPLACE if code == "fbe" else SELLER)
    errors = _faults(source, code, fulfilment, command)
    if errors:
        raise Invalid(errors)
    lock_names(session, [("marketplace_account", source, code)])
    if find(session, source, code) is not None:
        raise AlreadyTaken("code")
    pool = command.pool or (OWN_POOL if fulfilment == SELLER else f"{source}-{code}")
    _make_pool(session, pool, "own" if fulfilment == SELLER else "marketplace")
    account = MarketplaceAccount(
        source=source,
        code=code,
        country=command.country,
        currency=CURRENCY_OF.get(command.country, "RON"),
        base_url=(command.base_url or "").rstrip("/") or None,
        username=command.username or None,
        fulfilment=fulfilment,
        pool=pool,
        stock_writable=command.stock_writable,
        buffer=command.buffer,
    )
    session.add(account)
    session.flush()
    _set_password(account, command.password)
    session.flush()
    session.refresh(account)
    return account


def _faults(source: str, code: str, fulfilment: str, command: NewAccount) -> list[FieldError]:
    errors = []
    try:
        adapter = adapter_of(source)
        if command.country not in adapter.countries:
            choices = ", ".join(adapter.countries)
            errors.append(FieldError("country", "not_one_of", {"choices": choices}))
    except UnknownSource:
        errors.append(FieldError("source", "unknown"))
    if not NAME.fullmatch(code):
        errors.append(FieldError("code", "invalid"))
    if fulfilment not in FULFILMENTS:
        errors.append(FieldError("fulfilment", "not_one_of", {"choices": ", ".join(FULFILMENTS)}))
    if command.pool is not None and not NAME.fullmatch(command.pool):
        errors.append(FieldError("pool", "invalid"))
    return errors + _common_faults(command.base_url, command.buffer, command.username, command.password)


def _common_faults(
    base_url: str | None, buffer: int | None, username: str | None, password: str | None
) -> list[FieldError]:
    errors = []
    if base_url and not URL.fullmatch(base_url):
        errors.append(FieldError("base_url", "not_a_url"))
    if buffer is not None and not 0 <= buffer <= LARGEST_BUFFER:
        errors.append(FieldError("buffer", "out_of_range", {"least": 0, "limit": LARGEST_BUFFER}))
    if username and (len(username) > 200 or ":" in username):
        errors.append(FieldError("username", "invalid"))
    if password and len(password) > 500:
        errors.append(FieldError("password", "too_long", {"limit": 500}))
    return errors


def _limit_faults(limits: Mapping[str, Any] | None) -> list[FieldError]:
    errors = []
    for name, value in (limits or {}).items():
        most = LIMITS.get(name)
        if most is None:
            errors.append(FieldError("limits", "unknown_field"))
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            errors.append(FieldError(name, "out_of_range", {"least": 1, "limit": most}))
    return errors


def _make_pool(session: Session, name: str, kind: str) -> None:
    execute(
        session,
        "INSERT INTO stock_pools (name, kind) VALUES (%(name)s, %(kind)s) ON CONFLICT DO NOTHING",
        {"name": name, "kind": kind},
    )
    there = session.scalar(select(StockPool.kind).where(StockPool.name == name))
    if there != kind:
        raise Invalid([FieldError("pool", "invalid")])


def _set_password(account: MarketplaceAccount, password: str | None) -> None:
    if not password:
        return
    account.credentials = credentials.seal(f"account:{account.id}:password", password)
    account.credentials_hint = credentials.hint(password)
    account.credentials_at = func.clock_timestamp()
    account.paused_reason = account.paused_at = None


@transactional
def edit(session: Session, command: EditAccount, *, actor: Actor) -> MarketplaceAccount:
    """Change an account; a new password ends a pause. Raises NotFound, Invalid."""
    account = get(session, command.account_id)
    errors = _common_faults(command.base_url, command.buffer, command.username, command.password)
    errors += _limit_faults(command.limits)
    if unknown := [name for name in command.switches if name not in SWITCHES]:
        errors.append(FieldError(unknown[0], "unknown_field"))
    if errors:
        raise Invalid(errors)
    for name in ("username", "buffer", "stock_writable", "limits"):
        if (value := getattr(command, name)) is not None:
            setattr(account, name, value)
    if command.base_url is not None:
        account.base_url = command.base_url.rstrip("/") or None
    for name, value in command.switches.items():
        setattr(account, name, value)
    _set_password(account, command.password)
    account.updated_at = func.clock_timestamp()
    session.flush()
    session.refresh(account)
    return account


@transactional
def resume(session: Session, command: OfAccount, *, actor: Actor) -> MarketplaceAccount:
    """End a pause. Doing it again changes nothing."""
    account = get(session, command.account_id)
    account.paused_reason = account.paused_at = None
    session.flush()
    return account


# --- finding ---------------------------------------------------------------------------------------------------------


def get(session: Session, account_id: int) -> MarketplaceAccount:
    """An account by id. Raises NotFound."""
    account = session.get(MarketplaceAccount, account_id)
    if account is None:
        raise NotFound("account", account_id)
    return account


@transactional
def load(session: Session, command: OfAccount, *, actor: Actor) -> MarketplaceAccount:
    """An account as it stands now, for work outside of any transaction. Raises NotFound."""
    return get(session, command.account_id)


def find(session: Session, source: str, code: str) -> MarketplaceAccount | None:
    """An account by its name."""
    return session.scalar(
        select(MarketplaceAccount).where(MarketplaceAccount.source == source, MarketplaceAccount.code == code)
    )


def named(session: Session, source: str, code: str) -> MarketplaceAccount:
    """An account by its name. Raises NotFound."""
    account = find(session, source.strip().lower(), code.strip().lower())
    if account is None:
        raise NotFound("account", f"{source} {code}")
    return account


def every(session: Session) -> list[MarketplaceAccount]:
    """All accounts, by source and code."""
    return list(
        session.scalars(select(MarketplaceAccount).order_by(MarketplaceAccount.source, MarketplaceAccount.code))
    )


# --- speaking to the marketplace -------------------------------------------------------------------------------------


def adapter(account: MarketplaceAccount) -> Adapter:
    """How the account's source is spoken to. Raises NothingToAsk when no package of it is installed any more."""
    try:
        return adapter_of(account.source)
    except UnknownSource:
        raise NothingToAsk(f"{account.source} {account.code}") from None


def connection(account: MarketplaceAccount, *, timeout: float = 30.0, patient: bool = True) -> Connection:
    """Everything that the adapter needs, the password opened. Raises NothingToAsk, CredentialsUnreadable."""
    if not account.username or not account.credentials or adapter(account).open is None:
        raise NothingToAsk(f"{account.source} {account.code}")
    return Connection(
        source=account.source,
        code=account.code,
        country=account.country,
        currency=account.currency,
        fulfilment=account.fulfilment,
        username=account.username,
        password=credentials.unseal(f"account:{account.id}:password", account.credentials),
        base_url=account.base_url,
        pace=AccountPace(account.id, account.limits),
        record=_recorder(account.id),
        timeout=timeout,
        patient=patient,
    )


@contextmanager
def opened(account: MarketplaceAccount, *, timeout: float = 30.0, patient: bool = True) -> Iterator[Marketplace]:
    """Speak for an account; what goes wrong is noted on it, and pauses it where trying again would be useless.

    `patient` False: somebody waits for the page, and what fails is not tried again.

    No transaction may be open meanwhile. Raises AccountPaused, NothingToAsk, CredentialsUnreadable; MarketplaceError
    of what happens inside goes through.
    """
    if account.paused_reason:
        raise AccountPaused(f"{account.source} {account.code}", account.paused_reason)
    made = adapter(account).open
    asked = connection(account, timeout=timeout, patient=patient)
    if made is None:
        raise NothingToAsk(f"{account.source} {account.code}")
    marketplace = made(asked)
    try:
        yield marketplace
    except MarketplaceError as error:
        note_trouble(account.id, error)
        raise
    finally:
        marketplace.close()


def try_connection(account: MarketplaceAccount) -> Trial:
    """Ask the marketplace something cheap, and tell what kind of trouble there is. A success ends a pause."""
    made = adapter(account).open
    asked = connection(account, timeout=10.0, patient=False)
    if made is None:
        raise NothingToAsk(f"{account.source} {account.code}")
    marketplace = made(asked)
    try:
        found = marketplace.check()
    except MarketplaceError as error:
        note_trouble(account.id, error)
        return Trial(error.trouble, str(error), address=getattr(error, "address", ""))
    finally:
        marketplace.close()
    single.every(WORKS, {"id": account.id})
    return Trial(None, "", found.offers, found.milliseconds)


WORKS: Final = """
UPDATE marketplace_accounts SET paused_reason = NULL, paused_at = NULL, last_ok_at = clock_timestamp()
WHERE id = %(id)s"""
TROUBLE: Final = """
UPDATE marketplace_accounts
SET last_error = %(error)s, last_error_at = clock_timestamp(),
    paused_reason = CASE WHEN %(pauses)s THEN %(trouble)s ELSE paused_reason END,
    paused_at = CASE WHEN %(pauses)s THEN coalesce(paused_at, clock_timestamp()) ELSE paused_at END
WHERE id = %(id)s"""
KEEP: Final = """
INSERT INTO marketplace_requests (account_id, method, route, status, milliseconds, ok, error, request, response, names)
SELECT a.id, %(method)s, %(route)s, %(status)s, %(milliseconds)s, %(ok)s, %(error)s, %(request)s, %(response)s,
       %(names)s::text[]
FROM marketplace_accounts a WHERE a.id = %(account)s"""


def note_trouble(account_id: int, error: MarketplaceError) -> None:
    """Write down what went wrong with an account; being turned away pauses it."""
    text = str(error).replace("\x00", "")[:500]
    single.every(TROUBLE, {"id": account_id, "error": text, "pauses": error.pauses, "trouble": error.trouble})


def _recorder(account_id: int) -> Any:
    def record(exchange: Exchange) -> None:
        given = {name: _kept(value) for name, value in vars(exchange).items()}
        single.every(KEEP, {**given, "account": account_id, "names": list(exchange.names)})

    return record


def _kept(value: Any) -> Any:
    """PostgreSQL has no NUL in a text, and no half of a pair."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    return value


FORGET: Final = """
DELETE FROM marketplace_requests WHERE at < clock_timestamp() - make_interval(days => %(days)s)"""
FORGET_READINGS: Final = """
DELETE FROM order_windows WHERE at < clock_timestamp() - make_interval(days => %(days)s)"""
KEPT_DAYS: Final = 30


@transactional
def forget_requests(session: Session, *, actor: Actor) -> int:
    """Delete what was said longer than thirty days ago, and how many orders were counted in readings before that."""
    execute(session, FORGET_READINGS, {"days": KEPT_DAYS})
    return execute(session, FORGET, {"days": KEPT_DAYS}).rowcount


@transactional
def record_test(session: Session, command: OfAccount, *, actor: Actor) -> None:
    """Write down that somebody used the account's password to try the connection."""
    audit.record(session, actor, "account.tested", "marketplace_accounts", command.account_id)
