"""What the owner decides: who may come in, as what, and which programs."""

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.blueprints.settings.profile import freshly_signed_in
from magflow.db import db
from magflow.domain.border import Unfit, integer
from magflow.domain.errors import FieldError, Invalid, Refused
from magflow.domain.roles import ROLES, SCOPES, VIEWER
from magflow.queries import access
from magflow.services import tokens, users
from magflow.web.auth import current_actor, visitor
from magflow.web.locale import _, _l, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences, sentence

ROLE_WORDS: Final[dict[str, Any]] = {
    "owner": (_l("Owner"), _l("Everything, people and tokens included.")),
    "manager": (_l("Manager"), _l("Everything but people and tokens.")),
    "clerk": (_l("Clerk"), _l("Orders and stock; the catalogue to read.")),
    "viewer": (_l("Viewer"), _l("Reads everything, changes nothing.")),
}

SCOPE_WORDS: Final[dict[str, Any]] = {
    "catalog:read": _l("Read products and variants"),
    "catalog:write": _l("Change products and variants"),
    "orders:read": _l("Read orders"),
    "orders:write": _l("Take, change and confirm orders"),
    "stock:read": _l("Read stock and its movements"),
    "stock:write": _l("Adjust stock"),
    "imports:read": _l("Read imports and exports"),
    "imports:write": _l("Import files"),
    "admin": _l("People, tokens, hard deletes"),
}


def register(blueprint: Blueprint) -> None:
    """Add the pages to the area's blueprint."""
    blueprint.get("/settings/users", endpoint="users")(users_page)
    blueprint.post("/settings/users")(invite)
    blueprint.get("/settings/users/<int:user_id>")(user_page)
    blueprint.post("/settings/users/<int:user_id>/role")(change_role)
    blueprint.post("/settings/users/<int:user_id>/active")(set_active)
    blueprint.post("/settings/users/<int:user_id>/sign-out")(sign_out_everywhere)
    blueprint.post("/settings/users/<int:user_id>/password")(new_password)
    blueprint.get("/settings/tokens", endpoint="tokens")(tokens_page)
    blueprint.post("/settings/tokens")(make_token)
    blueprint.post("/settings/tokens/<int:token_id>/revoke")(revoke)


# --- people ----------------------------------------------------------------------------------------------------------


@requires("admin")
@freshly_signed_in
def users_page() -> ResponseReturnValue:
    """Everybody who may come in."""
    return _users_page({})


def _users_page(errors: dict[str, list[str]], link: dict[str, str] | None = None) -> str:
    return render_template(
        "settings/users.html",
        people=access.people(db.session()),
        roles=[(role, *ROLE_WORDS[role]) for role in ROLES],
        role_words=ROLE_WORDS,
        chosen=request.form.get("role", VIEWER),
        errors=errors,
        link=link,
    )


@requires("admin")
@freshly_signed_in
def invite() -> ResponseReturnValue:
    """Make an account and show the link where its person chooses a password; it is shown once."""
    form = request.form
    command = users.CreateUser(form.get("email", ""), form.get("role", ""), name=form.get("name") or None)
    try:
        user, path = users.invite(command, actor=current_actor())
    except Refused as refused:
        errors = field_sentences(refused) or {"email": [sentence(refused)]}
        return _users_page(errors), refused.status
    return _users_page({}, {"email": user.email, "url": request.host_url.rstrip("/") + path})


@requires("admin")
@freshly_signed_in
def user_page(user_id: int) -> ResponseReturnValue:
    """One person: role, browsers, password."""
    return _user_page(user_id)


def _user_page(user_id: int, link: str | None = None) -> str:
    return render_template(
        "settings/user.html",
        person=access.person(db.session(), user_id),
        roles=[(role, *ROLE_WORDS[role]) for role in ROLES],
        role_words=ROLE_WORDS,
        link=link,
        own=visitor().id == user_id,
    )


@requires("admin")
@freshly_signed_in
def change_role(user_id: int) -> ResponseReturnValue:
    """Another role; the person's sessions end at once."""
    command = users.ChangeRole(user_id, request.form.get("role", ""))
    return _done(user_id, lambda: users.change_role(command, actor=current_actor()), _("The role is changed."))


@requires("admin")
@freshly_signed_in
def set_active(user_id: int) -> ResponseReturnValue:
    """Let somebody in again, or no longer."""
    active = request.form.get("active") == "1"
    done = _("This person can sign in again.") if active else _("This person can no longer sign in.")
    return _done(user_id, lambda: users.set_active(users.SetActive(user_id, active), actor=current_actor()), done)


@requires("admin")
@freshly_signed_in
def sign_out_everywhere(user_id: int) -> ResponseReturnValue:
    """End every session of a person."""

    def work() -> str:
        ended = users.end_sessions(users.OfUser(user_id), actor=current_actor())
        return ngettext("Signed out of %(num)d browser.", "Signed out of %(num)d browsers.", ended)

    return _done(user_id, work)


@requires("admin")
@freshly_signed_in
def new_password(user_id: int) -> ResponseReturnValue:
    """A link where a person who forgot the password chooses a new one; it is shown once."""
    path = users.new_password_link(users.OfUser(user_id), actor=current_actor())
    return _user_page(user_id, request.host_url.rstrip("/") + path)


def _done(user_id: int, work: Callable[[], str | None], said: str | None = None) -> ResponseReturnValue:
    """Do it, say it, and show the person again; a refusal is said in words."""
    try:
        result = work()
    except Refused as refused:
        if refused.status == 404:
            raise
        flash(sentence(refused), "error")
    else:
        flash(said or result or "", "success")
    return redirect(url_for("settings.user_page", user_id=user_id), 303)


# --- API tokens ------------------------------------------------------------------------------------------------------


@requires("admin")
@freshly_signed_in
def tokens_page() -> ResponseReturnValue:
    """Every API token."""
    return _tokens_page({})


def _tokens_page(errors: dict[str, list[str]], made: tokens.NewToken | None = None) -> str:
    return render_template(
        "settings/tokens.html",
        tokens=access.tokens(db.session()),
        scopes=[(scope, SCOPE_WORDS[scope]) for scope in SCOPES],
        chosen=request.form.getlist("scopes"),
        name=request.form.get("name", "") if errors else "",
        days=request.form.get("expires_days", str(tokens.DEFAULT_DAYS)),
        errors=errors,
        made=made,
    )


@requires("admin")
@freshly_signed_in
def make_token() -> ResponseReturnValue:
    """Make a token; it is shown once, and never again."""
    form = request.form
    try:
        days = integer(form.get("expires_days", ""), least=1, most=tokens.LONGEST_DAYS, as_text=True)
    except Unfit as unfit:
        refused = Invalid([FieldError("expires_days", unfit.code, unfit.params)])
        return _tokens_page(field_sentences(refused)), refused.status
    command = tokens.CreateToken(form.get("name", ""), form.getlist("scopes"), days, visitor().id)
    try:
        made = tokens.create_token(command, actor=current_actor())
    except Invalid as refused:
        return _tokens_page(field_sentences(refused)), refused.status
    return _tokens_page({}, made)


@requires("admin")
@freshly_signed_in
def revoke(token_id: int) -> ResponseReturnValue:
    """End a token at once."""
    tokens.revoke_token(tokens.RevokeToken(token_id), actor=current_actor())
    flash(_("The token is revoked; its next request is refused."), "success")
    return redirect(url_for("settings.tokens"), 303)
