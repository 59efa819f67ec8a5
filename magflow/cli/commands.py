"""MagFlow's own commands: running it, its database, keeping it, people and programs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from magflow.cli.ending import end
from magflow.cli.shared import ask_password, open_application, open_database, say, typed_by, warn
from magflow.settings import Settings


class Root(click.Group):
    """MagFlow's own commands, and those that the installed areas bring along."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command by name; the areas are only loaded for this and for commands that are not MagFlow's own."""
        own = super().list_commands(ctx)
        from magflow.web.areas import AreaBroken

        try:
            return sorted({*own, *self._brought()})
        except AreaBroken as error:
            warn(str(error))  # the commands that could repair it must still be found
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
    run_up(settings, workers=workers, with_worker=not no_worker, say=say, warn=warn)


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

    with open_database() as opened:
        moved = migrate.upgrade(opened)
    say(f"upgraded from {moved.before or 'nothing'} to {moved.after}" if moved.changed else f"at {moved.after} already")


@db.command()
def current() -> None:
    """Show which revision the database stands at, and which this MagFlow expects."""
    from magflow.postgres import migrate

    with open_database() as opened:
        found, head = migrate.current(opened.owner_url), migrate.head()
    say(f"{found or 'not migrated yet'} ({'up to date' if found == head else f'this MagFlow expects {head}'})")


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def adopt(as_json: bool) -> None:
    """Take over the database of an old shop, after a report of what stands in the way."""
    from magflow.postgres import migrate

    settings = Settings.from_environment()
    with open_database(settings) as opened:
        done = migrate.adopt(opened, settings.env)
    if as_json:
        say(json.dumps(done.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in done.report.as_lines():
            say(line)
    if done.outcome == "stopped":
        end(1, "the old shop has to be mended first (see STOPS above); nothing was changed")
    if done.outcome == "no_shop":
        end(1, "there are no tables of an old shop in this database; for a new shop run: magflow db upgrade")
    if not as_json:
        say(f"the database was adopted{' before' if done.outcome == 'adopted_already' else ''}, at {done.revision}")


# --- Keeping it ------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole shop into FILE, while it goes on working."""
    from magflow.postgres.backup import write_backup

    settings = Settings.from_environment()
    with open_database(settings) as opened:
        written = write_backup(opened, file, settings.pg_bin)
    say(f"{file}: {written.size / 2**20:.1f} MiB, revision {written.revision}")
    say(
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
    with only_one(settings), open_database(settings) as opened:
        restored = restore_backup(opened, file, settings.pg_bin, force=force)
    say(f"restored the backup of {restored.made_at}; the database stands at {restored.revision}")
    say(
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
        say(json.dumps([check.as_dict() for check in checks], ensure_ascii=False, indent=2))
    else:
        for check in checks:
            say(check.as_line())
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
    password = ask_password(from_stdin=password_stdin)
    with open_application(ctx).app_context():
        from magflow.services import users

        users.create_user(users.CreateUser(email=email, role=role, password=password), actor=typed_by())
    say(f"{email} can sign in now, as {role}")


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
        made = tokens.create_token(tokens.CreateToken(name, wanted, expires_days), actor=typed_by())
    say(made.plaintext)
