"""A divided pool: each account has its share of the goods, in sum never more than there is.

A sale takes from the share of the account that sold, a return gives it back there. Goods that come in are divided by
what each account is expected to sell; goods that go for another reason are taken where most is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magflow.domain.errors import Conflict


class NothingToDivide(Conflict):
    """A pool of one account, or of a marketplace's warehouse, is not divided."""

    def __init__(self, pool: str) -> None:
        super().__init__(f"the pool {pool} is not one of several accounts that sell from the shop's own warehouse")
        self.pool = pool

    def details(self) -> dict[str, Any]:
        return {"pool": self.pool}


@dataclass(frozen=True)
class Movement:
    """A change of the pool's stock, and whose share it was; None: nobody's."""

    delta: int
    account_id: int | None = None


def divided(units: int, weights: Mapping[int, float]) -> dict[int, int]:
    """Units by weight, in whole numbers that add up; evenly where nothing has a weight. Ties go to the first id."""
    if not weights:
        return {}
    accounts = sorted(weights)
    total = sum(weights.values())
    exact = {one: units * (weights[one] / total if total > 0 else 1 / len(accounts)) for one in accounts}
    found = {one: int(exact[one]) for one in accounts}
    left = units - sum(found.values())
    for one in sorted(accounts, key=lambda account: (found[account] - exact[account], account))[:left]:
        found[one] += 1
    return found


def settled(
    shares: Mapping[int, int], stock: int, movements: Sequence[Movement], weights: Mapping[int, float]
) -> dict[int, int]:
    """The shares after these movements, which have led to `stock`.

    What nobody owns by then is divided; what is owned too much is taken back where most is.
    """
    after = dict(shares)
    for movement in movements:
        if movement.account_id in after:
            after[movement.account_id] = max(0, after[movement.account_id] + movement.delta)
    free = stock - sum(after.values())
    if free > 0:
        for account, units in divided(free, weights).items():
            after[account] = after.get(account, 0) + units
    while free < 0:
        most = max(after, key=lambda account: (after[account], -account))
        second = max((units for account, units in after.items() if account != most), default=0)
        # Down to where the next one stands, or as far as is needed.
        taken = min(-free, max(1, after[most] - second))
        after[most] -= taken
        free += taken
    return after
