"""How far an import is, in words: rows, how many a second, and how long it will still take."""

from typing import Final

from magflow.db import db
from magflow.queries import imports
from magflow.queries.imports import ImportState
from magflow.web.locale import _, ngettext, number

MINUTE: Final = 60
HOUR: Final = 3600


def said(state: ImportState) -> str:
    """The line beside the bar."""
    total = state.row.rows_total
    if state.row.status == "uploaded":
        return _("Waiting for a worker")
    if state.row.status == "parsing":
        return ngettext("%(shown)s row read", "%(shown)s rows read", total, shown=number(total))
    rows = _("%(done)s of %(total)s rows", done=number(state.done), total=number(total))
    pace = imports.rows_a_second(db.session(), state.row.id) if state.row.status == "running" else None
    if pace is None or state.done >= total:
        return rows
    rate = _("%(rate)s a second", rate=number(round(pace)))
    return f"{rows} · {rate} · {_left((total - state.done) / pace)}"


def _left(seconds: float) -> str:
    if seconds < 1.5 * MINUTE:
        count = max(round(seconds), 1)
        return ngettext("about %(num)d second left", "about %(num)d seconds left", count)
    if seconds < 1.5 * HOUR:
        return ngettext("about %(num)d minute left", "about %(num)d minutes left", round(seconds / MINUTE))
    return ngettext("about %(num)d hour left", "about %(num)d hours left", round(seconds / HOUR))
