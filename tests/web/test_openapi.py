"""The API's description is complete and true: made from the code that validates, and tried against it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from magflow.web.permissions import access_table
from tests.web.conftest import Browser, make_token

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
]

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def spec(site: Flask) -> dict[str, Any]:
    answer = site.test_client().get("/api/v1/openapi.json")
    assert answer.content_type == "application/json"
    return answer.json


def operations(spec: dict[str, Any]):
    for path, methods in spec["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def test_every_endpoint_is_described_and_nothing_else(site: Flask, spec):
    described = {(path, method.upper()) for path, method, _ in operations(spec)}
    real = {
        (cell.rule.replace("<int:", "{").replace("<", "{").replace(">", "}"), cell.method)
        for cell in access_table(site)
        if cell.rule.startswith("/api/v1/") and not cell.endpoint.startswith("api_docs.")
    }
    assert described == real
    assert spec["openapi"] == "3.1.0"


def test_every_operation_says_who_may_and_how_it_refuses(spec):
    names = []
    for path, method, operation in operations(spec):
        where = f"{method} {path}"
        assert operation["summary"], where
        names.append(operation["operationId"])
        assert operation["security"][0].keys() == {"bearer"}, where
        wanted = {"401", "403", "422", "429", "503"}
        wanted |= {"404"} if "{" in path else set()
        wanted |= {"400", "413", "415"} if "requestBody" in operation else set()
        assert wanted <= operation["responses"].keys(), where
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                schema = answer["content"]["application/json"]["schema"]
                assert schema["required"] == ["status", "data", "meta"], where
            else:
                assert answer == {"$ref": f"#/components/responses/Problem{status}"}, where
        if method == "post":
            assert "Idempotency-Key" in [p["name"] for p in operation["parameters"]], where
    assert len(names) == len(set(names))


def test_problems_are_problems(spec):
    for answer in spec["components"]["responses"].values():
        assert list(answer["content"]) == ["application/problem+json"]


def test_numbers_and_texts_carry_their_limits(spec):
    fields = spec["components"]["schemas"]["EverythingIn"]["properties"]
    assert fields["count"] == {"type": "integer", "minimum": -5, "maximum": 5}
    assert fields["name"]["maxLength"] == 40
    assert fields["price"]["pattern"] == r"^[0-9]{1,10}(\.[0-9]{1,2})?$"
    assert fields["lines"]["maxItems"] == 3
    assert spec["components"]["schemas"]["LineIn"]["required"] == ["quantity", "variant_id"]
    assert spec["components"]["schemas"]["LineIn"]["additionalProperties"] is False


def test_the_page_for_people_stands_without_any_other_host(site: Flask):
    page = Browser(site).get("/api/v1/docs").get_data(as_text=True)
    assert 'id="insufficient_stock"' in page
    assert "swagger-ui-bundle.js" in page
    assert "//" not in page.replace("http://localhost/", "").replace("://", "//", 0).replace("https://", "")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_it_holds_what_it_says(site: Flask, mode: GenerationMode):
    """Requests made from the description, good and bad, against the application itself."""
    headers = {"Authorization": f"Bearer {make_token(site)}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", site)
    tried = []

    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/forgotten"):
            continue  # nobody may
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Unsatisfiable:
            continue

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=strategy)
        def run(case: schemathesis.Case) -> None:
            if isinstance(case.body, dict) and case.body.get("outcome") in {"bug", "slow", "later"}:
                return  # faults that were asked for
            if mode is GenerationMode.POSITIVE:
                # Good only if it was given out, or not used before: what is made up here is neither.
                (case.headers or {}).pop("Idempotency-Key", None)
                (case.query or {}).pop("cursor", None)
            tried.append(case.operation.label)
            case.call_and_validate(headers=headers, checks=CHECKS)

        run()
    assert len(tried) > 50
