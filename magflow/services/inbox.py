"""What a person does with deliveries that came in and could not be understood."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound

AGAIN: Final = """
UPDATE webhook_inbox SET state = 'new', attempts = 0, next_at = clock_timestamp(), lease_until = NULL
WHERE id = %(id)s AND state = 'set_aside' RETURNING account_id"""
IGNORE: Final = """
UPDATE webhook_inbox SET state = 'ignored' WHERE id = %(id)s AND state = 'set_aside' RETURNING account_id"""


@dataclass(frozen=True)
class SetAside:
    """A delivery that was set aside; `ignore`: it is left alone for good, instead of being tried again."""

    delivery_id: int
    ignore: bool = False


@transactional
def decide(session: Session, command: SetAside, *, actor: Actor) -> int:
    """Try it again, or leave it alone. Returns the account's id; raises NotFound when it is not set aside any more."""
    row = execute(session, IGNORE if command.ignore else AGAIN, {"id": command.delivery_id}).fetchone()
    if row is None:
        raise NotFound("delivery", command.delivery_id)
    return int(row[0])
