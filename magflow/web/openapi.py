"""The API's description, made from the code that validates: /api/v1/openapi.json, shown at /api/v1/docs."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app, render_template
from marshmallow import Schema
from werkzeug.routing import Rule

from magflow.domain.roles import PUBLIC, SCOPES
from magflow.web.api import PREFIX, ApiBlueprint
from magflow.web.errors import PROBLEM
from magflow.web.permissions import permission_of, public
from magflow.web.sentences import TITLES

SPEC: Final = "magflow.openapi"
CONVERTER: Final = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
READS, WRITES = frozenset({"get"}), frozenset({"post", "put", "patch", "delete"})

DESCRIPTION: Final = """
Money is a text with two decimals in answers; numbers and texts are taken in requests. Times are UTC, ISO 8601.
Every 2xx answer is `{"status": "success", "data": ..., "meta": {...}}`; everything else is `application/problem+json`
with a stable `code`. Lists take `limit` and `cursor`; `meta.next_cursor` is the cursor of the next page.
Every POST takes an `Idempotency-Key`: the same key and body again gives the first answer again.
"""

SENT_BACK: Final = {
    "400": "The request cannot be read",
    "401": "No valid token",
    "403": "The token's scopes are too narrow",
    "404": "No such thing",
    "409": "Right in itself, but not in the present state",
    "413": "Too large",
    "415": "The body is not application/json",
    "422": "A value is not accepted; `errors` names each field",
    "429": "Too many requests; wait for `Retry-After` seconds",
    "503": "Nothing was done; send the same request again after `Retry-After` seconds",
}

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string", "description": "Where the code is explained"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence for a person"},
        "code": {"type": "string", "description": "Stable", "examples": ["insufficient_stock"]},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "examples": ["items[0].quantity"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

docs = Blueprint("api_docs", __name__, url_prefix=PREFIX)


class MagApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest as the keeper of the description; errors are answered by `magflow.web.errors`."""

    def _register_error_handlers(self) -> None:
        """Not its business: pages have errors too."""


class SchemaNames:
    """What a description is called: its class, with the area before it where another area has one of that name.

    Areas do not know each other, and those from outside even less.
    """

    def __init__(self) -> None:
        self._owners: dict[str, type] = {}

    def __call__(self, schema: type[Schema] | Schema) -> str:
        kind = schema if isinstance(schema, type) else type(schema)
        own = kind.__name__
        area = "".join(part.title() for part in kind.__module__.split(".")[-2:])
        for name in (own, f"{area.replace('_', '')}{own}"):
            if self._owners.setdefault(name, kind) is kind:
                return name
        raise ValueError(f"two descriptions are called {own} in {kind.__module__}")


def make_api(app: Flask) -> MagApi:
    """The API of an application, and the two routes that describe it."""
    app.config.update(API_TITLE="MagFlow", API_VERSION="v1", OPENAPI_VERSION="3.1.0")
    api = MagApi(app, spec_kwargs={"marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=SchemaNames())})
    app.extensions[SPEC] = {"api": api}
    app.register_blueprint(docs)
    return api


def mount(api: MagApi, blueprint: ApiBlueprint) -> None:
    """Add the endpoints of an area under /api/v1."""
    api.register_blueprint(blueprint, url_prefix=PREFIX)


@docs.get("/openapi.json")
@public
def openapi_json() -> Response:
    """The description for programs."""
    kept = current_app.extensions[SPEC]
    if "text" not in kept:
        kept["text"] = json.dumps(describe(current_app), ensure_ascii=False)
    return Response(kept["text"], mimetype="application/json")


@docs.get("/docs")
@public
def page() -> str:
    """The description for people, without any outside host."""
    codes = [(code, str(title)) for code, title in sorted(TITLES.items())]
    return render_template("settings/api_docs.html", codes=codes, scopes=SCOPES)


def describe(app: Flask) -> dict[str, Any]:
    """The whole description, as OpenAPI 3.1."""
    spec: dict[str, Any] = deepcopy(app.extensions[SPEC]["api"].spec.to_dict())
    spec["info"]["description"] = DESCRIPTION.strip()
    spec["servers"] = [{"url": "/"}]
    components = spec.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components["schemas"].pop("Error", None)
    components["schemas"].pop("PaginationMetadata", None)
    components["responses"] = {f"Problem{status}": _problem(status, text) for status, text in SENT_BACK.items()}
    components["headers"] = {
        "IdempotentReplay": {
            "description": "`true` when this is the kept answer to an earlier request with the same key",
            "schema": {"type": "string", "enum": ["true"]},
        }
    }
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, made under Settings or by `magflow token create`. Scopes: "
            + ", ".join(SCOPES),
        }
    }
    spec["tags"] = [{**tag, "name": _tag(tag["name"])} for tag in spec.get("tags", [])]
    rules = {
        (CONVERTER.sub(r"{\1}", rule.rule), method.lower()): rule
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for path, method, operation in _operations(spec):
        _complete(app, rules[path, method], method, operation, spec["paths"][path].get("parameters", []))
    return spec


def _tag(blueprint: str) -> str:
    """`api_price_templates` as people call it."""
    return blueprint.removeprefix("api_").replace("_", " ").capitalize()


def _problem(status: str, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": text,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {"429", "503"}:
        answer["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}
    if status == "401":
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return answer


def _operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in spec.get("paths", {}).items():
        for method in READS | WRITES:
            if method in operations:
                yield path, method, operations[method]


def _complete(app: Flask, rule: Rule, method: str, operation: dict[str, Any], shared: list[Any]) -> None:
    """What follows from the route itself: its scope, its name, the refusals that it can meet."""
    permission = permission_of(app, rule.endpoint, method.upper())
    operation["tags"] = [_tag(name) for name in operation.get("tags", [])]
    operation["operationId"] = rule.endpoint.replace(".", "_").removeprefix("api_")
    parameters = operation.setdefault("parameters", [])
    if permission != PUBLIC:
        operation["security"] = [{"bearer": [] if permission == "self" else [permission]}]
    if method == "post":
        parameters.append(IDEMPOTENCY_KEY)
        for status, answer in operation.get("responses", {}).items():
            if str(status).startswith("2"):
                answer["headers"] = {"Idempotent-Replay": {"$ref": "#/components/headers/IdempotentReplay"}}
    for status in _refusals(rule, method, "requestBody" in operation, bool(parameters or shared)):
        operation.setdefault("responses", {}).setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    # flask-smorest's own note about bad arguments is no answer of ours.
    operation["responses"] = {
        status: answer for status, answer in sorted(operation["responses"].items()) if status != "default"
    }


IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Names this intention: repeated with the same body, it gives the first answer again",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
}


def _refusals(rule: Rule, method: str, has_body: bool, has_parameters: bool) -> list[str]:
    refusals = ["401", "403", "429", "503", "422"]
    if rule.arguments:
        refusals.append("404")
    if has_body:
        refusals += ["400", "413", "415"]
    if method in WRITES:
        refusals += ["409", "404"]
    elif has_parameters:
        refusals.append("400")
    return refusals
