"""The saved views of a list that somebody sees: their own, and those that others share."""

from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from magflow.models import SavedView, SavedViewDefault, User


@dataclass(frozen=True)
class ViewRow:
    id: int
    name: str
    query: str
    shared: bool
    own: bool
    default: bool
    """Whether the list opens with it, for whoever asks."""
    owner: str


def views(session: Session, list_: str, user_id: int) -> list[ViewRow]:
    """By name, one's own first."""
    rows = session.execute(
        select(SavedView, SavedViewDefault.saved_view_id, User.name, User.email)
        .join(User, User.id == SavedView.user_id)
        .outerjoin(
            SavedViewDefault,
            and_(SavedViewDefault.saved_view_id == SavedView.id, SavedViewDefault.user_id == user_id),
        )
        .where(SavedView.list == list_, or_(SavedView.user_id == user_id, SavedView.shared))
        .order_by((SavedView.user_id == user_id).desc(), SavedView.name, SavedView.id)
    )
    return [
        ViewRow(
            view.id, view.name, view.query, view.shared, view.user_id == user_id, default is not None, name or email
        )
        for view, default, name, email in rows
    ]


def default_query(session: Session, list_: str, user_id: int) -> str | None:
    """The view with which a list opens for somebody; one that is no longer shared does not count."""
    return session.scalar(
        select(SavedView.query)
        .join(SavedViewDefault, SavedViewDefault.saved_view_id == SavedView.id)
        .where(
            SavedViewDefault.user_id == user_id,
            SavedViewDefault.list == list_,
            or_(SavedView.user_id == user_id, SavedView.shared),
        )
    )
