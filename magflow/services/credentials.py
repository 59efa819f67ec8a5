"""Secrets that have to be used again: encrypted with a key that is not in the database, and bound to their row.

The keys come from `MAGFLOW_CREDENTIALS_KEY` or the home folder; the first encrypts, all decrypt, so that a key can be
changed: put the new one in front, run `magflow credentials rotate`, take the old one away.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict
from magflow.services import audit

VERSION: Final = 1
_keys: list[str] = []


class CredentialsUnreadable(Conflict):
    """The key of this secret is not among ours: the shop was restored without it. It has to be entered again."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"the secret of {owner} was written with another key; enter it again")
        self.owner = owner


def configure(keys: Sequence[str]) -> None:
    """The keys of this process, the one that encrypts first."""
    _keys[:] = keys


def seal(owner: str, secret: str) -> str:
    """Encrypt a secret for `account:17:password` or the like; for another owner it cannot be opened."""
    plain = json.dumps({"v": VERSION, "for": owner, "secret": secret}, ensure_ascii=False)
    return _box().encrypt(plain.encode()).decode("ascii")


def unseal(owner: str, sealed: str) -> str:
    """The secret. Raises CredentialsUnreadable when no key opens it, or when it is somebody else's."""
    try:
        plain: Any = json.loads(_box().decrypt(sealed.encode("ascii", "replace")))
    except (InvalidToken, ValueError) as error:
        raise CredentialsUnreadable(owner) from error
    if not isinstance(plain, dict) or plain.get("for") != owner or not isinstance(plain.get("secret"), str):
        raise CredentialsUnreadable(owner)
    return str(plain["secret"])


def hint(secret: str) -> str | None:
    """The last two characters, to tell one from another; nothing of a short one."""
    return secret[-2:] if len(secret) >= 8 else None


def _box() -> MultiFernet:
    if not _keys:
        raise RuntimeError("no keys: credentials.configure was not called")
    return MultiFernet([Fernet(key) for key in _keys])


SEALED: Final = (
    ("marketplace_accounts", "id", "credentials"),
    ("webhook_endpoints", "account_id", "secret"),
    ("webhook_endpoints", "account_id", "old_secret"),
    ("webhook_subscriptions", "id", "secret"),
    ("webhook_subscriptions", "id", "old_secret"),
)
"""Every column that holds one."""


@transactional
def rotate(session: Session, *, actor: Actor) -> tuple[int, int]:
    """Encrypt everything anew with the first key: (how many, how many could not be opened and stay as they are)."""
    box = _box()
    done = lost = 0
    for table, key, column in SEALED:
        rows = execute(session, f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {key}")
        for row_id, sealed in rows.fetchall():
            try:
                fresh = box.rotate(str(sealed).encode("ascii", "replace")).decode("ascii")
            except InvalidToken:
                lost += 1
                continue
            execute(
                session,
                f"UPDATE {table} SET {column} = %(fresh)s WHERE {key} = %(id)s AND {column} = %(was)s",
                {"fresh": fresh, "id": row_id, "was": sealed},
            )
            done += 1
    audit.record(session, actor, "credentials.rotated", details={"secrets": done, "unreadable": lost})
    return done, lost
