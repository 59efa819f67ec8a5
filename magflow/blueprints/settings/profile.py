"""What everybody sets for themselves: name, language, password; and proving again who is there."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.blueprints.settings.entrance import browser, signed_in
from magflow.domain.errors import RateLimited, Refused
from magflow.services import passwords, users
from magflow.services import sign_in as doors
from magflow.web import auth, locale
from magflow.web.locale import _
from magflow.web.permissions import requires
from magflow.web.security import safe_target
from magflow.web.sentences import field_sentences, sentence

P = ParamSpec("P")


def register(blueprint: Blueprint) -> None:
    """Add the pages to the area's blueprint."""
    blueprint.get("/settings")(index)
    blueprint.get("/settings/profile")(profile)
    blueprint.post("/settings/profile")(save_profile)
    blueprint.post("/settings/password")(save_password)
    blueprint.get("/settings/confirm")(confirm)
    blueprint.post("/settings/confirm")(confirmed)


def freshly_signed_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Ask for the password again when it was given more than a quarter of an hour ago."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if auth.visitor().fresh:
            return view(*args, **kwargs)
        target = request.path if request.method == "GET" else request.form.get("back", url_for("settings.index"))
        return redirect(url_for("settings.confirm", next=target), 303)

    return guarded


@requires("self")
def index() -> ResponseReturnValue:
    """Settings begin with one's own."""
    return redirect(url_for("settings.profile"))


@requires("self")
def profile() -> ResponseReturnValue:
    """Name, language, password."""
    return _page({})


@requires("self")
def save_profile() -> ResponseReturnValue:
    """Save name and language."""
    who = auth.visitor()
    code = request.form.get("locale") or None
    command = users.ChangeProfile(who.id, request.form.get("name", ""), code)
    try:
        users.change_profile(command, actor=auth.current_actor())
    except Refused as refused:
        return _page(field_sentences(refused)), refused.status
    answer = redirect(url_for("settings.profile"), 303)
    if code is not None:
        locale.keep(answer, code)
    flash(_("Saved."), "success")
    return answer


@requires("self")
def save_password() -> ResponseReturnValue:
    """Another password: every browser is signed out, and this one gets a new session."""
    form, who, actor = request.form, auth.visitor(), auth.current_actor()
    if form.get("new", "") != form.get("again", ""):
        return _page({"again": [_("The two passwords differ; type them again.")]}), 422
    proof = doors.Proof(who.name, form.get("present", ""), browser())
    try:
        doors.change_password(doors.NewPassword(proof, form.get("new", "")), actor=actor)
    except RateLimited as refused:
        return _page({"present": [sentence(refused)]}), 429
    except Refused as refused:
        return _page(field_sentences(refused)), refused.status
    flash(_("Your password is changed. You were signed out everywhere else."), "success")
    opened = doors.open_browser(doors.OpenFor(who.id, browser()), actor=actor)
    return signed_in(opened, url_for("settings.profile"))


@requires("self")
def confirm() -> ResponseReturnValue:
    """Ask for the password again, before something that a borrowed browser must not do."""
    return render_template("settings/confirm.html", next=safe_target(request.args.get("next")))


@requires("self")
def confirmed() -> ResponseReturnValue:
    """The password was given again: a new session, and back to where it was asked for."""
    target = safe_target(request.form.get("next"))
    proof = doors.Proof(auth.visitor().name, request.form.get("password", ""), browser())
    try:
        opened = doors.sign_in(proof, instead_of=request.cookies[auth.cookie_name()])
    except RateLimited as refused:
        return render_template("settings/confirm.html", next=target, errors=[sentence(refused)]), 429
    if opened is None:
        errors = [_("This is not your present password.")]
        return render_template("settings/confirm.html", next=target, errors=errors), 422
    return signed_in(opened, target)


def _page(errors: dict[str, list[str]]) -> str:
    return render_template("settings/profile.html", errors=errors, minimum=passwords.SHORTEST)
