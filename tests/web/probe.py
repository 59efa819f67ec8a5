"""An area as a package from outside would bring it: small endpoints that show what the API's foundation does."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import Schema, fields
from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.concurrency import transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import InsufficientStock, NotFound, RetryLater, Shortage
from magflow.web.api import ApiBlueprint, PageQuery, id_after, page_meta, perform, success
from magflow.web.areas import Area
from magflow.web.border import (
    Body,
    Boolean,
    Day,
    Email,
    Id,
    Integer,
    ListOf,
    LongText,
    Moment,
    Money,
    Nested,
    OneOf,
    Percent,
    Quantity,
    Text,
)
from magflow.web.permissions import requires
from magflow.web.security import largest_body

gate = threading.Event()
"""Set: work goes through. Cleared: a slow call waits inside its transaction."""
gate.set()
inside = threading.Event()
"""Set when a slow call holds its transaction open."""


@dataclass(frozen=True)
class Note:
    key: str
    value: str = "1"
    outcome: str = "done"


@dataclass(frozen=True)
class Noted:
    key: str
    times: int


@transactional
def note(session: Session, command: Note, *, actor: Actor) -> Noted:
    """Count how often a key was noted, then go well or badly as asked."""
    times = session.execute(
        text(
            "INSERT INTO settings (key, value) VALUES (:key, '1') ON CONFLICT (key) "
            "DO UPDATE SET value = to_jsonb((settings.value #>> '{}')::int + 1) RETURNING (value #>> '{}')::int"
        ),
        {"key": f"probe.{command.key}"},
    ).scalar_one()
    if command.outcome == "slow":
        inside.set()
        gate.wait(10)
    if command.outcome == "refused":
        raise InsufficientStock([Shortage(1, "MUG", 3, 1)])
    if command.outcome == "missing":
        raise NotFound("variant", 7)
    if command.outcome == "later":
        raise RetryLater("lock_timeout")
    if command.outcome == "bug":
        raise RuntimeError("SELECT secret FROM shop")
    return Noted(command.key, times)


class NoteIn(Body):
    key = Text(required=True)
    value = Text()
    outcome = OneOf(("done", "slow", "refused", "missing", "later", "bug"))


class NotedOut(Schema):
    key = fields.String(required=True)
    times = fields.Integer(required=True)


class LineIn(Body):
    variant_id = Id(required=True)
    quantity = Quantity(required=True)


class EverythingIn(Body):
    name = Text(most=40)
    note = LongText()
    email = Email()
    count = Integer(least=-5, most=5)
    price = Money()
    rate = Percent()
    flag = Boolean()
    day = Day()
    at = Moment()
    kind = OneOf(("a", "b"))
    lines = ListOf(Nested(LineIn), most=3)


class NotesQuery(PageQuery):
    q = Text()


def probe_area() -> Area:
    """Made anew for each application, as blueprints remember where they were registered."""
    api = ApiBlueprint("api_probe", __name__, description="Probes")
    pages = Blueprint("probe", __name__)

    @api.post("/notes")
    @requires("catalog:write")
    @api.reads(NoteIn)
    @api.answers(NotedOut, status=201)
    def make_note(data: dict[str, Any]) -> Response:
        """Note something."""
        return perform(note, Note(**data), present=lambda _session, done: vars(done), created=True)

    @api.post("/notes/<int:note_id>/touch")
    @requires("catalog:write")
    @api.answers(NotedOut)
    def touch(note_id: int) -> Response:
        """Note by number."""
        return perform(note, Note(str(note_id)), present=lambda _session, done: vars(done))

    @api.get("/notes")
    @requires("catalog:read")
    @api.filters(NotesQuery)
    @api.answers(NotedOut, many=True)
    def list_notes(query: dict[str, Any]) -> Response:
        """Some numbers, a page at a time."""
        after, limit = id_after(query), query["limit"]
        rows = [n for n in range(1, 121) if n > after][:limit]
        more = rows and rows[-1] < 120
        return success([{"key": str(n), "times": n} for n in rows], meta=page_meta(120, [rows[-1]] if more else None))

    @api.post("/everything")
    @requires("catalog:write")
    @api.reads(EverythingIn)
    @api.answers(None)
    def everything(data: dict[str, Any]) -> Response:
        """Say back what was understood."""
        return success(data)

    @api.get("/whoami")
    @requires("self")
    @api.answers(None)
    def whoami() -> Response:
        """Who asked."""
        from magflow.web.auth import current_actor

        return success(vars(current_actor()))

    @api.get("/forgotten")
    @api.answers(None)
    def forgotten() -> Response:
        """Declares no permission."""
        return success({})

    @pages.get("/probe/forgotten")
    def forgotten_page() -> str:
        return "never seen"

    @pages.get("/probe/orders")
    @requires("orders:write")
    def orders_page() -> str:
        return "orders"

    @pages.post("/probe/upload")
    @requires("imports:write")
    @largest_body(5_000_000)
    def upload() -> str:
        return str(len(request.files["file"].read()))

    @pages.get("/probe/bug")
    @requires("self")
    def bug() -> str:
        raise RuntimeError("SELECT secret FROM shop")

    return Area("probe", blueprints=(pages,), api=(api,))
