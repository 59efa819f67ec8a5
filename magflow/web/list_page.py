"""How a list of Flask-Admin is told: saved views, columns, chips, pages. The other half of `ReadView` in
`magflow.web.admin`, which finds the rows; templates/admin/model/list.html shows it all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from flask import g, request
from flask_admin.model.base import ViewArgs
from sqlalchemy import ColumnElement

from magflow.queries import paging
from magflow.web import columns
from magflow.web.locale import _, day, moment, number

UNKNOWN: Final = "—"
"""Shown for a value that nobody knows. It never counts as zero."""

DEEPEST: Final = paging.EXACT_UP_TO
"""Rows that can be paged through: further down OFFSET reads what nobody looks at."""


@dataclass(frozen=True)
class ListTab:
    """A saved view above a list: `?view=key`. The first one usually is all, with an empty key and no criterion."""

    key: str
    label: Any
    """A lazy translation: the tabs are shown in the language of the request."""
    where: Callable[[], ColumnElement[bool]] | None = None
    count: Callable[[], int] | None = None


@dataclass(frozen=True)
class Pages:
    """Where a list stands, for the pager."""

    first: int
    last: int
    total: str
    estimate: bool
    previous_url: str | None
    next_url: str | None
    sizes: list[tuple[int, str, bool]]
    """Rows a page, where to choose it, whether it is chosen."""


def _figure(view: Any, value: int | Decimal, name: str) -> str:
    # Ids and years are numbers too: thousands are only set apart where the column says that it is a figure.
    return number(value) if name in view.numeric_columns else str(value)


def _plain(show: Callable[[Any], str]) -> Callable[..., str]:
    """What only wants the value, as Flask-Admin calls it: with the view, the value and the column's name."""

    def formatter(_view: Any, value: Any, _name: str) -> str:
        return show(value)

    return formatter


FORMATTERS: Final[dict[type, Callable[..., str]]] = {
    type(None): _plain(lambda _nothing: UNKNOWN),
    bool: _plain(lambda value: _("Yes") if value else _("No")),
    datetime: _plain(moment),
    date: _plain(day),
    Decimal: _figure,
    int: _figure,
    list: _plain(lambda values: ", ".join(map(str, values))),
}


class ListPage:
    """What a list shows, out of what Flask-Admin and the address say."""

    action_looks: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Tone ('' or 'bad') and icon of a batch action's button, by its name."""
    list_tabs: ClassVar[Sequence[ListTab]] = ()
    numeric_columns: ClassVar[Sequence[str]] = ()
    """Columns of figures: right-aligned, thousands set apart."""
    column_choice: ClassVar[Sequence[columns.Column]] = ()
    """Columns that a person shows or leaves out, in the order in which they stand behind the first one."""
    search_text: ClassVar[Any] = None
    """What the search field says; by default the names of the columns that are searched."""
    empty_title: ClassVar[Any] = None
    empty_text: ClassVar[Any] = None
    """What a list says that never had a row."""

    # Flask-Admin's part.
    can_view_details: bool
    can_set_page_size: bool
    page_size: int
    page_size_options: Sequence[int]
    get_url: Callable[..., str]
    get_pk_value: Callable[[Any], Any]
    is_sortable: Callable[[str], bool]
    _actions: list[tuple[str, str]]
    _filters: list[Any] | None
    _get_field_value: Callable[[Any, str], Any]
    _get_filters: Callable[[Any], dict[str, Any]]
    _get_list_url: Callable[[ViewArgs], str]
    _list_columns: list[tuple[str, str]]

    def current_tab(self) -> ListTab | None:
        """The tab that the address names; the first one when it names none or a wrong one."""
        wanted = request.args.get("view", "")
        return next((tab for tab in self.list_tabs if tab.key == wanted), next(iter(self.list_tabs), None))

    def row_url(self, row: Any, back: str) -> str | None:
        """Where the first column leads; `back` is the address of this list, filters and place included."""
        if not self.can_view_details:
            return None
        return self.get_url(".details_view", id=self.get_pk_value(row), url=back)

    def row_name(self, row: Any) -> str:
        """What a row is called where it is ticked and on its page: by default what its first column says."""
        value = self._get_field_value(row, self._list_columns[0][0])
        return UNKNOWN if value is None else str(value)

    def search_hint(self, columns: str | None) -> str:
        """What the search field says."""
        return str(self.search_text or _("Search: %(columns)s", columns=columns or ""))

    def list_context(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """What the list's template knows beyond Flask-Admin's own words."""
        asked: ViewArgs = g.list_args
        back = context["return_url"]
        return {
            "columns": self._columns(asked),
            "list_columns": [column for _index, column in self._shown_columns()],
            "column_choices": columns.choices(self.column_choice),
            "shown_columns": columns.shown(self.column_choice),
            "list_tabs": self._tabs(),
            "kept": self._kept(asked),
            "filter_chip_list": self._chips(asked),
            "pages": self._pages(asked, context["count"], len(context["data"])),
            "action_options": self._action_options(context["actions"], context["actions_confirmation"]),
            "action_url": self.get_url(".action_view") if self._actions else "",
            "row_url": lambda row: self.row_url(row, back),
            "clear_search_url": self._get_list_url(asked.clone(page=0, search=None, filters=[])),
        }

    def _shown_columns(self) -> list[tuple[int, tuple[str, str]]]:
        """Each with its number, by which the address names what is sorted by."""
        numbered = list(enumerate(self._list_columns))
        if not self.column_choice:
            return numbered
        by_key = {key: (index, (key, label)) for index, (key, label) in numbered}
        return [numbered[0], *(by_key[key] for key in columns.shown(self.column_choice) if key in by_key)]

    def _columns(self, asked: ViewArgs) -> list[dict[str, Any]]:
        told = []
        for index, (key, label) in self._shown_columns():
            chosen = asked.sort == index
            turned = asked.clone(page=0, sort=index, sort_desc=int(chosen and not asked.sort_desc))
            told.append(
                {
                    "label": label,
                    "num": key in self.numeric_columns,
                    "sort_url": self._get_list_url(turned) if self.is_sortable(key) else None,
                    "sorted": ("desc" if asked.sort_desc else "asc") if chosen else None,
                }
            )
        return told

    def _tabs(self) -> list[dict[str, Any]]:
        current = self.current_tab()
        return [
            {
                "label": tab.label,
                "url": self.get_url(".index_view", view=tab.key or None, columns=columns.asked(self.column_choice)),
                "active": tab is current,
                "count": tab.count() if tab.count is not None else None,
            }
            for tab in self.list_tabs
        ]

    def _kept(self, asked: ViewArgs) -> dict[str, Any]:
        size = asked.page_size if asked.page_size != self.page_size else None
        kept = {"search": asked.search, "sort": asked.sort, "desc": 1 if asked.sort_desc else None, "page_size": size}
        return {**self._get_filters(asked.filters), **asked.extra_args, **kept}

    def _chips(self, asked: ViewArgs) -> list[dict[str, Any]]:
        chips = []
        for active in asked.filters or ():
            index, label, value = active
            chosen = (self._filters or [])[index]
            options = {str(key): str(shown) for key, shown in chosen.get_options(self) or ()}
            others = [one for one in asked.filters if one is not active]
            chips.append(
                {
                    "label": f"{label} {chosen.operation()}",
                    "value": options.get(value, value),
                    "url": self._get_list_url(asked.clone(page=0, filters=others)),
                }
            )
        return chips

    def _pages(self, asked: ViewArgs, total: int, shown: int) -> Pages:
        before = asked.page * asked.page_size
        reachable = min(total, DEEPEST)
        sizes = [
            (size, self._get_list_url(asked.clone(page=0, page_size=size)), size == asked.page_size)
            for size in self.page_size_options
        ]
        return Pages(
            first=before + 1 if shown else 0,
            last=before + shown if shown else 0,
            total=number(total),
            estimate=g.list_estimated,
            previous_url=self._get_list_url(asked.clone(page=asked.page - 1)) if asked.page else None,
            next_url=self._get_list_url(asked.clone(page=asked.page + 1)) if before + shown < reachable else None,
            sizes=sizes if self.can_set_page_size and total > min(self.page_size_options) else [],
        )

    def _action_options(self, actions: Sequence[tuple[str, str]], questions: Mapping[str, str]) -> list[dict[str, str]]:
        options = []
        for name, label in actions:
            question, _break, consequences = str(questions.get(name, "")).partition("\n")
            tone, icon = self.action_looks.get(name, ("", ""))
            words = {"name": name, "label": label, "question": question, "consequences": consequences}
            options.append({**words, "tone": tone, "icon": icon})
        return options
