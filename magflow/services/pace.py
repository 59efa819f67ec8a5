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

from magflow.marketplaces.protocol import RouteClass
from magflow.services import single

PER_SECOND: Final[Mapping[str, float]] = {"orders": 12.0, "others": 3.0, "eans": 5.0}
PER_MINUTE: Final[Mapping[str, float]] = {"orders": 720.0, "others": 180.0, "eans": 200.0}
HEADROOM: Final = 0.96
"""Of the limit that is used: requests do not arrive exactly as far apart as they left."""
LONGEST_WAIT: Final = 300.0

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
        """Wait for the next turn. What is urgent takes the lane that is free first."""
        time.sleep(min(LONGEST_WAIT, self.turn(route_class, urgent=urgent)))

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
