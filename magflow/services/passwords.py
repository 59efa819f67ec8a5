"""Passwords: what may be one, and their hashes (Argon2id, reliability 4.1)."""

import itertools
import re
import threading
from collections.abc import Sequence
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from magflow.domain.errors import FieldError

SHORTEST, LONGEST = 12, 128

_hasher = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1, hash_len=32, salt_len=16)
_turns = threading.BoundedSemaphore(2)
"""One hash takes 46 MiB: a hundred sign-ins at once must not take four gigabytes."""

# A hash of nothing that anybody knows: an unknown account costs the same time as a known one.
_NOBODY: Final = "$argon2id$v=19$m=47104,t=1,p=1$nx3AtBPfKGAQ2KYWXXYl9Q$xR+kqm3ARUkJhyZdcoJWNdjm2mxWJ0S2AKfnhhvxAo0"

NONE_YET: Final = "!"
"""Kept for somebody who was invited and has not chosen a password."""

_COMMON_TEXT: Final = """
    123456789012 1234567890123 12345678901234 123456789123456789 012345678901 000000000000 111111111111 1q2w3e4r5t6y
    1qaz2wsx3edc 1qaz2wsx3edc4rfv qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiopas qwertyuiopasdf asdfghjklqwe
    qwerty123456 qwerty1234567 qwerty12345678 qwertyqwerty zxcvbnmasdfg password1234 password12345 password123456
    passwordpassword passw0rd1234 adminadmin12 administrator administrator1 adminadminadmin letmeinletmein
    welcome12345 welcome123456 iloveyou1234 iloveyouforever changemechangeme changeme1234 changeme12345 default12345
    superman1234 football1234 baseball1234 sunshine1234 princess1234 monkeymonkey dragondragon trustno1trustno1
    parola123456 parolaparola parola12345678 romania12345 romania123456 bucuresti123 ciaociaociao ciaociao1234
    juventus1234 forzajuventus passwordciao magflow12345 magflowmagflow correcthorsebatterystaple
    """
COMMON: Final = frozenset(_COMMON_TEXT.split())


def hash_of(password: str) -> str:
    """A new hash."""
    with _turns:
        return _hasher.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password; takes as long for an account that does not exist."""
    if len(password) > LONGEST:
        return False
    known = kept is not None and kept != NONE_YET
    with _turns:
        try:
            return _hasher.verify(kept if kept and known else _NOBODY, password) and known
        except (VerificationError, InvalidHashError):
            return False


def is_dated(kept: str) -> bool:
    """Whether the hash was made with weaker parameters than today's; then it is made again at the next sign-in."""
    return _hasher.check_needs_rehash(kept)


def faults(password: str, *, email: str = "", field: str = "password") -> Sequence[FieldError]:
    """Why this cannot be a password; empty when it can. Any characters, no composition rules, nothing cut off."""
    if len(password) < SHORTEST:
        return [FieldError(field, "too_short", {"least": SHORTEST})]
    if len(password) > LONGEST:
        return [FieldError(field, "too_long", {"limit": LONGEST})]
    if _is_guessed_first(password, email):
        return [FieldError(field, "password_common")]
    return []


def _is_guessed_first(password: str, email: str) -> bool:
    plain = password.lower()
    letters = re.sub(r"[^a-z0-9@]", "", plain)
    name = email.lower().partition("@")[0]
    repeats = re.fullmatch(r"(.{1,4})\1+.{0,3}", plain, re.DOTALL) is not None
    runs = len({ord(b) - ord(a) for a, b in itertools.pairwise(plain)}) == 1
    own = bool(email) and (
        plain == email.lower() or (len(name) >= 5 and letters.startswith(name) and len(plain) < len(name) + 6)
    )
    return letters in COMMON or plain in COMMON or repeats or runs or own
