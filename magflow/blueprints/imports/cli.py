"""`magflow import`, `magflow export`, `magflow backfill-external-ids`."""

import contextlib
import getpass
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click
from flask import current_app
from flask.cli import with_appcontext

from magflow.blueprints.imports import exporting, report
from magflow.blueprints.imports.words import STATUS_WORDS
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid, RetryLater
from magflow.domain.imports.choices import choices_from
from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.layouts import FORMATS, KINDS, check_supported
from magflow.queries import imports
from magflow.services import feeds
from magflow.services.imports import commands, files, runner
from magflow.services.imports.runner import Done, Progress
from magflow.web.sentences import field_sentence

PATIENCE: Final = 60.0
"""Seconds that a database which is busy or away is waited for."""


def actor() -> Actor:
    """Whoever typed the command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(kind="cli", name=name, door="import")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What is in the file.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--source", default="file", show_default=True, help="Whose external ids the file has.")
@click.option("--source-account", default="default", show_default=True)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and write nothing.")
@click.option("--report", "report_file", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the refused rows here, with what is wrong.")  # fmt: skip
@with_appcontext
def import_file(
    file: Path, kind: str, form: str, source: str, source_account: str, dry_run: bool, report_file: Path | None
) -> None:
    """Import FILE; exit 1 when a row was refused."""
    home: Path = current_app.config["MAGFLOW"].home
    with _told():
        check_supported(kind, form)
    kept = imports.remembered(db.session(), kind, source, source_account)
    db.session.remove()
    with _told(), file.open("rb") as opened:
        stored = files.store(home, opened)
        command = commands.take_in(
            home, stored, filename=file.name, kind=kind, wanted=form, source=source, source_account=source_account,
            dry_run=dry_run, queued=False, remembered=choices_from(kept) if kept else None,
        )  # fmt: skip
    row = commands.register(command, actor=actor())
    with _told():
        done = _perform(row.id, home)
    state = imports.one(db.session(), row.id)
    if not done.finished:
        raise click.ClickException(f"the import is {STATUS_WORDS[state.row.status]}; nothing more is done here")
    would = "would be " if dry_run else ""
    click.echo(
        f"{state.row.rows_total} rows: {state.applied} {would}applied, {state.unchanged} unchanged, "
        f"{state.refused} refused"
    )
    if report_file is not None:
        with report_file.open("wb") as target:
            workbook = report_file.suffix.lower() == ".xlsx"
            target.writelines(report.report(state, home, workbook=workbook))
    if state.refused:
        where = f"see {report_file}" if report_file else "name a file with --report to get them back"
        raise click.ClickException(f"{state.refused} rows were refused; {where}")


def _perform(import_id: int, home: Path) -> Done:
    """Run it here; a database that is busy or away for a moment is waited for."""
    progress = _Line()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            done = runner.perform(import_id, home, actor=actor(), tell=progress)
        except RetryLater as error:
            if time.monotonic() > deadline:
                raise
            progress.say(f"waiting: {error}")
            time.sleep(error.retry_after)  # the server said when to come back
        else:
            progress.end()
            return done


class _Line:
    """Progress on one line of a terminal; nothing at all where nobody is looking."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.status == "parsing":
            self.say(f"reading: {progress.rows} rows")
            return
        rate = progress.done / max(time.monotonic() - self._began, 0.001)
        self.say(f"{progress.done} of {progress.rows} rows, {rate:.0f} a second")

    def say(self, text: str) -> None:
        """Write over what stands there."""
        if self._shown:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    def end(self) -> None:
        """Leave the line clean."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What is wrong with a file or an option, in words."""
    try:
        yield
    except Invalid as invalid:
        said = " ".join(field_sentence(error) for error in invalid.errors) or str(invalid)
        asked_wrongly = not isinstance(invalid, FileFault) or invalid.reason in {
            "unknown_kind", "unknown_format", "unknown_account",
        }  # fmt: skip
        raise (click.UsageError if asked_wrongly else click.ClickException)(said) from invalid


@click.command("export")
@click.argument("what", type=click.Choice(exporting.WHATS))
@click.option("--format", "form", type=click.Choice(exporting.FORMATS), default="magflow", show_default=True)
@click.option("--source", default="file", show_default=True, help="Whose external ids are written.")
@click.option("--source-account", default="default", show_default=True)
@click.option("-o", "--output", type=click.File("wb"), default="-", help="The file to write; standard output without.")
@with_appcontext
def export(what: str, form: str, source: str, source_account: str, output: BinaryIO) -> None:
    """Export variants, stock or orders; offers, of the account that --source and --source-account name.

    A file whose name ends in .xlsx is a workbook, any other is CSV.
    """
    workbook = output.name.lower().endswith(".xlsx")
    with _told():
        pieces = exporting.export(what, form, source=source, account=source_account, workbook=workbook)
    output.writelines(pieces)


@click.command("backfill-external-ids")
@with_appcontext
def backfill_external_ids() -> None:
    """Map every variant that has an old external SKU; may be repeated."""
    made = feeds.backfill_external_ids(actor=actor())
    click.echo(f"{made} mapped")


COMMANDS = (import_file, export, backfill_external_ids)
