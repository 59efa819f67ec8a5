"""Flask-Admin shows; services change. `ReadView` is the base of every list, `make_admin` the place where they hang.

    class OrderView(ReadView):
        permission = "orders:read"
        action_permissions = {"finalize": "orders:write"}
        column_list = ("number", "placed_at", "status", "total")
        numeric_columns = ("total",)
        list_tabs = (ListTab("", _l("All")), ListTab("late", _l("Late"), lambda: Order.ship_by < func.now()))

        @action("finalize", _l("Confirm"), _l("Confirm these orders?\\nTheir stock is taken."))
        def finalize(self, ids: list[int]) -> None: ...

Flask-Admin's own create, edit, inline edit, delete, mass delete, export and look-up are not registered at all, and the
methods behind them raise: each commits by itself, past the services. The pages are MagFlow's (templates/admin/), so no
list needs a script of Flask-Admin's. Tables with one whole-number key only, which every table of MagFlow that is
listed has.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, ClassVar, Final, NoReturn

from flask import Flask, abort, flash, g, redirect, request
from flask_admin import Admin, BaseView, expose
from flask_admin.contrib.sqla import ModelView
from flask_admin.model.base import ViewArgs
from flask_admin.theme import Theme
from sqlalchemy import BigInteger, Integer, SmallInteger, inspect
from werkzeug.wrappers import Response

from magflow.db import db
from magflow.domain.border import INT64_MAX, MONEY_MAX, Unfit, integer, text
from magflow.queries import paging
from magflow.web import columns
from magflow.web.auth import visitor
from magflow.web.list_page import DEEPEST, FORMATTERS, ListPage
from magflow.web.locale import _
from magflow.web.permissions import allowed
from magflow.web.security import safe_target

LONGEST: Final = 200
"""Characters of a search or of a filter's value."""

CLOSED: Final = frozenset({"create_view", "edit_view", "delete_view", "export", "ajax_lookup", "ajax_update"})
"""What Flask-Admin registers by itself and ReadView does not, whatever `can_create` and its like say."""


class _Guarded:
    """What MagFlow changes about every Flask-Admin view."""

    permission: ClassVar[str | None] = None
    """The scope that every route of the view needs; None serves nobody."""
    permissions: ClassVar[Mapping[str, str]] = {}
    """The scope of single routes, by the name of their method."""

    def is_accessible(self) -> bool:
        """Asked by Flask-Admin before each view and for its menu; the door has already asked the same."""
        return allowed(self.permission, visitor().scopes)

    def _run_view(self, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin calls a view again, with other arguments, when it raised a TypeError: an error inside it would be
        # hidden behind a second one, and whatever it did would be done twice.
        return view(self, *args, **kwargs)


class AdminRoot(_Guarded, BaseView):  # type: ignore[misc]
    """Flask-Admin wants a home page. MagFlow's own is /, and Flask-Admin's static files are served to nobody."""

    permission = "self"

    def __init__(self) -> None:
        super().__init__(name="MagFlow", endpoint="admin", url="/admin")

    @expose("/")  # type: ignore[untyped-decorator]
    def index(self) -> Response:
        """Send to Home."""
        return redirect("/")

    def is_visible(self) -> bool:
        """Not in any menu."""
        return False


def make_admin(app: Flask) -> Admin:
    """A new Flask-Admin in MagFlow's clothes. It and its views remember their application: make them anew for each."""
    # The folder names no theme of Flask-Admin's: a template that templates/admin/ does not have is an error in the
    # tests, not a Bootstrap page that needs inline scripts.
    theme = Theme(folder="none", base_template="admin/base.html")
    return Admin(app, name="MagFlow", index_view=AdminRoot(), theme=theme)


class ReadView(_Guarded, ListPage, ModelView):  # type: ignore[misc]
    """A list and its details. Everything that writes is an action, which calls a service, or a page of its own."""

    can_create = can_edit = can_delete = can_export = False
    can_view_details = True
    column_display_actions = False
    column_editable_list = None
    page_size = 50
    page_size_options = (25, 50, 100)
    can_set_page_size = True
    column_type_formatters = FORMATTERS
    column_type_formatters_detail = FORMATTERS
    # A macro of the list's template is unknown to the template of the details.
    column_formatters_detail: ClassVar[Mapping[str, Any]] = {}

    action_permissions: ClassVar[Mapping[str, str]] = {}
    """The scope that a batch action needs, by its name; without one it needs what the view needs."""
    loading: ClassVar[Sequence[Any]] = ()
    """Loader options of the list, such as `joinedload(Variant.product)`: a relation that is shown is named here."""

    _actions_data: dict[str, tuple[Any, str, str | None]]
    _urls: list[tuple[str, str, Any]]

    def __init__(self, model: type[Any], **options: Any) -> None:
        super().__init__(model, db, **options)
        closed = set(CLOSED)
        if not self._actions:
            closed.add("action_view")
        if not self.can_view_details:
            closed.add("details_view")
        # create_blueprint registers what stands here: what is closed has no address at all.
        self._urls = [route for route in self._urls if route[1] not in closed]

    # --- rows ---------------------------------------------------------------------------------------------------------

    def visible_rows(self) -> Any:
        """The rows that this view may show to this person. The list, its count and a single row all start from it."""
        return super().get_query()

    def get_query(self) -> Any:
        """The rows of the chosen tab."""
        tab = self.current_tab()
        query = self.visible_rows()
        return query.filter(tab.where()) if tab is not None and tab.where is not None else query

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        """One visible row, or None: another person's row and a missing one are the same."""
        return self.visible_rows().filter(self._key_column().in_(self.keys([id]))).one_or_none()

    def keys(self, ids: Sequence[object]) -> list[int]:
        """Row ids as numbers, each once; 404 for one that is none. psycopg compares no text with a number."""
        found: dict[int, None] = {}
        for value in ids:
            try:
                found[integer(value, least=1, most=INT64_MAX, as_text=isinstance(value, str))] = None
            except Unfit:
                abort(404)
        return list(found)

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
        """How many rows there are, beyond DEEPEST an estimate, and those of the page in an order without ties."""
        query = self.get_query()
        joins: dict[Any, Any] = {}
        if search and self._search_supported:
            query, _count, joins, _count_joins = self._apply_search(query, None, joins, {}, search)
        if filters and self._filters:
            query, _count, joins, _count_joins = self._apply_filters(query, None, joins, {}, filters)
        total, g.list_estimated = paging.counted(db.session(), query.statement)
        query, joins = self._apply_sorting(query.options(*self.loading), joins, sort_column, sort_desc)
        query = self._apply_pagination(self._without_ties(query, sort_column, sort_desc), page, page_size)
        return total, (query.all() if execute else query)

    def scaffold_list_columns(self) -> list[str]:
        """The table's own columns: a relation that nobody named would be loaded row by row."""
        return [column.key for column in inspect(self.model).column_attrs]

    def get_list_row_actions(self) -> list[Any]:
        """Only those that a view declares: the first column already opens the row."""
        return list(self.column_extra_row_actions or ())

    def scaffold_auto_joins(self) -> list[Any]:
        """No hidden joins: see `loading`."""
        return []

    def _without_ties(self, query: Any, sort_column: Any, sort_desc: bool) -> Any:
        # Rows that compare equal would come in any order, and one of them on two pages or on none.
        descending = sort_desc if sort_column is not None else self._default_descends()
        key = self._key_column()
        return query.order_by(key.desc() if descending else key.asc())

    def _default_descends(self) -> bool:
        order = self.column_default_sort
        if isinstance(order, list):
            order = order[-1] if order else None
        return isinstance(order, tuple) and bool(order[1])

    def _key_column(self) -> Any:
        return getattr(self.model, self._primary_key)

    # --- what the address says ----------------------------------------------------------------------------------------

    def _get_list_extra_args(self) -> ViewArgs:
        """Flask-Admin's arguments, with only values that can be meant: none may reach the database and fail there."""
        size = self.get_safe_page_size(_number("page_size"))
        sort = _number("sort")
        column = self._get_column_by_idx(sort)
        tab = self.current_tab()
        kept = {"view": tab.key if tab is not None else None, columns.COLUMNS: columns.asked(self.column_choice)}
        asked = ViewArgs(
            page=min(_number("page") or 0, DEEPEST // size - 1),
            page_size=size,
            sort=sort if column is not None and self.is_sortable(column[0]) else None,
            sort_desc=_number("desc"),
            search=_text("search"),
            filters=self._get_list_filter_args(),
            # Not whatever else the address holds: `_scheme` and `_external` would steer every link of the page.
            extra_args={name: value for name, value in kept.items() if value},
        )
        g.list_args = asked
        return asked

    def _get_list_filter_args(self) -> list[Any]:
        active = []
        for name in request.args:
            position, _mark, key = name.removeprefix("flt").partition("_")
            if not name.startswith("flt") or key not in (self._filter_args or {}):
                continue
            index, chosen = self._filter_args[key]
            value = _text(name)
            if value is not None and _acceptable(chosen, value):
                active.append((position, (index, str(chosen.name), value)))
            elif request.args[name].strip():
                refusal = _("This filter was left out, its value does not fit: %(name)s", name=chosen.name)
                flash(refusal, "warning")
        return [entry for _position, entry in sorted(active, key=lambda one: one[0])]

    def render(self, template: str, **context: Any) -> str:
        """Add what MagFlow's templates know beyond Flask-Admin's."""
        context["numeric"] = self.numeric_columns
        # Flask-Admin calls its look `theme`; in MagFlow's pages that word says light or dark.
        self._template_args.setdefault("theme", request.cookies.get("magflow_theme", "auto"))
        if template == self.list_template:
            context |= self.list_context(context)
        return str(super().render(template, **context))

    # --- actions ------------------------------------------------------------------------------------------------------

    def init_actions(self) -> None:
        """Flask-Admin's own mass delete is no action here."""
        super().init_actions()
        self._actions = [one for one in self._actions if one[0] != "delete"]
        self._actions_data.pop("delete", None)

    def is_action_allowed(self, name: str) -> bool:
        """Whether the action exists and this person may use it."""
        needed = self.action_permissions.get(name, self.permissions.get("action_view", self.permission))
        return name in self._actions_data and allowed(needed, visitor().scopes)

    def handle_action(self, return_view: str | None = None) -> Any:  # noqa: ARG002 - Flask-Admin's signature
        """Run a batch action on the ticked rows. An unknown or forbidden action, or an id that is none, is a 404."""
        name = request.form.get("action", "")
        if not self.is_action_allowed(name):
            abort(404)
        back = self._back(request.form.get("url"))
        if not (ids := self.keys(request.form.getlist("rowid"))):
            flash(_("Tick at least one row first."), "warning")
            return redirect(back)
        answer = self._actions_data[name][0](ids)
        return answer if answer is not None else redirect(back)

    @expose("/details/")  # type: ignore[untyped-decorator]
    def details_view(self) -> str:
        """One row. A missing one and one that this person may not see are the same 404."""
        row = self.get_one(request.args.get("id", ""))
        if row is None:
            abort(404)
        return self.render(
            self.details_template,
            model=row,
            details_columns=self._details_columns,
            get_value=self.get_detail_value,
            return_url=self._back(request.args.get("url")),
        )

    def _back(self, target: str | None) -> str:
        # The list with its filters and place, where it was told; never another site.
        path = safe_target(target)
        return path if path != "/" else str(self.get_url(".index_view"))

    # --- closed: each would commit by itself --------------------------------------------------------------------------

    def create_model(self, form: Any) -> NoReturn:
        """Closed."""
        raise NotImplementedError("call a service")

    def update_model(self, form: Any, model: Any) -> NoReturn:
        """Closed."""
        raise NotImplementedError("call a service")

    def delete_model(self, model: Any) -> NoReturn:
        """Closed."""
        raise NotImplementedError("call a service")

    def action_delete(self, ids: Any) -> NoReturn:
        """Closed."""
        raise NotImplementedError("call a service")

    def handle_view_exception(self, exc: Exception) -> NoReturn:
        """Flask-Admin would show `str(exc)` to the person; the error page shows nothing of it."""
        raise exc


def _number(name: str) -> int | None:
    try:
        return integer(request.args.get(name, ""), least=0, most=10**6, as_text=True)
    except Unfit:
        return None


def _text(name: str) -> str | None:
    try:
        return text(request.args.get(name, ""), most=LONGEST)
    except Unfit:
        return None


def _acceptable(chosen: Any, value: str) -> bool:
    """Whether a filter's value can be compared with its column at all: Flask-Admin only asks whether it converts."""
    try:
        if not chosen.validate(value):
            return False
        cleaned = chosen.clean(value)
    except (ArithmeticError, TypeError):
        # Its filters only expect ValueError of their own conversions.
        return False
    column = getattr(getattr(chosen, "column", None), "type", None)
    return all(_fits(column, one) for one in (cleaned if isinstance(cleaned, list) else [cleaned]))


def _fits(column: Any, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    if isinstance(column, Integer):
        bits = 15 if isinstance(column, SmallInteger) else 63 if isinstance(column, BigInteger) else 31
        return -(1 << bits) <= value < 1 << bits
    return isfinite(value) and bool(abs(value) <= MONEY_MAX)
