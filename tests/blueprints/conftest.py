"""The whole application, and people in front of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.conftest import Browser, make_user, signed_in


class Clerk:
    """Somebody who opens pages and sends their forms, as they came, with some fields filled in."""

    def __init__(self, app: Flask, role: str) -> None:
        self.browser: Browser = signed_in(app, make_user(app, role))

    def get(self, path: str) -> str:
        """A page that must be there."""
        answer = self.browser.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.get_data(as_text=True)

    def send(self, path: str, **fields: object) -> TestResponse:
        """A form; without a `form_key` of its own it is sent like a new one."""
        return self.browser.post(path, {name: value for name, value in fields.items() if value is not None}, form="/")


def words(answer: TestResponse | str) -> str:
    """What a page says, without its tags."""
    html = answer if isinstance(answer, str) else answer.get_data(as_text=True)
    without = re.sub(r"<(script|style|template|noscript).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without).split()).replace("&#39;", "'").replace("&amp;", "&")


@pytest.fixture(scope="module")
def owner_page(module_app: Flask) -> Clerk:
    """The owner."""
    return Clerk(module_app, "owner")


@pytest.fixture
def viewer(module_app: Flask) -> Iterator[Clerk]:
    """Somebody who may only look."""
    yield Clerk(module_app, "viewer")
