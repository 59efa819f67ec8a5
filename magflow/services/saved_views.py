"""Lists as people leave them: named, opened again, shared with the others of the shop."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyTaken, FieldError, Invalid, NotFound
from magflow.models import SavedView, SavedViewDefault

MOST: Final = 50
"""Views of one person for one list."""
LONGEST_QUERY: Final = 2_000
PASSING: Final = frozenset({"at", "page", "saved"})
"""Where in a list somebody is, which is no part of a view."""


@dataclass(frozen=True)
class SaveView:
    """`query` is what stands behind the question mark; `default`: the list opens with it from now on."""

    list: str
    name: str
    query: str
    shared: bool = False
    default: bool = False


@dataclass(frozen=True)
class ChangeView:
    """`shared` and `default` stay as they are when they are None."""

    view_id: int
    name: str
    shared: bool | None = None
    default: bool | None = None


def kept_query(query: str) -> str:
    """The part of an address that is kept: filters, order, columns, rows a page; not the place in the list."""
    pairs = [(name, value) for name, value in parse_qsl(query) if name not in PASSING]
    return urlencode(pairs)


@transactional
def save(session: Session, command: SaveView, *, actor: Actor) -> SavedView:
    """Keep a list as it is now, for the person who asks. Raises Invalid, AlreadyTaken."""
    query = kept_query(command.query)
    if len(query) > LONGEST_QUERY:
        raise Invalid([FieldError("name", "too_long", {"limit": LONGEST_QUERY})])
    own = select(func.count()).where(SavedView.user_id == actor.id, SavedView.list == command.list)
    if (session.scalar(own) or 0) >= MOST:
        raise Invalid([FieldError("name", "too_many", {"limit": MOST})])
    _check_name(session, actor, command.list, command.name)
    view = SavedView(user_id=actor.id, list=command.list, name=command.name.strip(), query=query, shared=command.shared)
    session.add(view)
    session.flush()
    if command.default:
        _make_default(session, view, actor)
    return view


@transactional
def change(session: Session, command: ChangeView, *, actor: Actor) -> SavedView:
    """Rename one's own view, share it or not; open the list with it or not. Raises NotFound, Invalid, AlreadyTaken."""
    view = _own(session, command.view_id, actor)
    if view.name != command.name.strip():
        _check_name(session, actor, view.list, command.name, view.id)
        view.name = command.name.strip()
    if command.shared is not None:
        view.shared = command.shared
    if command.default is not None:
        open_with.within(session, view.id, command.default, actor=actor)
    session.flush()
    return view


@transactional
def open_with(session: Session, view_id: int, default: bool, *, actor: Actor) -> None:
    """Let a list open with this view, one's own or a shared one, or do so no longer. Raises NotFound."""
    view = session.get(SavedView, view_id)
    if view is None or (view.user_id != actor.id and not view.shared):
        raise NotFound("view", view_id)
    if default:
        _make_default(session, view, actor)
    else:
        session.execute(
            delete(SavedViewDefault).where(
                SavedViewDefault.user_id == actor.id, SavedViewDefault.saved_view_id == view.id
            )
        )


@transactional
def remove(session: Session, view_id: int, *, actor: Actor) -> str:
    """Forget one's own view. Returns its name. Raises NotFound."""
    view = _own(session, view_id, actor)
    session.delete(view)
    session.flush()
    return view.name


def _own(session: Session, view_id: int, actor: Actor) -> SavedView:
    view = session.get(SavedView, view_id)
    if view is None or view.user_id != actor.id:
        raise NotFound("view", view_id)
    return view


def _check_name(session: Session, actor: Actor, list_: str, name: str, but: int = 0) -> None:
    if not name.strip():
        raise Invalid([FieldError("name", "required")])
    taken = select(SavedView.id).where(
        SavedView.user_id == actor.id,
        SavedView.list == list_,
        func.lower(SavedView.name) == func.lower(name.strip()),
        SavedView.id != but,
    )
    if session.scalar(taken) is not None:
        raise AlreadyTaken("name")


OPEN_WITH: Final = """
INSERT INTO saved_view_defaults (user_id, list, saved_view_id) VALUES (%(user)s, %(list)s, %(view)s)
ON CONFLICT (user_id, list) DO UPDATE SET saved_view_id = excluded.saved_view_id"""


def _make_default(session: Session, view: SavedView, actor: Actor) -> None:
    execute(session, OPEN_WITH, {"user": actor.id, "list": view.list, "view": view.id})
