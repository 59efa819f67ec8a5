"""Garbage on every operation: a 4xx with the field and the reason, never a 5xx, and nothing is changed.

What is tried comes from the API's own description, so an operation that is added is tried too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from magflow.domain.border import INT64_MAX
from magflow.domain.roles import SCOPES
from tests.api.conftest import Program
from tests.api.operations import Operation, operations, sample, with_field

PROBLEM = "application/problem+json"

# Values that no field of any kind takes, as JSON text: what json.dumps would not write is written by hand.
UNFIT = {
    "NUL": r'"a\u0000b"',
    "a lone surrogate": r'"\ud800"',
    "an object": '{"no such field": 1}',
    "a list in a list": "[[[]]]",
    "5,000 digits": "9" * 5000,
    "5,000 digits of a fraction": "0." + "1" * 5000,
    "a huge exponent": "1e999999999",
    "a tiny exponent": "-1e-999999999",
    "an exponent of 40 digits": "1e" + "9" * 40,
    "a hair below zero": "-0.001",
    "100,000 letters": '"' + "x" * 100_000 + '"',
    "a control character": r'"\u0007"',
}

# Bodies that cannot be read at all.
BROKEN = {
    "nothing": b" ",
    "half a body": b'{"name": ',
    "bytes that are no text": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"version": 1}',
    "NaN": b'{"version": NaN}',
    "Infinity": b'{"version": -Infinity}',
    "a key twice": b'{"version": 1, "version": 2}',
    "100,000 levels": b"[" * 100_000,
    "a number that is none": b'{"version": 01}',
    "a comment": b'{"version": 1} // one',
    "a NUL": b'{"version": 1}\x00',
}


@pytest.fixture(scope="module")
def every(program: Program) -> list[Operation]:
    """Every operation."""
    found = operations(program.app)
    assert len(found) >= 32
    return found


@pytest.fixture(autouse=True)
def nothing_changes(owner: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Whatever was tried, the shop is as it was."""

    def rows() -> list[object]:
        tables = ("products", "variants", "option_types", "orders", "order_items", "stock_movements")
        counted = [owner.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
        audited = "SELECT count(*) FROM audit_log WHERE table_name <> 'api_tokens'"
        return [*counted, owner.execute(audited).fetchone()]

    before = rows()
    yield
    assert rows() == before


@pytest.fixture(scope="module", autouse=True)
def a_shop(program: Program) -> None:
    """Product, variant, order and line 1 exist: what is refused is refused for what was sent."""
    product = program.product(options=[{"name": "Color", "values": ["Red"]}])
    variant = program.variant(product, values={"Color": "Red"}, stock=5)
    order = program.order((variant, 1))
    assert (product["id"], variant["id"], order["id"], order["items"][0]["id"]) == (1, 1, 1, 1)


class Trial:
    """Collects what was answered wrongly, so that one run shows all of it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.wrong: list[str] = []

    def expect(
        self, operation: Operation, what: str, statuses: set[int], field: str | None = None, **sent: Any
    ) -> None:
        address = sent.pop("address", None) or operation.address()
        answer = self.program.call(operation.method, address, **sent)
        problem = answer.get_json(silent=True) or {}
        named = [error["field"] for error in problem.get("errors", [])]
        right = answer.status_code in statuses and answer.mimetype == PROBLEM and problem.get("detail")
        if not right or (field is not None and answer.status_code == 422 and field not in named):
            self.wrong.append(f"{operation} <- {what}: {answer.status_code} {answer.get_data(as_text=True)[:300]}")
        elif any(not error["message"] or "(" in error["code"] for error in problem["errors"]):
            self.wrong.append(f"{operation} <- {what}: no sentence in {problem['errors']}")

    def done(self) -> None:
        assert not self.wrong, "\n".join([f"{len(self.wrong)} wrong answers", *self.wrong[:20]])


@pytest.fixture
def trial(program: Program) -> Iterator[Trial]:
    trial = Trial(program)
    yield trial
    trial.done()


@pytest.mark.parametrize("kind", UNFIT)
def test_no_field_takes_what_fits_nowhere(trial: Trial, every: list[Operation], kind: str) -> None:
    mark = "__unfit__"
    tried = 0
    for operation in every:
        for field, body in with_field(operation.body or {}, mark):
            text = json.dumps(body).replace(f'"{mark}"', UNFIT[kind])
            sent = {"data": text.encode("ascii"), "content_type": "application/json"}
            trial.expect(operation, f"{field} = {kind}", {422}, _unless_inside(field, kind), **sent)
            tried += 1
    assert tried > 100


def _unless_inside(field: str, kind: str) -> str | None:
    """The field that must be named. Lists and objects name what is wrong inside of them instead."""
    return None if kind in {"an object", "a list in a list"} else field


@pytest.mark.parametrize("kind", BROKEN)
def test_a_body_that_cannot_be_read_is_refused(trial: Trial, every: list[Operation], kind: str) -> None:
    for operation in every:
        if operation.body is not None:
            trial.expect(operation, kind, {400}, data=BROKEN[kind], content_type="application/json")


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b'"text"', b"true", b'[{"version": 1}]'])
def test_a_body_is_an_object(trial: Trial, every: list[Operation], body: bytes) -> None:
    for operation in every:
        if operation.body is not None:
            trial.expect(operation, repr(body), {422}, "body", data=body, content_type="application/json")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "json",
        "",
    ],
)
def test_a_body_is_json(trial: Trial, every: list[Operation], content_type: str) -> None:
    for operation in every:
        if operation.body is not None:
            trial.expect(operation, content_type, {415}, data=b'{"version": 1}', content_type=content_type)


def test_a_body_has_a_limit(trial: Trial, every: list[Operation]) -> None:
    large = b'{"version": 1' + b" " * (2 * 1024 * 1024) + b"}"
    for operation in every:
        if operation.body is not None:
            trial.expect(operation, "2 MiB", {413}, data=large, content_type="application/json")


def test_fields_that_do_not_exist_are_refused_by_name(trial: Trial, every: list[Operation]) -> None:
    for operation in every:
        if operation.body is not None:
            for name in ("statuss", "__class__", "id", "a" * 300, "ă"):
                trial.expect(operation, name, {422}, name[:200], json={name: 1})


@pytest.mark.parametrize(
    "given",
    ["-1", "abc", "1.0", "1e3", "+1", "１", "%31%00", "%00", "%ED%A0%80", "%FF", "9" * 5000, str(INT64_MAX + 1), "1_0"],
)
def test_an_address_that_names_nothing_is_not_found(trial: Trial, every: list[Operation], given: str) -> None:
    for operation in every:
        # Names that are text, such as a rule's, are looked up once the body is read.
        sent = {} if operation.body is None else {"json": VALID.get(str(operation), sample(operation.body))}
        for name in operation.names_in_path:
            trial.expect(operation, f"{name} = {given[:20]}", {404}, address=operation.address(**{name: given}), **sent)


def test_rows_that_do_not_exist_are_not_found(trial: Trial, every: list[Operation]) -> None:
    for operation in every:
        body = VALID.get(str(operation), sample(operation.body or {}))
        # A made-up body may be refused for itself first, and so may an upload without a file.
        upload = operation.body is None and "requestBody" in operation.spec
        statuses = {404} if str(operation) in VALID or not (body or upload) else {404, 422}
        for name in operation.names_in_path:
            for key in (0, 999_999_999, INT64_MAX):
                address = operation.address(**{name: key})
                sent = {} if operation.body is None else {"json": body}
                trial.expect(operation, f"{name} = {key}", statuses, address=address, **sent)


VALID: dict[str, Any] = {
    "POST /products/{product_id}/variants": {"price": 1},
    "PUT /products/{product_id}/options": {"options": []},
    "PUT /variants/{variant_id}/options": {"option_values": []},
    "POST /variants/{variant_id}/stock-adjustments": {"delta": 1, "reason": "found"},
    "POST /orders/{order_id}/items": {"variant_id": 1, "quantity": 1},
    "PATCH /orders/{order_id}/items/{item_id}": {"quantity": 1},
    "PUT /orders/{order_id}/items/{item_id}/variant": {"variant_id": 1},
}


@pytest.mark.parametrize("value", ["%00", "%ED%A0%80", "a%01b", "x" * 5000])
def test_no_parameter_takes_what_fits_nowhere(trial: Trial, every: list[Operation], value: str) -> None:
    for operation in every:
        for name in operation.query:
            address = f"{operation.address()}?{name}={value}"
            trial.expect(operation, f"?{name}={value[:20]}", {422}, name, address=address)


@pytest.mark.parametrize("query", ["?%00=1", "?%ED%A0%80=1", "?=1", "?" + "x" * 5000 + "=1", "?id[]=1", "?__proto__=1"])
def test_no_operation_takes_parameters_that_it_does_not_have(trial: Trial, every: list[Operation], query: str) -> None:
    for operation in every:
        sent = {} if operation.body is None else {"json": VALID.get(str(operation), sample(operation.body))}
        trial.expect(operation, query[:20], {422}, address=operation.address() + query, **sent)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer mgf_short", "Basic bWdmOm1nZg==", "Bearer \xff", "Bearer " + "x" * 7000, "mgf_x",
     "Bearer mgf_" + "A" * 43],
)  # fmt: skip
def test_without_a_good_token_nothing_is_served(trial: Trial, every: list[Operation], authorization: str) -> None:
    for operation in every:
        answer = trial.program.call(operation.method, operation.address(), headers={"Authorization": authorization})
        if operation.scope is None:
            continue
        if (
            answer.status_code != 401
            or answer.headers.get("WWW-Authenticate") != "Bearer"
            or answer.mimetype != PROBLEM
        ):
            trial.wrong.append(f"{operation}: {answer.status_code} {answer.headers}")
    assert not trial.wrong


def test_a_narrow_token_is_refused_before_its_input_is_read(
    every: list[Operation], program: Program, program_with: Callable[..., Program]
) -> None:
    for operation in every:
        others = set(SCOPES) - {"admin", operation.scope}
        narrow = Trial(program_with(*sorted(others)))
        narrow.expect(operation, "a narrow token", {403}, data=b"{", content_type="application/json")
        narrow.done()


def test_other_methods_are_refused_with_those_that_are_taken(program: Program, every: list[Operation]) -> None:
    taken: dict[str, set[str]] = {}
    for operation in every:
        taken.setdefault(operation.address(), set()).add(operation.method)
    for address, methods in taken.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - methods:
            answer = program.call(method, address)
            assert (answer.status_code, answer.mimetype) == (405, PROBLEM), (method, address)
            allowed = {name.strip() for name in answer.headers["Allow"].split(",")} - {"HEAD", "OPTIONS"}
            assert allowed == methods, (method, address)


def test_an_unknown_address_is_not_found_in_the_api_s_own_words(program: Program) -> None:
    for path in ("/nothing", "/products/1/nothing", "", "/", "/..%2f..%2fetc%2fpasswd"):
        answer = program.call("GET", path)
        assert (answer.status_code, answer.mimetype, answer.get_json()["code"]) == (404, PROBLEM, "not_found"), path


def test_lists_have_a_limit(program: Program) -> None:
    line = {"variant_id": 1, "quantity": 1}
    problem = program.refused("POST", "/orders", {"items": [line] * 1001}, status=422, code="validation_error")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [("items", "too_many")]
    options = [{"name": f"Option {n}"} for n in range(51)]
    problem = program.refused("PUT", "/products/1/options", {"options": options}, status=422, code="validation_error")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [("options", "too_many")]
