"""The ways in and out: signing in, one-time links, signing out, the language of somebody who is not signed in yet."""

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from magflow.domain.actors import Actor
from magflow.domain.errors import RateLimited, Refused
from magflow.services import passwords, users
from magflow.services import sign_in as doors
from magflow.web import auth, locale
from magflow.web.locale import _
from magflow.web.permissions import public, requires
from magflow.web.security import safe_target
from magflow.web.sentences import field_sentences, sentence

blueprint = Blueprint("settings", __name__)


def browser() -> doors.Browser:
    """Where the present request comes from."""
    return doors.Browser(auth.client_address(), request.user_agent.string, auth.request_id())


@blueprint.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """Ask who is there."""
    target = safe_target(request.args.get("next"))
    if auth.visitor().kind == "user":
        return redirect(target)
    return render_template("auth/sign_in.html", next=target, notice=plain_http_notice())


@blueprint.post("/sign-in")
@public
def let_in() -> ResponseReturnValue:
    """The way in: address and password belong together, and the account is not being guessed at."""
    email, password = request.form.get("email", "")[:254], request.form.get("password", "")
    target = safe_target(request.form.get("next"))
    try:
        opened = doors.sign_in(doors.Proof(email, password, browser()))
    except RateLimited as refused:
        page = render_template("auth/sign_in.html", email=email, next=target, error=sentence(refused))
        answer = make_response(page, 429)
        answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    if opened is not None:
        return signed_in(opened, target)
    error = _("E-mail and password do not belong together.")
    return render_template("auth/sign_in.html", email=email, next=target, error=error), 422


def signed_in(opened: str, target: str) -> Response:
    """The answer that signs a browser in; the form cookie of the stranger it was is not kept."""
    kept = session.get("_flashes")
    session.clear()
    if kept:
        session["_flashes"] = kept
    answer = redirect(target, 303)
    auth.set_cookie(answer, opened)
    return answer


@blueprint.post("/sign-out")
@requires("self")
def sign_out() -> ResponseReturnValue:
    """End this session."""
    doors.sign_out(request.cookies[auth.cookie_name()], actor=auth.current_actor())
    session.clear()
    flash(_("You are signed out."), "info")
    answer = redirect(url_for("settings.sign_in"), 303)
    auth.clear_cookie(answer)
    return answer


@blueprint.post("/language")
@public
def choose_language() -> ResponseReturnValue:
    """Remember a language: with the person, or with the browser of a stranger."""
    code = request.form.get("locale", "")
    answer = redirect(safe_target(request.form.get("next")), 303)
    if code not in locale.CODES:
        return answer
    who = auth.visitor()
    if who.kind == "user":
        users.change_profile(users.ChangeProfile(who.id, who.full_name, code), actor=auth.current_actor())
    locale.keep(answer, code)
    return answer


@blueprint.get("/setup/<token>")
@public
def setup(token: str) -> ResponseReturnValue:
    """What a one-time link is for."""
    return _setup_page(users.look_at_link(token), {})


@blueprint.post("/setup/<token>")
@public
def use_link(token: str) -> ResponseReturnValue:
    """Use a one-time link: the first owner's account, or a password for somebody who was invited."""
    link = users.look_at_link(token)
    form = request.form
    if form.get("password", "") != form.get("password_again", ""):
        return _setup_page(link, {"password_again": [_("The two passwords differ; type them again.")]}), 422
    email = link.email or form.get("email", "")
    stranger = Actor("system", email[:254] or "owner set-up", "admin", request_id=auth.request_id())
    try:
        user = users.set_up(users.SetUp(token, email, form.get("password", ""), form.get("name")), actor=stranger)
    except Refused as refused:
        errors = field_sentences(refused)
        if not errors:
            flash(sentence(refused), "error")
        return _setup_page(link, errors), refused.status
    actor = Actor("user", user.email, "admin", id=user.id, request_id=auth.request_id())
    opened = doors.open_browser(doors.OpenFor(user.id, browser()), actor=actor)
    flash(_("Welcome to MagFlow."), "success")
    return signed_in(opened, "/")


def _setup_page(link: users.OpenLink, errors: dict[str, list[str]]) -> str:
    shown = {
        "name": request.form.get("name", link.name or ""),
        "email": link.email or request.form.get("email", ""),
        "errors": errors,
        "minimum": passwords.SHORTEST,
        "notice": plain_http_notice(),
    }
    if link.purpose == "owner_setup":
        return render_template("auth/setup.html", **shown)
    return render_template(
        "auth/setup.html",
        title=_("Choose your password"),
        text=_("This link works once. Afterwards you sign in with your e-mail address and this password."),
        verb=_("Save the password"),
        email_fixed=True,
        **shown,
    )


def plain_http_notice() -> str | None:
    """Browsers keep our cookie for TLS only: without it nobody can sign in, and should be told why."""
    if request.is_secure or not auth.over_tls() or current_app.testing:
        return None
    return _("This page came over plain HTTP, so you cannot sign in. Open it through HTTPS, or on this machine itself.")
