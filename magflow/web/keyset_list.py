"""A list of Flask-Admin that is paged by key, for tables where OFFSET would read thousands of rows to skip them.

The address keeps the ids behind which each page began (`at=4120-4070`), as the lists of `magflow.web.listing` do. What
such a row is sorted by is read when its page is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from flask import flash, g, request
from flask_admin.model.base import ViewArgs
from sqlalchemy import Select, select

from magflow.db import db
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.queries import paging
from magflow.web.admin import ReadView
from magflow.web.list_page import Pages
from magflow.web.locale import _, number

LONGEST_TRAIL: Final = 60
"""Pages that can be walked back; behind them "previous" leads to the first page."""


class KeysetList(ReadView):
    """A `ReadView` whose pages begin behind a key."""

    orders: ClassVar[Mapping[str | None, paging.Columns]] = {}
    """What the list is sorted by, per sortable column, and its own order under None. Each has an index."""
    short_orders: ClassVar[Mapping[str, paging.Columns]] = {}
    """Orders without an index: for lists that are short enough to be counted."""

    def bound(self) -> int:
        """Rows up to which this list is counted."""
        return paging.EXACT_UP_TO

    def _get_list_extra_args(self) -> ViewArgs:
        asked = super()._get_list_extra_args()
        g.list_trail = _trail()
        asked.page = len(g.list_trail)
        return asked

    def _get_list_url(self, view_args: ViewArgs) -> str:
        # A page that is named by number is this one, or the first one of another list.
        trail = g.list_trail if view_args.page else []
        return self._at(view_args, trail)

    def _at(self, view_args: ViewArgs, trail: Sequence[int]) -> str:
        extra = {**view_args.extra_args}
        if trail:
            extra["at"] = "-".join(map(str, trail[-LONGEST_TRAIL:]))
        return str(super()._get_list_url(view_args.clone(page=0, extra_args=extra)))

    def get_list(
        self,
        page: int | None,
        sort_column: Any,
        sort_desc: bool,
        search: str | None,
        filters: Sequence[Any] | None,
        execute: bool = True,
        page_size: int | None = None,
    ) -> tuple[int, Any]:
        """How many rows there are, and those of the page."""
        if not execute:
            return super().get_list(page, sort_column, sort_desc, search, filters, execute, page_size)
        query, joins = self.get_query(), dict[Any, Any]()
        if search:
            query, _count, joins, _count_joins = self._apply_search(query, None, joins, {}, search)
        if filters:
            query, _count, joins, _count_joins = self._apply_filters(query, None, joins, {}, filters)
        narrowed = bool(search or filters or self.current_tab_narrows())
        statement = query.with_entities(self._key_column()).statement
        order, descending = self._order(statement, sort_column, sort_desc, narrowed)
        found = paging.keyed(
            db.session(),
            statement,
            order,
            descending=descending,
            after=self._after(order),
            limit=page_size or self.page_size,
            count=narrowed,
            exact_up_to=self.bound(),
        )
        g.list_estimated, g.list_next = found.total_is_estimate, found.next_key
        keys = [row[-1] for row in found.rows]
        loaded = self.visible_rows().options(*self.loading).filter(self._key_column().in_(keys))
        by_key = {getattr(row, self._primary_key): row for row in loaded}
        return found.total, [by_key[key] for key in keys if key in by_key]

    def current_tab_narrows(self) -> bool:
        """Whether the chosen tab leaves anything out."""
        tab = self.current_tab()
        return tab is not None and tab.where is not None

    def _order(
        self, statement: Select[Any], column: str | None, descending: bool, narrowed: bool
    ) -> tuple[paging.Columns, bool]:
        if column in self.orders:
            return self.orders[column], descending if column is not None else self._default_descends()
        if column is not None and column in self.short_orders:
            total = self.bound() + 1 if not narrowed else paging.counted(db.session(), statement)[0]
            if total <= self.bound():
                return self.short_orders[column], descending
            most = number(self.bound())
            flash(
                _("Too long to be sorted like this: narrow the list to at most %(most)s rows first.", most=most), "info"
            )
        return self.orders[None], self._default_descends()

    def _after(self, order: paging.Columns) -> Sequence[Any] | None:
        if not g.list_trail:
            return None
        row = db.session().execute(select(*order).where(self._key_column() == g.list_trail[-1])).one_or_none()
        if row is None:  # it was removed meanwhile: from the beginning
            g.list_trail = []
        return row

    def _pages(self, asked: ViewArgs, total: int, shown: int) -> Pages:
        before = len(g.list_trail) * asked.page_size
        sizes = [
            (size, self._at(asked.clone(page_size=size), []), size == asked.page_size)
            for size in self.page_size_options
        ]
        return Pages(
            first=before + 1 if shown else 0,
            last=before + shown if shown else 0,
            total=number(total),
            estimate=g.list_estimated,
            previous_url=self._at(asked, g.list_trail[:-1]) if g.list_trail else None,
            next_url=self._at(asked, [*g.list_trail, g.list_next[-1]]) if g.list_next else None,
            sizes=sizes if self.can_set_page_size and total > min(self.page_size_options) else [],
        )


def _trail() -> list[int]:
    given = request.args.get("at", "")
    try:
        return [integer(one, least=1, most=INT64_MAX, as_text=True) for one in given.split("-")[:LONGEST_TRAIL] if one]
    except Unfit:
        return []
