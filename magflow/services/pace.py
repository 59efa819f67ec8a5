"""When an account may send its next request: evenly spaced turns that all processes draw from one row of PostgreSQL.

A turn is a moment. Whoever asks moves the row's moment on by the gap and waits until its own has come, so that at no
time more requests leave than the marketplace allows, whatever the number of processes. Of the class that everything but
orders shares, a part is a lane of its own for what must not wait behind a long reading: offers that go to nothing.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from magflow.marketplaces.errors import DayUsedUp
from magflow.marketplaces.protocol import RouteClass
from magflow.services import single

PER_SECOND: Final[Mapping[str, float]] = {"orders": 12.0, "others": 3.0, "eans": 5.0}
PER_MINUTE: Final[Mapping[str, float]] = {"orders": 720.0, "others": 180.0, "eans": 200.0}
HEADROOM: Final = 0.96
"""Of the limit that is used: requests do not arrive exactly as far apart as they left."""
LONGEST_WAIT: Final = 300.0
PER_DAY: Final[Mapping[str, int]] = {"eans": 5000}
DAY_ENDS_IN: Final = "Europe/Bucharest"

# The moment is given by the server's clock; the row is written and committed before the request leaves.
TURN: Final = """
INSERT INTO rate_slots AS r (key, next_at)
VALUES (%(key)s, clock_timestamp() + make_interval(secs => %(gap)s))
ON CONFLICT (key) DO UPDATE
SET next_at = greatest(r.next_at, clock_timestamp()) + make_interval(secs => %(gap)s)
RETURNING extract(epoch FROM next_at - make_interval(secs => %(gap)s) - clock_timestamp())::float8,
    extract(epoch FROM next_at - make_interval(secs => %(gap)s))::float8"""

WAITS: Final = """
SELECT k.key, greatest(0, coalesce(extract(epoch FROM r.next_at - clock_timestamp()), 0))::float8
FROM unnest(%(keys)s::text[]) AS k (key) LEFT JOIN rate_slots r USING (key)"""

HOLD: Final = """
INSERT INTO rate_slots AS r (key, next_at)
SELECT k, clock_timestamp() + make_interval(secs => %(seconds)s) FROM unnest(%(keys)s::text[]) AS k
ON CONFLICT (key) DO UPDATE SET next_at = greatest(r.next_at, excluded.next_at)"""


# A row says how much of its day is used; without one, nothing is left.
USE_DAY: Final = """
INSERT INTO rate_windows AS w (subject, window_start, used)
VALUES (%(subject)s, date_trunc('day', clock_timestamp(), %(zone)s), 1)
ON CONFLICT (subject) DO UPDATE
SET used = CASE WHEN w.window_start = excluded.window_start THEN w.used + 1 ELSE 1 END,
    window_start = excluded.window_start
WHERE w.window_start <> excluded.window_start OR w.used < %(most)s
RETURNING used"""


@dataclass(frozen=True)
class Lane:
    key: str
    gap: float
    """Seconds between two turns."""


@dataclass(frozen=True)
class AccountPace:
    """The turns of one account. `limits` may name other figures: `{"others_per_second": 30, ...}`."""

    account_id: int
    limits: Mapping[str, Any] = field(default_factory=dict)

    def lanes(self, route_class: RouteClass) -> tuple[Lane, ...]:
        """The lanes of a class; together they stay below its limits. The last is the one for what is urgent."""
        second = float(self.limits.get(f"{route_class}_per_second", PER_SECOND[route_class]))
        minute = float(self.limits.get(f"{route_class}_per_minute", second * 60))
        rate = min(second, minute / 60, PER_MINUTE[route_class] / 60 if not self.limits else math.inf) * HEADROOM
        key = f"{self.account_id}:{route_class}"
        if route_class != "others" or second < 2:
            return (Lane(key, 1 / rate),)
        # Whole requests a second: two lanes of 2 and 1 a second never put more than 3 into one second.
        kept = rate / 3
        return (Lane(key, 1 / (rate - kept)), Lane(f"{key}:urgent", 1 / kept))

    def wait(self, route_class: RouteClass, *, urgent: bool = False) -> None:
        """Wait for the next turn. What is urgent takes the lane that is free first. Raises DayUsedUp."""
        self.use_day(route_class)
        seconds = self.turn(route_class, urgent=urgent)
        if route_class == "eans":
            seconds = max(seconds, self.turn("others"))  # whether it counts there too is not said
        time.sleep(min(LONGEST_WAIT, seconds))

    def use_day(self, route_class: RouteClass) -> None:
        """Count a request of a class that has a limit for the day. Raises DayUsedUp."""
        if (most := PER_DAY.get(route_class)) is None:
            return
        most = int(self.limits.get(f"{route_class}_per_day", most))
        subject = f"market:{self.account_id}:{route_class}"
        if single.one(USE_DAY, {"subject": subject, "zone": DAY_ENDS_IN, "most": most}) is None:
            raise DayUsedUp(f"{most} requests of the kind {route_class} were sent today; tomorrow there are more")

    def turn(self, route_class: RouteClass, *, urgent: bool = False) -> float:
        """Take a turn; in how many seconds it comes."""
        return max(0.0, self.draw(route_class, urgent=urgent)[0])

    def draw(self, route_class: RouteClass, *, urgent: bool = False) -> tuple[float, float]:
        """The same, with the moment itself on the server's clock."""
        lanes = self.lanes(route_class)
        lane = lanes[0]
        if urgent and len(lanes) > 1:
            waits = dict(single.every(WAITS, {"keys": [lane.key for lane in lanes]}))
            lane = min(lanes, key=lambda lane: (waits[lane.key], lane is lanes[0]))
        row = single.one(TURN, {"key": lane.key, "gap": lane.gap})
        return (float(row[0]), float(row[1])) if row else (0.0, 0.0)

    def hold(self, route_class: RouteClass, seconds: float) -> None:
        """The marketplace asked for a pause: nobody goes before it is over."""
        single.every(HOLD, {"keys": [lane.key for lane in self.lanes(route_class)], "seconds": seconds})
