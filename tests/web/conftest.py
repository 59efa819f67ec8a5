"""A site with MagFlow's own small areas and a probe area, over a real database; browsers and programs that use it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from magflow.app import create_app
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.roles import OWNER, SCOPES
from magflow.services import sign_in, tokens, users
from magflow.settings import Settings
from tests.conftest import ShopDatabase
from tests.web.probe import probe_area

PASSWORD = "velvet harbour lantern"
SYSTEM = Actor("system", "tests", "system")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def site(database: ShopDatabase, settings: Settings) -> Iterator[Flask]:
    """The application with Home, Settings and the probe area, over the module's database."""
    from magflow.blueprints.home import area as home
    from magflow.blueprints.settings import area as own_settings

    app = create_app(replace(settings, database_url=database.app_dsn), areas=[home, own_settings, probe_area()])
    yield app
    close(app)


def close(app: Flask) -> None:
    """Give the connections of an application back to the server."""
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


class Browser:
    """Somebody with a browser: keeps cookies, sends the form's token and says where a request comes from."""

    def __init__(self, app: Flask, address: str = "127.0.0.1") -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address

    def get(self, path: str, **options: Any) -> TestResponse:
        """Look at a page."""
        return self.client.get(path, environ_overrides={"REMOTE_ADDR": self.address}, **options)

    def token(self, path: str = "/sign-in") -> str:
        """The form token of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).get_data(as_text=True))
        assert found, f"no form on {path}"
        return found.group(1)

    def post(self, path: str, data: dict[str, Any] | None = None, *, form: str | None = None) -> TestResponse:
        """Send a form as the page `form` (by default the same address) would."""
        fields = {"csrf_token": self.token(form or path), **(data or {})}
        return self.client.post(
            path,
            data=fields,
            headers={"Sec-Fetch-Site": "same-origin"},
            environ_overrides={"REMOTE_ADDR": self.address},
        )

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        """Sign in by the form."""
        return self.post("/sign-in", {"email": email, "password": password})

    def cookie(self) -> str | None:
        """The id of the session, if any."""
        kept = self.client.get_cookie("magflow")
        return kept.value if kept else None


def make_user(app: Flask, role: str = OWNER, *, email: str | None = None, password: str = PASSWORD) -> users.User:
    """Somebody with an account."""
    with app.app_context():
        return users.create_user(
            users.CreateUser(email or f"{role}{next(_numbers)}@shop.example", role, password), actor=SYSTEM
        )


def signed_in(app: Flask, user: users.User) -> Browser:
    """A browser in which this person is signed in; without the form, which has tests of its own."""
    browser = Browser(app)
    with app.app_context():
        opened = sign_in.open_browser(sign_in.OpenFor(user.id, sign_in.Browser("127.0.0.1")), actor=SYSTEM)
    browser.client.set_cookie("magflow", opened)
    return browser


def make_token(app: Flask, *scopes: str, **fields: Any) -> str:
    """An API token with these scopes, by default all."""
    with app.app_context():
        made = tokens.create_token(
            tokens.CreateToken(f"probe {next(_numbers)}", scopes or SCOPES, **fields), actor=SYSTEM
        )
    return made.plaintext


@pytest.fixture
def program(site: Flask) -> Callable[..., TestResponse]:
    """Call the API with a token of all scopes, or the one given."""
    plaintext = make_token(site)
    client = site.test_client()

    def call(
        method: str, path: str, *, token: str | None = plaintext, headers: Any = (), **options: Any
    ) -> TestResponse:
        sent = dict(headers)
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        return client.open(f"/api/v1{path}", method=method, headers=sent, **options)

    return call
