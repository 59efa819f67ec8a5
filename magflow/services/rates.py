"""How many requests a token sent this minute. Shared by all processes, and cheap: permits are taken in blocks."""

import threading
import time
from dataclasses import dataclass
from typing import Final

from magflow.domain.errors import RateLimited
from magflow.services import single

MINUTE: Final = 60.0
MOST_SUBJECTS: Final = 10_000
BLOCKS: Final = 60
"""A process asks the database for a sixtieth of the limit at a time and hands it out by itself."""

TAKE: Final = """
INSERT INTO rate_windows AS w (subject, window_start, used)
VALUES (%(subject)s, date_trunc('minute', clock_timestamp()), %(wanted)s)
ON CONFLICT (subject) DO UPDATE
SET used = CASE WHEN w.window_start = excluded.window_start THEN w.used + excluded.used ELSE excluded.used END,
    window_start = excluded.window_start
WHERE w.window_start <> excluded.window_start OR w.used < %(limit)s
RETURNING used, ceil(extract(epoch FROM window_start + interval '1 minute' - clock_timestamp()))::int"""


@dataclass
class _Permits:
    left: int
    until: float
    """On the monotonic clock of this process: the end of the minute in which they were given."""


class RateLimit:
    """At most `limit` requests a minute and subject; 0 is no limit, and then no statement either."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.block = max(1, limit // BLOCKS)
        self._permits: dict[str, _Permits] = {}
        self._lock = threading.Lock()

    def take(self, subject: str) -> None:
        """Use one permit. Raises RateLimited with the seconds until the next minute."""
        if not self.limit:
            return
        with self._lock:
            permits = self._permits.get(subject)
            if permits is not None and permits.left and permits.until > time.monotonic():
                permits.left -= 1
                return
        given, until = self._more(subject)
        with self._lock:
            if len(self._permits) > MOST_SUBJECTS:
                self._permits.clear()  # subjects of long ago; at worst somebody loses a part of a block
            self._permits[subject] = _Permits(given - 1, until)

    def _more(self, subject: str) -> tuple[int, float]:
        row = single.one(TAKE, {"subject": subject, "wanted": self.block, "limit": self.limit})
        if row is None:
            raise RateLimited(_seconds_to_next_minute(subject))
        used, seconds = row
        # The last block of a minute reaches over the limit; only what lies below it is given out.
        return self.block - max(0, used - self.limit), time.monotonic() + min(max(seconds, 0), MINUTE)


def _seconds_to_next_minute(subject: str) -> int:
    row = single.one(
        """
        SELECT greatest(1, ceil(extract(epoch FROM window_start + interval '1 minute' - clock_timestamp()))::int)
        FROM rate_windows WHERE subject = %(subject)s""",
        {"subject": subject},
    )
    return int(row[0]) if row else 1
