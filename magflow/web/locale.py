"""Languages: which one an answer is in, and how it writes money, numbers and times (screens and terms, section 10).

The words of the code come through `_`, `_l` and `ngettext` of this module, which are typed; message ids are English.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, cast

import flask_babel
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from flask import Flask, current_app, g, has_request_context, request
from werkzeug.wrappers import Response as BaseResponse

from magflow.settings import Settings
from magflow.web import auth

LANGUAGES: Final = (("en", "English"), ("ro", "Română"), ("it", "Italiano"))
CODES: Final = tuple(code for code, _name in LANGUAGES)
FALLBACK: Final = "ro"
OF_PROGRAMS: Final = "en"
COOKIE: Final = "magflow_locale"
A_YEAR: Final = 365 * 24 * 3600
CATALOGUES: Final = Path(__file__).resolve().parent.parent / "translations"
TOUCHING: Final = re.compile(r"(?<=[A-Z])(?=[0-9])")
DAY, MINUTE = "d MMM y", "d MMM y, HH:mm"


def _(message: str, **values: Any) -> str:
    """The message in the reader's language, with its `%(name)s` filled in."""
    return str(flask_babel.gettext(message, **values))


def ngettext(one: str, many: str, count: int, **values: Any) -> str:
    """The message for this count; `%(num)d` is the count. Romanian has three forms."""
    return str(flask_babel.ngettext(one, many, count, **values))


def _l(message: str, **values: Any) -> Any:
    """For texts of modules: translated when they are shown."""
    return flask_babel.lazy_gettext(message, **values)


def init_app(app: Flask, settings: Settings) -> None:
    """Languages for pages, API and everything that runs inside the application."""
    flask_babel.Babel(
        app,
        default_locale=settings.locale,
        default_timezone=settings.timezone,
        default_translation_directories=str(CATALOGUES),
        locale_selector=choose,
    )
    app.jinja_env.filters.update(money=money, number=number, day=day, moment=moment)


def choose() -> str:
    """The language of this answer: the person's, the cookie's, the browser's, the shop's.

    A program that asks for no language is answered in English: what it reads is read by its developer.
    """
    if not has_request_context():
        return _of_shop()
    own = auth.visitor().locale
    if own in CODES:
        return own
    if not auth.is_api() and (kept := request.cookies.get(COOKIE)) in CODES:
        return kept
    return request.accept_languages.best_match(CODES) or (OF_PROGRAMS if auth.is_api() else _of_shop())


def _of_shop() -> str:
    configured = current_app.config["MAGFLOW"].locale
    return configured if configured in CODES else FALLBACK


def keep(answer: BaseResponse, code: str) -> None:
    """Remember a choice made by somebody who is not signed in, or on this browser alone."""
    answer.set_cookie(
        COOKIE, code, max_age=A_YEAR, path="/", secure=auth.over_tls(), httponly=True, samesite="Lax"
    )  # fmt: skip


def current() -> str:
    """`en`, `ro` or `it`."""
    locale = flask_babel.get_locale()
    return locale.language if locale else FALLBACK


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Say everything in a language, whoever asked: numbers and money too."""
    kept = g.pop("babel_format", None)
    try:
        with flask_babel.force_locale(locale):
            yield
    finally:
        g.pop("babel_format", None)
        if kept is not None:
            g.babel_format = kept


def decimal_sign() -> Literal[".", ","]:
    """What people who read this language put before the cents; for the fields of forms."""
    return "." if current() == "en" else ","


def _locale() -> Locale:
    if "babel_format" not in g:
        try:
            g.babel_format = Locale.parse(current())
        except UnknownLocaleError:
            g.babel_format = Locale.parse(FALLBACK)
    return cast("Locale", g.babel_format)


def money(amount: Decimal | None, currency: str | None = None) -> str:
    """RON 1,234.50 or 1.234,50 RON; a dash for what is unknown, which is not zero."""
    if amount is None:
        return "—"
    written = format_currency(amount, currency or current_app.config["MAGFLOW"].currency, locale=_locale())
    # English patterns are made for signs such as € and would write RON1,234.50.
    return TOUCHING.sub("\N{NO-BREAK SPACE}", written)


def number(value: Decimal | int | None) -> str:
    """1,234.50 or 1.234,50."""
    return "—" if value is None else format_decimal(value, locale=_locale())


def day(value: date | None) -> str:
    """5 Mar 2026, in the shop's time zone."""
    if value is None:
        return "—"
    if isinstance(value, datetime):
        value = flask_babel.to_user_timezone(value)
    return format_date(value, DAY, locale=_locale())


def moment(value: datetime | None) -> str:
    """5 Mar 2026, 14:05, in the shop's time zone."""
    if value is None:
        return "—"
    return format_datetime(flask_babel.to_user_timezone(value), MINUTE, locale=_locale())
