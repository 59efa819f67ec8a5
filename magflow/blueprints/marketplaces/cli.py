"""`magflow account`, `magflow credentials`."""

import getpass
import json
import sys
from typing import Any

import click
from flask.cli import with_appcontext

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyTaken
from magflow.domain.marketplaces import FULFILMENTS
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import UnknownSource
from magflow.services import accounts, credentials, market_sync, webhooks


def actor() -> Actor:
    """Whoever typed the command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(kind="cli", name=name, door="cli")


@click.group()
def account() -> None:
    """Seller accounts at marketplaces."""


@account.command("add")
@click.argument("source")
@click.argument("code")
@click.option("--fulfilment", type=click.Choice(FULFILMENTS), help="Who ships; code fbe: the marketplace, else you.")
@click.option("--pool", help="The goods that it sells from; own, unless the marketplace has them.")
@click.option("--stock-writable", is_flag=True, help="Stock in the marketplace's warehouse may be written.")
@click.option("--user", "username", help="User of the marketplace's API.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--url", "base_url", help="Another address than the marketplace's own.")
@click.option("--country", default="ro", show_default=True)
@click.option("--buffer", type=click.IntRange(0, accounts.LARGEST_BUFFER), default=0, show_default=True)
@with_appcontext
def add_account(password_stdin: bool, **given: Any) -> None:
    """Add the account CODE at SOURCE, e.g. emag main. Without user and password, files supply the readings."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    try:
        made = accounts.add(accounts.NewAccount(password=password, **given), actor=actor())
    except AlreadyTaken as refused:
        raise click.ClickException(f"there is an account {given['source']} {given['code']} already") from refused
    click.echo(f"account {made.source} {made.code} added: {made.fulfilment}, pool {made.pool}")


@account.command("list")
@with_appcontext
def list_accounts() -> None:
    """Every account, one a line."""
    for found in accounts.every(db.session()):
        click.echo(f"{found.source} {found.code}\t{found.fulfilment}\t{found.pool}\t{found.paused_reason or 'ok'}")


@account.command("test")
@click.argument("source")
@click.argument("code")
@click.pass_context
@with_appcontext
def test_account(ctx: click.Context, source: str, code: str) -> None:
    """Try the connection; exit 1 when it does not work."""
    account = accounts.named(db.session(), source, code)
    db.session.expunge(account)
    db.session.remove()
    found = accounts.try_connection(account)
    if found.trouble is None:
        click.echo(f"it works: {found.offers} offers, {found.milliseconds} ms")
        return
    click.echo(f"{found.trouble}: {found.message}", err=True)
    ctx.exit(1)


@account.command("read")
@click.argument("source")
@click.argument("code")
@with_appcontext
def read_account(source: str, code: str) -> None:
    """Read the account's offers and orders now."""
    account_id = accounts.named(db.session(), source, code).id
    db.session.remove()  # a reading takes longer than a transaction may stand open
    try:
        count = market_sync.read_offers(account_id, actor=actor())
        orders = market_sync.read_orders(account_id, actor=actor())
    except MarketplaceError as error:
        raise click.ClickException(f"{error.trouble}: {error}") from error
    click.echo(f"{count} offers read; {orders.seen} orders seen, {orders.blocked} blocked, {orders.failed} failed")


@account.command("webhook")
@click.argument("source")
@click.argument("code")
@click.option("--rotate", is_flag=True, help="Make another secret; the old one is good for one more day.")
@click.option("--secret-stdin", is_flag=True, help="Read the secret that the sender has from standard input.")
@with_appcontext
def webhook(source: str, code: str, rotate: bool, secret_stdin: bool) -> None:
    """Print where SOURCE may call for the account CODE, and what it signs with, as JSON."""
    secret = sys.stdin.readline().rstrip("\r\n") if secret_stdin else None
    try:
        opened = webhooks.endpoint(webhooks.NewEndpoint(source, code, rotate, secret), actor=actor())
    except UnknownSource as unknown:
        raise click.UsageError(f"there is no source {unknown}") from unknown
    click.echo(json.dumps({"path": opened.path, "secret": opened.secret}))


@click.group("credentials")
def credentials_group() -> None:
    """Secrets of marketplaces."""


@credentials_group.command("rotate")
@click.pass_context
@with_appcontext
def rotate(ctx: click.Context) -> None:
    """Encrypt every secret anew with the first key; exit 1 when one cannot be opened."""
    done, lost = credentials.rotate(actor=actor())
    click.echo(f"{done} secrets encrypted with the first key")
    if lost:
        click.echo(f"{lost} cannot be opened with any key: enter them again", err=True)
        ctx.exit(1)


COMMANDS = (account, credentials_group)
