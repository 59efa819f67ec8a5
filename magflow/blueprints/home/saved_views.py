"""Saved views of lists: a menu above each list, a page to save, rename, share and delete them, and the list's opening.

A list takes part by an entry in `LISTS` and by `saved_views('products')` of templates/views/parts.html in its tools. A
view is what stands behind the question mark of the list's address, so every filter and order that a list learns is part
of its views by itself.
"""

from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.roles import MANAGER, OWNER
from magflow.queries import saved_views as reads
from magflow.queries.saved_views import ViewRow
from magflow.services import saved_views
from magflow.services.saved_views import ChangeView, SaveView, kept_query
from magflow.web import auth, border
from magflow.web.columns import COLUMNS
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.locale import _, _l
from magflow.web.permissions import allowed, requires

blueprint = Blueprint("saved_views", __name__)


@dataclass(frozen=True)
class SavableList:
    """A list whose views can be saved."""

    label: Any
    endpoint: str
    permission: str


LISTS: Final = {
    "products": SavableList(_l("Products"), "products.index", "catalog:read"),
    "variants": SavableList(_l("Variants"), "admin_variants.index_view", "catalog:read"),
    "orders": SavableList(_l("Orders"), "orders.index", "orders:read"),
}
BY_ENDPOINT: Final = {known.endpoint: name for name, known in LISTS.items()}


class ViewForm(border.Query):
    name = border.Text(most=80, required=True)
    query = border.Text(most=3_000, least=0)
    shared = border.Boolean()
    default = border.Boolean()


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


def _list(name: str) -> SavableList:
    known = LISTS.get(name)
    if known is None:
        abort(404)
    if not allowed(known.permission, auth.visitor().scopes):
        abort(403)
    return known


def _may_share() -> bool:
    return auth.visitor().role in {OWNER, MANAGER}


def view_url(list_: str, view: ViewRow) -> str:
    """Where a view opens its list."""
    return f"{url_for(LISTS[list_].endpoint)}?{view.query or 'saved=none'}"


@blueprint.app_context_processor
def for_templates() -> dict[str, Any]:
    """What the menu above a list asks for."""
    return {"saved_views_of": _of_list}


def _of_list(name: str) -> dict[str, Any]:
    query = kept_query(request.query_string.decode("ascii", "ignore"))
    views = reads.views(reading(), name, auth.visitor().id)
    chosen = next((view for view in views if view.query == query and query), None)
    return {
        "views": [(view, view_url(name, view)) for view in views],
        "chosen": chosen,
        "all_url": f"{url_for(LISTS[name].endpoint)}?saved=none",
        "save_url": url_for("saved_views.index", name=name, query=query),
        "manage_url": url_for("saved_views.index", name=name),
        "savable": bool(query) and chosen is None,
    }


@blueprint.before_app_request
def write_columns_once() -> ResponseReturnValue | None:
    """The boxes of the columns' menu send a name for each: the address says them in one word, so that views compare."""
    if (
        request.method != "GET"
        or len(named := request.args.getlist(COLUMNS)) < 2
        or request.endpoint not in BY_ENDPOINT
    ):
        return None
    others = [(name, value) for name, value in request.args.items(multi=True) if name != COLUMNS]
    return redirect(f"{request.path}?{urlencode([*others, (COLUMNS, '.'.join(named))])}")


@blueprint.before_app_request
def open_with_default() -> ResponseReturnValue | None:
    """A list that is opened from elsewhere, without a word on what it shall show, opens with the person's own view."""
    name = BY_ENDPOINT.get(request.endpoint or "")
    if name is None or request.method != "GET" or request.query_string or auth.visitor().kind != "user":
        return None
    if urlsplit(request.referrer or "").path == request.path:
        return None  # "All", or a search that was cleared: just that
    query = reads.default_query(reading(), name, auth.visitor().id)
    return redirect(f"{request.path}?{query}") if query else None


@blueprint.get("/views/<name>")
@requires("self")
def index(name: str) -> ResponseReturnValue:
    """The views of a list; with a query, the form that saves it as one."""
    return _page(name, Form())


def _page(name: str, form: Form) -> ResponseReturnValue:
    known = _list(name)
    query = form.text("query") if form.was_sent else request.args.get("query", "")
    views = reads.views(reading(), name, auth.visitor().id)
    page = show(
        "views/index.html",
        name=name,
        label=known.label,
        form=form,
        query=kept_query(query),
        views=[(view, view_url(name, view)) for view in views],
        may_share=_may_share(),
        back_url=f"{url_for(known.endpoint)}?{kept_query(query) or 'saved=none'}",
    )
    return page, form.status


@blueprint.post("/views/<name>")
@requires("self")
def save(name: str) -> ResponseReturnValue:
    """Save the list as it is."""
    known = _list(name)
    form = Form.sent(ViewForm())
    if form.ok:
        query = form["query"] or ""

        def work(session: Session, actor: Actor) -> Landing:
            shared = bool(form["shared"]) and _may_share()
            command = SaveView(name, form["name"], query, shared, bool(form["default"]))
            view = saved_views.save.within(session, command, actor=actor)
            return Landing(f"{url_for(known.endpoint)}?{view.query or 'saved=none'}", _("The view is saved."))

        if (answer := form.once(work)) is not None:
            return answer
    return _page(name, form)


@blueprint.post("/views/<name>/<int:view_id>")
@requires("self")
def change(name: str, view_id: int) -> ResponseReturnValue:
    """Rename a view, share it, open the list with it."""
    _list(name)
    form = Form.sent(ViewForm())
    back = url_for("saved_views.index", name=name)

    def work(session: Session, actor: Actor) -> Landing:
        shared = bool(form["shared"]) if _may_share() else None
        saved_views.change.within(session, ChangeView(view_id, form["name"] or "", shared), actor=actor)
        return Landing(back, _("The view is saved."))

    return act(work, back)


@blueprint.post("/views/<name>/<int:view_id>/open")
@requires("self")
def open_with(name: str, view_id: int) -> ResponseReturnValue:
    """Let the list open with a view, or no longer."""
    _list(name)
    back = url_for("saved_views.index", name=name)
    default = request.form.get("default") == "true"

    def work(session: Session, actor: Actor) -> Landing:
        saved_views.open_with.within(session, view_id, default, actor=actor)
        return Landing(
            back, _("The list opens with it from now on.") if default else _("The list opens with everything.")
        )

    return act(work, back)


@blueprint.post("/views/<name>/<int:view_id>/delete")
@requires("self")
def delete(name: str, view_id: int) -> ResponseReturnValue:
    """Forget a view."""
    _list(name)
    back = url_for("saved_views.index", name=name)
    if (asking := ask_first(_("Delete this view?"), [_("What it lists stays.")], _("Delete"), back)) is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        gone = saved_views.remove.within(session, view_id, actor=actor)
        return Landing(back, _("The view %(name)s is deleted.", name=gone))

    return act(work, back)
