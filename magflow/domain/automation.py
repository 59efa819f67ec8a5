"""What can be done by itself, and how much of it unless somebody says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Rule = Literal["refresh", "transfer"]
Mode = Literal["off", "dry_run", "on"]
Outcome = Literal["waiting", "done", "proposed", "would", "skipped", "rejected", "failed"]

RULES: Final[tuple[Rule, ...]] = ("refresh", "transfer")
MODES: Final[tuple[Mode, ...]] = ("off", "dry_run", "on")
OUTCOMES: Final[tuple[Outcome, ...]] = ("waiting", "done", "proposed", "would", "skipped", "rejected", "failed")

DAILY_MAX: Final[Mapping[Rule, int]] = {"refresh": 2_000, "transfer": 5}
LARGEST_MAX: Final[Mapping[Rule, int]] = {"refresh": 100_000, "transfer": 1_000}
FLOOR: Final = 5
LARGEST_FLOOR: Final = 100_000
FAILURES: Final = 3
"""Runs in a row that failed, after which a rule waits for a person."""


@dataclass(frozen=True)
class Allowed:
    """What a rule may still do today."""

    most: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)
