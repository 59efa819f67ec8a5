"""What an answer of the simulated API looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Reply:
    status: int
    body: Any
    """An object for JSON, bytes as they are, None for nothing."""
    headers: Mapping[str, str] | None = None


def envelope(results: Any = None, *messages: str, error: bool = False, status: int = 200) -> Reply:
    """The envelope around nearly every answer."""
    body = {"isError": error, "messages": list(messages), "results": [] if results is None else results}
    return Reply(status, body | {"errors": []} if not error else body)
