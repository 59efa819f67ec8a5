"""The operations of the API as its own description lists them, for tests that try something on every one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask

from magflow.web import openapi
from magflow.web.api import PREFIX


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    """Behind /api/v1, with {names}."""
    spec: dict[str, Any]
    body: dict[str, Any] | None
    """The schema of its JSON body, references resolved."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def address(self, **values: object) -> str:
        """Its address with these values, and 1 for what is not named."""
        return re.sub(r"{(\w+)}", lambda found: str(values.get(found[1], 1)), self.path)

    @property
    def names_in_path(self) -> list[str]:
        """What its address needs."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query(self) -> list[str]:
        """The parameters behind its question mark."""
        return [p["name"] for p in self.spec.get("parameters", []) if p["in"] == "query"]

    @property
    def scope(self) -> str | None:
        """The scope that it needs."""
        [security] = self.spec.get("security", [{"bearer": [None]}])
        return next(iter(security["bearer"]), None)


def described(app: Flask) -> dict[str, Any]:
    """The whole description."""
    with app.app_context():
        return openapi.describe(app)


def operations(app: Flask) -> list[Operation]:
    """Every operation that needs a token."""
    spec = described(app)
    found = []
    for path, methods in spec["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in methods:
                body = methods[method].get("requestBody", {}).get("content", {}).get("application/json", {})
                schema = _resolved(spec, body["schema"]) if body else None
                found.append(Operation(method.upper(), path.removeprefix(PREFIX), methods[method], schema))
    return found


def _resolved(spec: dict[str, Any], schema: Any) -> Any:
    if isinstance(schema, list):
        return [_resolved(spec, part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(spec, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {name: _resolved(spec, part) for name, part in schema.items()}


def with_field(schema: dict[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """(field's name as problems write it, body that holds this value there) for every field, inner ones included."""
    for name, below in schema.get("properties", {}).items():
        yield name, {name: value}
        for inner, part in _inside(below, value):
            yield f"{name}{inner}", {name: part}


def _inside(schema: dict[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    for choice in schema.get("anyOf", [schema]):
        if choice.get("type") == "array":
            yield "[0]", [value]
            for inner, part in _inside(choice["items"], value):
                yield f"[0]{inner}", [part]
        if choice.get("type") == "object":
            for inner, part in with_field(choice, value):
                yield f".{inner}", part


def sample(schema: dict[str, Any]) -> Any:
    """A body with what is required, and nothing else."""
    kinds = schema.get("type", "object")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: sample(schema["properties"][name]) for name in schema.get("required", ())}
    if kind == "array":
        return [sample(schema["items"])] * schema.get("minItems", 0)
    plain = {"integer": max(1, schema.get("minimum", 1)), "number": 1, "boolean": True}
    return plain.get(kind, "1")
