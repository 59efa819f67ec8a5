"""News goes out: each event is handed once to everybody who asked for its kind, then marked.

A subscriber belongs to the transaction that marks the event: it adds jobs or rows and does not go outside. So an event
is never lost and never counted twice, whatever stops in between.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import claim_events, execute, transactional
from magflow.domain.actors import Actor

log = logging.getLogger(__name__)

Subscriber = Callable[[Session, str, Mapping[str, Any]], None]
"""Gets the session, the event's type and its payload."""

BATCH: Final = 500
KEPT_DAYS: Final = 30

MARK: Final = "UPDATE events SET dispatched_at = clock_timestamp() WHERE id = ANY(%(ids)s)"
FORGET: Final = """
DELETE FROM events WHERE dispatched_at < clock_timestamp() - make_interval(days => %(days)s)"""


@transactional
def hand_out(session: Session, subscribers: Mapping[str, Sequence[Subscriber]], *, actor: Actor) -> int:
    """Hand out the oldest events that wait. Returns how many there were; at `BATCH`, more may be waiting."""
    events = claim_events(session, BATCH)
    for _id, kind, payload in events:
        for subscriber in subscribers.get(kind, ()):
            subscriber(session, kind, payload)
        log.debug("event", extra={"type": kind, "payload": payload})
    if events:
        execute(session, MARK, {"ids": [event[0] for event in events]})
    return len(events)


@transactional
def forget_old(session: Session, *, actor: Actor) -> int:
    """Delete events that were handed out long ago."""
    return execute(session, FORGET, {"days": KEPT_DAYS}).rowcount
