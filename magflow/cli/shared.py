"""What the commands share: the application, the database, who typed, and how they speak."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from magflow.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from magflow.domain.actors import Actor
    from magflow.postgres.access import Database


def open_application(ctx: click.Context) -> Flask:
    """The application on the shop's database, which stays open until the command has ended."""
    from magflow.app import create_app

    settings = Settings.from_environment()
    opened = ctx.find_root().with_resource(open_database(settings))
    app = create_app(settings.with_database(opened.app_url))
    # A person reads what a command prints; what a program's log says of it is only in the way.
    logging.getLogger().setLevel(logging.WARNING)
    return app


def open_database(settings: Settings | None = None) -> AbstractContextManager[Database]:
    """The shop's database, for as long as the block runs."""
    from magflow.postgres.access import database

    return database(settings or Settings.from_environment())


def typed_by() -> Actor:
    """Whoever typed the command."""
    import getpass

    from magflow.domain.actors import Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(kind="cli", name=name, door="cli")


def ask_password(*, from_stdin: bool) -> str:
    """The first line of standard input, or what is typed twice on the terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password; give it with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def say(line: str) -> None:
    """A line on standard output, at once."""
    click.echo(line)
    sys.stdout.flush()


def warn(line: str) -> None:
    """A line on standard error."""
    click.echo(f"magflow: {line}", err=True)
