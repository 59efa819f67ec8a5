"""The guard against guessing: failed sign-ins per account and per address, counted in the database (reliability 4.1).

An attempt is counted before the password is looked at, in the same statement that asks whether it may be tried. So a
hundred guesses at once are counted one by one, by whatever number of processes, and a success takes its count back.
"""

from dataclasses import dataclass
from typing import Final

from magflow.services import single

FREE: Final = 5
"""Attempts before the first wait."""

FIRST_WAIT, LONGEST_WAIT = 1, 900
"""Seconds; each further failure doubles the wait."""

FORGOTTEN: Final = "1 day"
"""After this long without an attempt, old failures count no more: nobody is locked out for good."""


@dataclass(frozen=True)
class Attempt:
    """A sign-in that may be tried, already counted as a failure."""

    subjects: tuple[str, ...]


# Both rows or none: an account that is locked does not count against the address, nor the other way round.
RESERVE: Final = f"""
INSERT INTO sign_in_throttle AS t (subject, failures, locked_until, updated_at)
SELECT subject, 1, NULL, clock_timestamp()
FROM unnest(%(subjects)s::text[]) AS subject
WHERE NOT EXISTS (
    SELECT FROM sign_in_throttle
    WHERE subject = ANY (%(subjects)s::text[]) AND locked_until > clock_timestamp()
)
ORDER BY subject
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN t.updated_at < clock_timestamp() - interval '{FORGOTTEN}' THEN 1 ELSE t.failures + 1 END,
    locked_until = CASE
        WHEN t.updated_at < clock_timestamp() - interval '{FORGOTTEN}' OR t.failures + 1 < {FREE} THEN NULL
        ELSE clock_timestamp() + make_interval(
            secs => least({LONGEST_WAIT}, {FIRST_WAIT} * power(2, least(t.failures + 1 - {FREE}, 20))))
    END,
    updated_at = clock_timestamp()
WHERE t.locked_until IS NULL OR t.locked_until <= clock_timestamp()
RETURNING subject"""

WAIT: Final = """
SELECT greatest(1, ceil(extract(epoch FROM max(locked_until) - clock_timestamp())))::int
FROM sign_in_throttle WHERE subject = ANY (%(subjects)s::text[]) AND locked_until > clock_timestamp()"""

FORGIVE: Final = f"""
UPDATE sign_in_throttle
SET failures = greatest(0, failures - 1),
    locked_until = CASE WHEN failures - 1 < {FREE} THEN NULL ELSE locked_until END
WHERE subject = ANY (%(subjects)s::text[])"""

CLEAR: Final = "DELETE FROM sign_in_throttle WHERE subject = %(subject)s"


def account(email: str) -> str:
    """The subject of an account, whether it exists or not."""
    return f"account:{email.strip().lower()[:254]}"


def reserve(email: str, address: str | None) -> Attempt | int:
    """Count an attempt and let it be tried; or the seconds to wait, and then nothing was counted."""
    subjects = tuple(sorted({account(email), *([f"address:{address}"] if address else [])}))
    granted = single.every(RESERVE, {"subjects": list(subjects)})
    if len(granted) == len(subjects):
        return Attempt(subjects)
    if granted:
        # One of the two was locked between the question and the count: take the other's back.
        single.every(FORGIVE, {"subjects": [row[0] for row in granted]})
    row = single.one(WAIT, {"subjects": list(subjects)})
    return int(row[0]) if row and row[0] else FIRST_WAIT


def forgive(attempt: Attempt, email: str) -> None:
    """The sign-in was right: the account starts afresh, the address only gets this attempt back."""
    single.every(CLEAR, {"subject": account(email)})
    single.every(FORGIVE, {"subjects": [s for s in attempt.subjects if s != account(email)]})
