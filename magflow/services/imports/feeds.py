"""Files that are fetched by the clock from an address, and imported when they have changed."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.imports import layouts
from magflow.domain.imports.choices import Choices, choices_from
from magflow.domain.imports.faults import FileFault
from magflow.marketplaces import outgoing
from magflow.marketplaces.downloads import Silent, download
from magflow.marketplaces.outgoing import AddressRefused
from magflow.models import Import, ImportFeed, ImportMapping
from magflow.services import jobs
from magflow.services.imports import commands, files
from magflow.services.imports.commands import NewImport
from magflow.services.imports.files import Stored

TASK: Final = "imports.fetch"

allowed: list[str] = []
"""Hosts, with ports, that are fetched from although they are not on the internet: `10.0.0.5:8080`."""
LONGEST_NAME: Final = 120
LONGEST_URL: Final = 2_000
SHORTEST, LONGEST = 5, 43_200
"""Minutes between two fetches: five minutes to thirty days."""


@dataclass(frozen=True)
class FeedValues:
    """What a person says of an address that is fetched."""

    name: str
    url: str
    kind: str
    source: str
    every_minutes: int
    source_account: str = "default"
    active: bool = True


@dataclass(frozen=True)
class EditFeed:
    """Change an address; None makes a new one."""

    feed_id: int | None
    values: FeedValues
    home: Path
    allowed: tuple[str, ...] = ()
    """Hosts, with ports, that may be called although they are not public."""


CLAIM: Final = """
UPDATE import_feeds SET next_at = clock_timestamp() + make_interval(mins => every_minutes)
WHERE id IN (SELECT id FROM import_feeds WHERE active AND next_at <= clock_timestamp() ORDER BY next_at LIMIT 20)
  AND next_at <= clock_timestamp()
RETURNING id"""
NOW: Final = "UPDATE import_feeds SET next_at = clock_timestamp() WHERE id = %(feed)s"
FETCHED: Final = """
UPDATE import_feeds
SET fetched_at = clock_timestamp(), sha256 = %(sha256)s, import_id = coalesce(%(import)s, import_id), error = NULL
WHERE id = %(feed)s"""
FAILED: Final = """
UPDATE import_feeds SET fetched_at = clock_timestamp(), error = %(error)s::jsonb WHERE id = %(feed)s"""


@transactional
def save(session: Session, command: EditFeed, *, actor: Actor) -> ImportFeed:
    """Keep an address, after a look at it. Raises Invalid, NotFound."""
    values = command.values
    errors = [
        FieldError(name, "too_long" if text.strip() else "required", {"limit": most})
        for name, text, most in (
            ("name", values.name, LONGEST_NAME),
            ("url", values.url, LONGEST_URL),
            ("source", values.source, commands.LONGEST_SOURCE),
            ("source_account", values.source_account, commands.LONGEST_SOURCE),
        )
        if not 0 < len(text.strip()) <= most
    ]
    if values.kind not in layouts.FIELDS:
        errors.append(FieldError("kind", "not_one_of", {"choices": ", ".join(layouts.FIELDS)}))
    if not SHORTEST <= values.every_minutes <= LONGEST:
        errors.append(FieldError("every_minutes", "out_of_range", {"least": SHORTEST, "limit": LONGEST}))
    if not errors:
        try:
            outgoing.check(values.url.strip(), allowed=command.allowed)
        except AddressRefused as refused:
            errors.append(FieldError("url", f"address_{refused.reason}"))
    if errors:
        raise Invalid(errors)
    feed = ImportFeed() if command.feed_id is None else session.get(ImportFeed, command.feed_id)
    if feed is None:
        raise NotFound("feed", command.feed_id)
    for name, value in vars(values).items():
        setattr(feed, name, value.strip() if isinstance(value, str) else value)
    session.add(feed)
    session.flush()
    execute(session, NOW, {"feed": feed.id})
    session.refresh(feed)
    return feed


@transactional
def remove(session: Session, feed_id: int, *, actor: Actor) -> None:
    """Forget an address; what was imported from it stays. Raises NotFound."""
    feed = session.get(ImportFeed, feed_id)
    if feed is None:
        raise NotFound("feed", feed_id)
    session.delete(feed)


@transactional
def fetch_now(session: Session, feed_id: int, home: Path, *, actor: Actor) -> None:
    """Ask a worker to fetch an address, whatever the clock says. Raises NotFound."""
    if session.get(ImportFeed, feed_id) is None:
        raise NotFound("feed", feed_id)
    _enqueue(session, feed_id, home)


@transactional
def enqueue_due(session: Session, home: Path, *, actor: Actor) -> int:
    """A job for every address whose time has come."""
    due = [row[0] for row in execute(session, CLAIM)]
    for feed_id in due:
        _enqueue(session, feed_id, home)
    return len(due)


def _enqueue(session: Session, feed_id: int, home: Path) -> None:
    jobs.enqueue(session, TASK, queueing_lock=f"feed-{feed_id}", queue=jobs.home_queue(home), feed_id=feed_id)


@dataclass(frozen=True)
class _Wanted:
    """What an address is fetched with."""

    url: str
    name: str
    kind: str
    source: str
    source_account: str
    known: bytes | None
    """The digest of the file that came last."""
    remembered: Choices | None
    asks: bool
    """Where its columns are not understood, a person is asked; not while an earlier file of it waits for that."""


@transactional
def _wanted(session: Session, feed_id: int, *, actor: Actor) -> _Wanted | None:
    """Read in a transaction of its own: nothing is held while the other side takes its time."""
    feed = session.get(ImportFeed, feed_id)
    if feed is None or not feed.active:
        return None
    kept = session.scalar(
        select(ImportMapping.choices).where(
            ImportMapping.kind == feed.kind, ImportMapping.source == feed.source,
            ImportMapping.source_account == feed.source_account,
        )
    )  # fmt: skip
    remembered = choices_from(kept) if kept else None
    before = None if feed.import_id is None else session.get(Import, feed.import_id)
    asks = before is None or before.status != "ready"
    return _Wanted(feed.url, feed.name, feed.kind, feed.source, feed.source_account, feed.sha256, remembered, asks)


def fetch(feed_id: int, home: Path, allowed: tuple[str, ...], *, actor: Actor) -> int | None:
    """Fetch an address and begin to import what came; None when it was the same as the last time, or was refused.

    Where its columns are not understood, the import waits for a person to say what they mean. What went wrong stands
    with the address.
    """
    wanted = _wanted(feed_id, actor=actor)
    if wanted is None:
        return None
    try:
        stored = _download(home, wanted.url, allowed)
        if stored.sha256 == wanted.known:
            files.forget(home, stored.name)
            _note(feed_id, stored, None, actor=actor)
            return None
        command = commands.take_in(
            home, stored, filename=wanted.name, kind=wanted.kind, source=wanted.source,
            source_account=wanted.source_account, remembered=wanted.remembered, asks=wanted.asks,
        )  # fmt: skip
    except FileFault as fault:
        _note_failure(feed_id, fault.reason, fault.params, actor=actor)
        return None
    except AddressRefused as refused:
        _note_failure(feed_id, f"address_{refused.reason}", {}, actor=actor)
        return None
    except Silent:
        _note_failure(feed_id, "address_silent", {}, actor=actor)
        return None
    return _register(feed_id, stored, command, actor=actor)


def _download(home: Path, url: str, allowed: tuple[str, ...]) -> Stored:
    """The file behind an address, stored; never more than an upload may have. Raises FileFault, AddressRefused."""
    folder = home / files.FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    waiting = folder / f".{secrets.token_hex(16)}"
    try:
        with waiting.open("x+b") as target:
            _receive(url, target, allowed)
            target.seek(0)
            return files.store(home, target)
    finally:
        waiting.unlink(missing_ok=True)


def _receive(url: str, target: IO[bytes], allowed: tuple[str, ...]) -> None:
    received = 0
    with download(url, allowed=allowed) as (status, pieces):
        if status != 200:
            raise FileFault("address_answered", status=status)
        for piece in pieces:
            received += len(piece)
            if received > files.LARGEST_FILE:
                raise FileFault("file_too_large", limit="1 GiB")
            target.write(piece)


@transactional
def _register(session: Session, feed_id: int, stored: Stored, command: NewImport, *, actor: Actor) -> int:
    row = commands.register.within(session, command, actor=actor)
    row.feed_id = feed_id
    session.flush()
    execute(session, FETCHED, {"feed": feed_id, "sha256": stored.sha256, "import": row.id})
    return row.id


@transactional
def _note(session: Session, feed_id: int, stored: Stored, import_id: int | None, *, actor: Actor) -> None:
    execute(session, FETCHED, {"feed": feed_id, "sha256": stored.sha256, "import": import_id})


@transactional
def _note_failure(session: Session, feed_id: int, code: str, params: dict[str, Any], *, actor: Actor) -> None:
    error = json.dumps({"code": code, "params": params})
    execute(session, FAILED, {"feed": feed_id, "error": error})
