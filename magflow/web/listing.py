"""Lists over keyset queries: what the address says about one, and the addresses of its neighbours.

The address keeps the trail of keys behind which each page began (`at=4120-4070`), so that "previous" is exact although
a keyset can only be walked forward, and any page can be kept as a link.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from flask import flash, request, url_for
from flask_babel import to_utc

from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.errors import Invalid
from magflow.web import border, columns
from magflow.web.locale import _, number

PAGE: Final = 50
LONGEST_TRAIL: Final = 60
"""Pages that can be walked back; behind them "previous" leads to the first page."""
TRAIL: Final = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,19}){0,2}(?:-[0-9]{1,19}(?:\.[0-9]{1,19}){0,2})*")


class Listing:
    """One list as the present address asks for it."""

    def __init__(self, schema: border.Query) -> None:
        self.values: dict[str, Any] = {}
        for name in schema.fields:
            typed = request.args.get(name, "")
            if not typed.strip():
                continue
            try:
                self.values |= border.load(schema, {name: typed})
            except Invalid:
                flash(_("This filter was left out, its value does not fit: %(name)s", name=name), "warning")
        self.trail = _trail()

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def narrowed(self) -> bool:
        """Whether anything but a tab and columns was chosen."""
        return any(name not in {"view", columns.COLUMNS} for name in self.values)

    @property
    def after(self) -> str | None:
        """The key behind which this page begins; None for the first."""
        return self.trail[-1] if self.trail else None

    @property
    def after_id(self) -> int | None:
        """The same, for lists that are sorted by id."""
        if self.after is None:
            return None
        try:
            return integer(self.after, least=1, most=INT64_MAX, as_text=True)
        except Unfit:
            return None

    def url(self, **changes: Any) -> str:
        """This list with other values; None takes one away. It begins at its first page."""
        return self._url({**self.values, **changes})

    def tab(self, label: Any, view: str, *, count: int | None = None, most: int = 1_000) -> dict[str, Any]:
        """A tab for `view_tabs`."""
        shown = None if not count else f"{number(most)}+" if count > most else number(count)
        return {
            "label": label,
            "url": url_for(
                request.endpoint or "", **(request.view_args or {}), view=view or None, columns=self[columns.COLUMNS]
            ),
            "active": (self["view"] or "") == view,
            "count": shown,
        }

    def chip(self, name: str, label: Any, shown: Any = None) -> list[dict[str, Any]]:
        """A chip for an active filter; nothing when it is not active."""
        if name not in self.values:
            return []
        return [{"label": label, "value": shown or self.values[name], "url": self.url(**{name: None})}]

    def pages(self, shown: int, total: int, *, estimate: bool, next_key: str | int | None) -> dict[str, Any]:
        """What the macro `pager` takes."""
        first = len(self.trail) * PAGE + 1 if shown else 0
        back = self._url(self.values, self.trail[:-1]) if self.trail else None
        on = self._url(self.values, [*self.trail, str(next_key)][-LONGEST_TRAIL:]) if next_key is not None else None
        return {
            "first": number(first),
            "last": number(first + shown - 1) if shown else 0,
            "total": number(total),
            "estimate": estimate,
            "previous_url": back,
            "next_url": on,
        }

    def _url(self, values: Mapping[str, Any], trail: Sequence[str] = ()) -> str:
        given: dict[str, Any] = {name: _said(value) for name, value in values.items() if value is not None}
        if trail:
            given["at"] = "-".join(trail)
        return url_for(request.endpoint or "", **(request.view_args or {}), **given)


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trail() -> list[str]:
    given = request.args.get("at", "")
    return given.split("-")[:LONGEST_TRAIL] if len(given) < 3_000 and TRAIL.fullmatch(given) else []


def midnight(day: date | None) -> datetime | None:
    """When a day begins in the shop."""
    return None if day is None else to_utc(datetime.combine(day, time.min)).replace(tzinfo=UTC)
