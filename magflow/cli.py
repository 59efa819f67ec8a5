"""The `magflow` command.

Nothing heavy is imported before a command needs it, so that `magflow --help` answers at once. What can go wrong ends
as one line on standard error: exit 2 for wrong use, 1 for a run that failed.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from magflow.settings import Settings, SettingsError

if TYPE_CHECKING:
    from flask import Flask

    from magflow.domain.actors import Actor
    from magflow.postgres.access import Database


class Root(click.Group):
    """MagFlow's own commands, and those that the installed areas bring along."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command by name; the areas are only loaded for this and for commands that are not MagFlow's own."""
        own = super().list_commands(ctx)
        from magflow.web.areas import AreaBroken

        try:
            return sorted({*own, *self._brought()})
        except AreaBroken as error:
            _warn(str(error))  # the commands that could repair it must still be found
            return own

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name."""
        return super().get_command(ctx, cmd_name) or self._brought().get(cmd_name)

    def _brought(self) -> dict[str, click.Command]:
        from magflow.web.areas import load_areas

        return {command.name: command for area in load_areas() for command in area.commands if command.name}


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="magflow", message="%(package)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """MagFlow, the back office of a shop. Start it with: magflow up"""
    if ctx.invoked_subcommand in {"up", "db", "backup", "restore"}:
        return
    from flask.cli import ScriptInfo

    # Commands of areas are written as for any Flask application, with flask.cli.with_appcontext.
    ctx.obj = ScriptInfo(create_app=lambda: open_application(ctx))


# --- Running ---------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--host", help="Address to listen on (MAGFLOW_HOST, 127.0.0.1).")
@click.option("--port", help="Port to listen on (MAGFLOW_PORT, 8000); 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of web processes.")
@click.option("--no-worker", is_flag=True, help="Do not run background jobs in this process group.")
def up(host: str | None, port: str | None, workers: int, no_worker: bool) -> None:
    """Start everything: database, migrations, web and background worker."""
    from magflow.up.supervisor import up as run_up

    settings = Settings.from_environment().with_address(host, port)
    run_up(settings, workers=workers, with_worker=not no_worker, say=_say, warn=_warn)


@main.command()
@click.option("--concurrency", type=click.IntRange(1, 256), help="How many jobs at a time.")
def worker(concurrency: int | None) -> None:
    """Run background jobs alone, beside a MagFlow that serves the web."""
    from magflow.postgres.access import database
    from magflow.worker import main as work

    settings = Settings.from_environment()
    with database(settings) as opened:
        ready = settings.with_database(opened.app_url)
        work(ready) if concurrency is None else work(ready, concurrency=concurrency)


# --- The database ----------------------------------------------------------------------------------------------------


@main.group()
def db() -> None:
    """Migrations of the database."""


@db.command()
def upgrade() -> None:
    """Bring the database up to date."""
    from magflow.postgres import migrate

    with _database() as opened:
        moved = migrate.upgrade(opened)
    _say(
        f"upgraded from {moved.before or 'nothing'} to {moved.after}" if moved.changed else f"at {moved.after} already"
    )


@db.command()
def current() -> None:
    """Show which revision the database stands at, and which this MagFlow expects."""
    from magflow.postgres import migrate

    with _database() as opened:
        found, head = migrate.current(opened.owner_url), migrate.head()
    _say(f"{found or 'not migrated yet'} ({'up to date' if found == head else f'this MagFlow expects {head}'})")


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def adopt(as_json: bool) -> None:
    """Take over the database of an old shop, after a report of what stands in the way."""
    from magflow.postgres import migrate

    settings = Settings.from_environment()
    with _database(settings) as opened:
        done = migrate.adopt(opened, settings.env)
    if as_json:
        _say(json.dumps(done.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in done.report.as_lines():
            _say(line)
    if done.outcome == "stopped":
        _end(1, "the old shop has to be mended first (see STOPS above); nothing was changed")
    if done.outcome == "no_shop":
        _end(1, "there are no tables of an old shop in this database; for a new shop run: magflow db upgrade")
    if not as_json:
        _say(f"the database was adopted{' before' if done.outcome == 'adopted_already' else ''}, at {done.revision}")


# --- Keeping it ------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole shop into FILE, while it goes on working."""
    from magflow.postgres.backup import write_backup

    settings = Settings.from_environment()
    with _database(settings) as opened:
        written = write_backup(opened, file, settings.pg_bin)
    _say(f"{file}: {written.size / 2**20:.1f} MiB, revision {written.revision}")
    _say(
        f"The key of the marketplace passwords is NOT in it. Keep {settings.home / 'credentials_key'} "
        "(or MAGFLOW_CREDENTIALS_KEY) in another place."
    )


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what the database holds now.")
def restore(file: Path, force: bool) -> None:
    """Bring back a backup, into an empty database unless --force is given."""
    from magflow.postgres.backup import restore_backup
    from magflow.up.supervisor import only_one

    settings = Settings.from_environment()
    with only_one(settings), _database(settings) as opened:
        restored = restore_backup(opened, file, settings.pg_bin, force=force)
    _say(f"restored the backup of {restored.made_at}; the database stands at {restored.revision}")
    _say(
        "Marketplace passwords can only be read with the key that they were written with: "
        f"put it into {settings.home / 'credentials_key'}, or enter the passwords again. Then run: magflow audit"
    )


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def audit(ctx: click.Context, as_json: bool) -> None:
    """Check the data; exit 1 when something critical is found."""
    with open_application(ctx).app_context():
        from magflow.services import invariants

        checks = invariants.audit()
    if as_json:
        _say(json.dumps([check.as_dict() for check in checks], ensure_ascii=False, indent=2))
    else:
        for check in checks:
            _say(check.as_line())
    if any(check.critical and check.count for check in checks):
        ctx.exit(1)


# --- People and programs ---------------------------------------------------------------------------------------------


@main.group()
def user() -> None:
    """People who may sign in."""


@user.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(["owner", "manager", "clerk", "viewer"]), required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_context
def create_user(ctx: click.Context, email: str, role: str, password_stdin: bool) -> None:
    """Add a person."""
    password = _password(from_stdin=password_stdin)
    with open_application(ctx).app_context():
        from magflow.services import users

        users.create_user(users.CreateUser(email=email, role=role, password=password), actor=_actor())
    _say(f"{email} can sign in now, as {role}")


@main.group()
def token() -> None:
    """API tokens of the shop itself."""


@token.command("create")
@click.option("--name", required=True, help="What it is for, e.g. the program that uses it.")
@click.option("--scopes", required=True, help="Scopes separated by commas, or: all")
@click.option("--expires-days", type=click.IntRange(1, 3650), default=365, show_default=True)
@click.pass_context
def create_token(ctx: click.Context, name: str, scopes: str, expires_days: int) -> None:
    """Make a token and print it, this once and alone, on standard output."""
    with open_application(ctx).app_context():
        from magflow.domain.roles import SCOPES
        from magflow.services import tokens

        wanted = SCOPES if scopes.strip() == "all" else [scope.strip() for scope in scopes.split(",") if scope.strip()]
        if unknown := [scope for scope in wanted if scope not in SCOPES]:
            raise click.UsageError(f"there is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}, or all")
        made = tokens.create_token(tokens.CreateToken(name, wanted, expires_days), actor=_actor())
    _say(made.plaintext)


# --- A marketplace to try it against ---------------------------------------------------------------------------------


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port of the API.")
@click.option("--control-port", type=click.IntRange(0, 65535), default=8766, show_default=True)
@click.option("--seed", type=int, help="Begin anew; another seed is another course of events.")
def simulator(port: int, control_port: int, seed: int | None) -> None:
    """A marketplace that behaves like eMAG's, until Ctrl-C: for the demo shop, and for trying things.

    In the home folder of a demo shop it goes on from where it stood. There, `magflow up` starts it too.
    """
    from magflow.settings import home_folder
    from magflow.simulator import keeping
    from magflow.simulator.catalogue import SEED
    from magflow.simulator.demo import world_of
    from magflow.simulator.process import serve

    file = home_folder(os.environ) / keeping.NAME
    place = keeping.Place(port, control_port)
    if seed is None and file.exists():
        try:
            serve(keeping.read(file)[0], place, file, _say)
        except ValueError as error:
            raise click.ClickException(f"{error}; begin anew with: magflow simulator --seed {SEED}") from error
        return
    serve(world_of(seed=SEED if seed is None else seed), place, None, _say)


@main.group()
def demo() -> None:
    """A shop that shows every screen with life in it."""


@demo.command("load")
@click.option("--port", type=click.IntRange(1, 65534), default=8765, show_default=True, help="Of the simulator.")
@click.pass_context
def load_demo(ctx: click.Context, port: int) -> None:
    """Fill an empty shop, and connect it to the simulator, which `magflow up` then starts beside it."""
    from magflow.postgres import migrate

    with _database() as opened:
        migrate.upgrade(opened)
    with open_application(ctx).app_context():
        from magflow.simulator import keeping
        from magflow.simulator.demo import DemoLoaded, check_empty, load

        try:
            check_empty()
            _keep_before_demo()
            made = load(_actor(), Settings.from_environment().home / keeping.NAME, port)
        except DemoLoaded as error:
            raise click.ClickException(str(error)) from error
    _say(f"loaded: {made['products']} products, {made['offers']} offers, {made['orders']} orders; see EMG331")
    _say(f"Start it with: magflow up (the simulated marketplace comes with it, on port {port})")


@demo.command("reset")
@click.option("--port", type=click.IntRange(1, 65534), default=8765, show_default=True, help="Of the simulator.")
@click.option("--yes", is_flag=True, help="Do not ask: everything that was done in the demo shop is gone.")
@click.pass_context
def reset_demo(ctx: click.Context, port: int, yes: bool) -> None:
    """Put the shop back to where it stood before the demo was loaded, and load the demo anew."""
    from magflow.postgres.backup import restore_backup
    from magflow.up.supervisor import only_one

    settings = Settings.from_environment()
    kept = settings.home / BEFORE_DEMO
    if not kept.exists():
        raise click.ClickException("the demo was not loaded here; load it with: magflow demo load")
    if not yes and sys.stdin.isatty():
        click.confirm("Everything that was done in the demo shop is gone then. Go on?", abort=True)
    with only_one(settings), _database(settings) as opened:
        restore_backup(opened, kept, settings.pg_bin, force=True)
    ctx.invoke(load_demo, port=port)


@demo.command("play")
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True)
@click.pass_context
def play_demo(ctx: click.Context, days: int) -> None:
    """Let days pass in the demo shop, as they would have passed: orders, deliveries, readings, decisions, figures.

    Everything that is there becomes so much older. A day takes about a second; the shop must not run meanwhile.
    """
    import psycopg

    from magflow.postgres.ageing import grow_older
    from magflow.simulator import keeping
    from magflow.up.supervisor import only_one

    settings = Settings.from_environment()
    file = settings.home / keeping.NAME
    if not file.exists():
        raise click.ClickException("the demo was not loaded here; load it with: magflow demo load")
    with only_one(settings), _database(settings) as opened, open_application(ctx).app_context():
        from magflow.simulator.playing import Play
        from magflow.simulator.server import running

        world, place = keeping.read(file)
        with (
            psycopg.connect(opened.owner_url, autocommit=True) as owner,
            running(world, port=place.port, control_port=place.control_port),
        ):
            try:
                play = Play(world, lambda n: grow_older(owner, n), _actor())
                done = play.days(days, lambda n: _say(f"day {n} of {days}") if n % 10 == 0 else None)
            finally:
                keeping.write(world, place, file)
    _say(f"played: {done.days} days, {done.orders} orders, {done.transfers} transfers with {done.units} units")


BEFORE_DEMO = "before_demo.backup"


def _keep_before_demo() -> None:
    """The empty shop with its people, for the way back."""
    from magflow.postgres.backup import write_backup

    settings = Settings.from_environment()
    with _database(settings) as opened:
        (settings.home / BEFORE_DEMO).unlink(missing_ok=True)
        write_backup(opened, settings.home / BEFORE_DEMO, settings.pg_bin)


# --- What the commands share -----------------------------------------------------------------------------------------


def open_application(ctx: click.Context) -> Flask:
    """The application on the shop's database, which stays open until the command has ended."""
    from magflow.app import create_app

    settings = Settings.from_environment()
    opened = ctx.find_root().with_resource(_database(settings))
    app = create_app(settings.with_database(opened.app_url))
    # A person reads what a command prints; what a program's log says of it is only in the way.
    logging.getLogger().setLevel(logging.WARNING)
    return app


def _database(settings: Settings | None = None) -> AbstractContextManager[Database]:
    from magflow.postgres.access import database

    return database(settings or Settings.from_environment())


def _actor() -> Actor:
    import getpass

    from magflow.domain.actors import Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(kind="cli", name=name, door="cli")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password; give it with --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _warn(line: str) -> None:
    click.echo(f"magflow: {line}", err=True)


# --- How it ends -----------------------------------------------------------------------------------------------------


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point: whatever the command raised becomes one line and an exit code."""
    if sys.platform == "win32":
        _warn("MagFlow runs on Linux and macOS; on Windows, use it inside WSL")
        sys.exit(1)
    try:
        code = main.main(args=arguments, prog_name="magflow", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        of = error.ctx.command_path if error.ctx else "magflow"
        _end(2, f"which command? They are listed by: {of} --help")
    except click.UsageError as error:
        of = error.ctx.command_path if error.ctx else "magflow"
        _end(2, f"{' '.join(error.format_message().split())} (see: {of} --help)")
    except click.ClickException as error:
        _end(1, " ".join(error.format_message().split()))
    except (KeyboardInterrupt, click.Abort):
        _end(130, "stopped")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        sys.exit(1)
    except _expected() as error:  # looked up only now, when something was raised
        _end(*_told(error))
    sys.exit(code if isinstance(code, int) else 0)


def _expected() -> tuple[type[Exception], ...]:
    """What is not a fault of MagFlow's own. Anything else keeps its traceback: a report needs it."""
    import psycopg
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from magflow.domain.errors import Refused
    from magflow.postgres.errors import DatabaseProblem
    from magflow.up.supervisor import UpFailed
    from magflow.web.areas import AreaBroken

    database = (
        DatabaseProblem,
        OperationalError,
        ProgrammingError,
        psycopg.OperationalError,
        psycopg.errors.UndefinedTable,
        psycopg.errors.InsufficientPrivilege,
    )
    return (SettingsError, UpFailed, Refused, AreaBroken, OSError, *database)


def _told(error: Exception) -> tuple[int, str]:
    """The exit code and the line for an expected error. Raises it again when its cause is a fault of ours after all."""
    import psycopg

    from magflow.domain.errors import Invalid, Refused
    from magflow.postgres.access import reason
    from magflow.web.sentences import field_sentence, sentence

    if isinstance(error, Invalid) and error.errors:
        return 2, " ".join(f"{field.field}: {field_sentence(field)}" for field in error.errors)
    if isinstance(error, Refused):
        return 1, " ".join(sentence(error).split())
    cause = getattr(error, "orig", error)
    if isinstance(cause, psycopg.errors.UndefinedTable):
        return 1, "the database has not been migrated yet; run: magflow db upgrade"
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return 1, (
            f"the role of DATABASE_URL has no right to this shop's tables ({reason(cause).partition(' LINE ')[0]}); "
            "name the role that the shop was set up with, or give this one its rights: "
            "magflow db upgrade, with MAGFLOW_OWNER_DATABASE_URL"
        )
    if isinstance(cause, psycopg.OperationalError):
        return 1, f"the database: {reason(cause)}"
    if isinstance(cause, psycopg.Error):
        raise error
    if isinstance(error, OSError):
        return 1, f"{error.filename or 'the system'}: {error.strerror or error}"
    return getattr(error, "exit_code", 1), " ".join(str(error).split())


def _end(code: int, line: str) -> NoReturn:
    _warn(line)
    sys.exit(code)


if __name__ == "__main__":
    run()
