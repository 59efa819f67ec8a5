"""The envelope around eMAG's answers, and its traps: 200 may be an error, and an error may have been saved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from magflow.marketplaces.errors import (
    AddressNotAllowed,
    BadAnswer,
    NoRights,
    NotThere,
    RefusedByMarketplace,
    WrongPassword,
)
from magflow.marketplaces.transport import Answer
from magflow.marketplaces.wire import listed, mapping, words

ADDRESS: Final = re.compile(r"invalid vendor ip\s*\[?([0-9a-fA-F:.]*)", re.IGNORECASE)
RIGHTS: Final = re.compile(r"not allowed to use this api", re.IGNORECASE)


@dataclass(frozen=True)
class Envelope:
    """An answer whose success is proved; `messages` may hold warnings all the same."""

    results: Any
    messages: tuple[str, ...]


def opened(answer: Answer, route: str) -> Envelope:
    """What is in the envelope. Raises WrongPassword, AddressNotAllowed, NoRights, NotThere, RefusedByMarketplace with
    the marketplace's words, and BadAnswer for a body without the proof of success."""
    body = answer.json()
    said = messages(body)
    text = "; ".join(said)
    _refuse_strangers(answer.status, text)
    if answer.status == 404:
        raise NotThere(text or f"{route} is not there", status=404)
    if answer.status >= 400:
        raise RefusedByMarketplace(text or f"{route} answered {answer.status}", status=answer.status)
    if not isinstance(body, Mapping) or not isinstance(body.get("isError"), bool):
        raise BadAnswer(f"{route} answered {answer.status} without saying whether it worked")
    if body["isError"]:
        raise RefusedByMarketplace(text or f"{route} was refused without a reason")
    return Envelope(body.get("results"), said)


def _refuse_strangers(status: int, text: str) -> None:
    if found := ADDRESS.search(text):
        raise AddressNotAllowed(text, found[1])
    if status in {401, 403}:
        # The same words are used for a wrong password and for missing rights; only the status differs.
        raise WrongPassword(text or f"HTTP {status}")
    if RIGHTS.search(text):
        raise NoRights(text)


def messages(body: Any) -> tuple[str, ...]:
    """The messages and errors of an answer as texts: they come as texts, as objects, or as one text alone."""
    found: list[str] = []
    top = mapping(body)
    for name in ("messages", "errors"):
        found += [_text(entry) for entry in listed(top.get(name))]
    if not found and (alone := words(top.get("message"))):
        found.append(alone)
    return tuple(text for text in found if text)


def _text(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return words(entry.get("message")) or words(entry.get("text")) or ""
    return words(entry) or ""


def per_item(results: Any) -> dict[str, tuple[bool, str]]:
    """Answers by item id, for the routes that give one for each: (worked, what was said)."""
    found = {}
    pairs = mapping(results).items() if isinstance(results, Mapping) else _numbered(results)
    for key, entry in pairs:
        inner = mapping(entry)
        if isinstance(inner.get("isError"), bool):
            found[str(key)] = (not inner["isError"], "; ".join(messages(inner)))
    return found


def _numbered(results: Any) -> list[tuple[Any, Any]]:
    return [(entry.get("id"), entry) for entry in listed(results) if isinstance(entry, Mapping)]
