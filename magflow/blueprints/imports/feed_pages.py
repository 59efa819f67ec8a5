"""Addresses that are fetched by the clock: what comes from where, when, and what was wrong with it."""

from flask import url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.imports import requests
from magflow.blueprints.imports.pages import blueprint
from magflow.blueprints.imports.words import fault_sentence
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.imports import layouts
from magflow.queries import imports
from magflow.services.imports import commands, feeds
from magflow.services.imports.feeds import EditFeed, FeedValues
from magflow.web import border
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.locale import _
from magflow.web.permissions import requires


class FeedForm(border.Query):
    """An address that is fetched."""

    name = border.Text(required=True, most=feeds.LONGEST_NAME)
    url = border.Text(required=True, most=feeds.LONGEST_URL)
    kind = border.OneOf(tuple(layouts.FIELDS), required=True)
    source = border.Text(required=True, most=commands.LONGEST_SOURCE)
    source_account = border.Text(most=commands.LONGEST_SOURCE)
    every_minutes = border.Integer(required=True, least=feeds.SHORTEST, most=feeds.LONGEST)
    active = border.Boolean()


@blueprint.get("/imports/addresses")
@requires("imports:read")
def addresses() -> ResponseReturnValue:
    """Every address, when it was fetched last, and what was wrong."""
    return _page(Form(), None)


@blueprint.get("/imports/addresses/<int:feed_id>")
@requires("admin")
def address(feed_id: int) -> ResponseReturnValue:
    """One address, to be changed."""
    return _page(Form(), feed_id)


def _page(form: Form, feed_id: int | None) -> ResponseReturnValue:
    session = db.session()
    edited = None if feed_id is None else imports.feed(session, feed_id)
    shown = show(
        "imports/addresses.html",
        form=form,
        edited=edited,
        feeds=imports.feeds(session),
        waiting=imports.waiting_of_feeds(session),
        sentence=fault_sentence,
    )
    return shown, form.status


@blueprint.post("/imports/addresses")
@requires("admin")
def add_address() -> ResponseReturnValue:
    """Fetch from here from now on."""
    return _save(None)


@blueprint.post("/imports/addresses/<int:feed_id>")
@requires("admin")
def change_address(feed_id: int) -> ResponseReturnValue:
    """Change where, what or how often."""
    return _save(feed_id)


def _save(feed_id: int | None) -> ResponseReturnValue:
    form = Form.sent(FeedForm())
    if form.ok:
        values = FeedValues(
            form["name"], form["url"], form["kind"], form["source"], form["every_minutes"],
            form["source_account"] or "default", bool(form["active"]) if feed_id is not None else True,
        )  # fmt: skip
        command = EditFeed(feed_id, values, requests.home(), tuple(feeds.allowed))

        def work(session: Session, actor: Actor) -> Landing:
            feeds.save.within(session, command, actor=actor)
            return Landing(url_for("imports.addresses"), _("It is fetched within a minute."))

        if (answer := form.once(work)) is not None:
            return answer
    return _page(form, feed_id)


@blueprint.post("/imports/addresses/<int:feed_id>/fetch")
@requires("imports:write")
def fetch_address(feed_id: int) -> ResponseReturnValue:
    """Fetch it now."""
    back = url_for("imports.addresses")

    def work(session: Session, actor: Actor) -> Landing:
        feeds.fetch_now.within(session, feed_id, requests.home(), actor=actor)
        return Landing(back, _("It is being fetched."))

    return act(work, back)


@blueprint.post("/imports/addresses/<int:feed_id>/remove")
@requires("admin")
def remove_address(feed_id: int) -> ResponseReturnValue:
    """Forget an address."""
    back = url_for("imports.addresses")
    question, kept = _("Fetch this address no more?"), [_("What was imported from it stays.")]
    if (asked := ask_first(question, kept, _("Remove"), back, tone="bad")) is not None:
        return asked

    def work(session: Session, actor: Actor) -> Landing:
        feeds.remove.within(session, feed_id, actor=actor)
        return Landing(back, _("Removed."))

    return act(work, back)
