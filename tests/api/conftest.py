"""Programs that use the API of a whole application over a real database."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.domain.roles import SCOPES
from magflow.services import tokens
from magflow.up.web import WebServer

PREFIX = "/api/v1"
_numbers = itertools.count(1)


def make_token(app: Flask, *scopes: str) -> str:
    """A token with these scopes, by default all of them."""
    with app.app_context():
        command = tokens.CreateToken(f"program {next(_numbers)}", scopes or SCOPES)
        made = tokens.create_token(command, actor=SYSTEM)
        db.session.remove()
    return made.plaintext


@dataclass
class Program:
    """Somebody's program: calls the API with its token."""

    app: Flask
    token: str | None

    def call(self, method: str, path: str, *, headers: Any = (), **options: Any) -> TestResponse:
        """Any request to an address behind /api/v1."""
        sent = dict(headers)
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        return self.app.test_client().open(f"{PREFIX}{path}", method=method, headers=sent, **options)

    def data(self, method: str, path: str, body: Any = None, *, status: int | None = None, **options: Any) -> Any:
        """The `data` of a success."""
        answer = self.call(method, path, **({"json": body} if body is not None else {}), **options)
        expected = {status} if status else {200, 201}
        assert answer.status_code in expected, answer.get_data(as_text=True)
        envelope = answer.get_json()
        assert envelope["status"] == "success"
        return envelope["data"]

    def refused(self, method: str, path: str, body: Any = None, *, status: int, code: str, **options: Any) -> Any:
        """The problem of a refusal, with its status and code."""
        answer = self.call(method, path, **({"json": body} if body is not None else {}), **options)
        problem = answer.get_json()
        assert (answer.status_code, problem.get("code")) == (status, code), answer.get_data(as_text=True)
        assert answer.mimetype == "application/problem+json"
        assert problem["status"] == status
        assert problem["title"]
        assert problem["detail"]
        return problem

    # What tests need in a shop; like everything else it goes through the API.

    def product(self, name: str | None = None, **fields: Any) -> Any:
        """A product."""
        return self.data("POST", "/products", {"name": name or f"Mug {next(_numbers)}", **fields}, status=201)

    def variant(self, product: Any = None, *, values: dict[str, str] | None = None, **fields: Any) -> Any:
        """A variant of this product, or of one of its own."""
        product = product or self.product()
        pairs = [{"option_name": name, "option_value": value} for name, value in (values or {}).items()]
        body = {"price": "12.34", "option_values": pairs, **fields}
        return self.data("POST", f"/products/{product['id']}/variants", body)

    def order(self, *lines: tuple[Any, int], **fields: Any) -> Any:
        """A pending order of these variants and quantities."""
        items = [{"variant_id": variant["id"], "quantity": quantity} for variant, quantity in lines]
        return self.data("POST", "/orders", {"items": items, **fields}, status=201)


@pytest.fixture(scope="module")
def program(module_app: Flask) -> Program:
    """A program that may do everything."""
    return Program(module_app, make_token(module_app))


@pytest.fixture(scope="module")
def program_with(module_app: Flask) -> Callable[..., Program]:
    """A program with a narrower token."""
    return lambda *scopes: Program(module_app, make_token(module_app, *scopes))


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that the ORM and the core send while the test runs."""
    from sqlalchemy import event

    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def live(module_app: Flask) -> Iterator[str]:
    """The application behind its real web server; gives the address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = WebServer(module_app, listening, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.stop()
    thread.join(30)
