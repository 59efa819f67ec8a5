"""Fields that describe answers for the OpenAPI page; plain functions beside them build what they describe.

An answer's description is complete: it forbids members that it does not name, so the contract tests notice both a
member that went missing and one that nobody wrote down.
"""

from collections.abc import Sequence
from typing import Any

from flask import Response
from marshmallow import RAISE, Schema, fields

from magflow.queries.paging import Page
from magflow.web.api import page_meta, success


class Answer(Schema):
    """The `data` of a 2xx answer, or an object inside it."""

    class Meta:
        unknown = RAISE


class Amount(fields.String):
    """Money, or per cent: text with two decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": r"^-?[0-9]+\.[0-9]{2}$", "examples": ["19.90"]}, **options)


class Time(fields.String):
    """A time in UTC, ISO 8601."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time"}, **options)


class Word(fields.String):
    """One of a fixed list of words."""

    def __init__(self, *choices: str, **options: Any) -> None:
        super().__init__(metadata={"enum": list(choices)}, **options)


class Count(fields.Integer):
    """A whole number from zero up."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"minimum": 0}, **options)


def listed(rows: Sequence[Any], page: Page[Any]) -> Response:
    """A page of a list that is sorted by one key."""
    keys = None if page.next_key is None else [page.next_key]
    return success(rows, meta=page_meta(page.total, keys, estimated=page.total_is_estimate))
