"""How much to move by the forecast: what follows must not be the next day's alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from magflow.domain.amounts import Policy, advise
from magflow.domain.demand import Demand
from magflow.domain.stock_sync import Analysis, OfferFacts, Thresholds, analyse

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
LIMITS = Thresholds()


def account(id_: int, code: str, stock: int, weekly: float, sellers: int = 2) -> OfferFacts:
    return OfferFacts(
        id_, code, stock, sellers, pool=code, price=Decimal("121.48"), drawn=Demand(weekly, 1.5),
        last_synced_at=NOW - timedelta(hours=1),
    )  # fmt: skip


def advised(*offers: OfferFacts) -> Analysis:
    return advise(analyse("MUG", 7, offers, LIMITS, NOW), Policy(), {})


@pytest.mark.parametrize(
    ("there", "weekly", "short", "wanted"), [(11, 1.2, 1, 3.7), (26, 0.2, 0, 9.0), (40, 0.1, 4, 20.0)]
)
def test_the_priority_drops_after_what_was_suggested(there: int, weekly: float, short: int, wanted: float) -> None:
    giver, receiver = account(1, "main", there, weekly), account(2, "fbe", short, wanted)
    before = advised(giver, receiver)
    amount = before.recommendations[0].amount
    assert before.priority in {"high", "medium"}
    assert amount is not None
    assert there - amount >= LIMITS.low_stock
    after = advised(replace(giver, stock=there - amount), replace(receiver, stock=short + amount))
    assert after.priority == "normal"


def test_of_little_half_is_given_and_of_what_nobody_competes_for_all() -> None:
    few = advised(account(1, "main", 4, 0.1), account(2, "fbe", 0, 9.0))
    assert few.recommendations[0].amount == 2
    alone = advised(account(1, "main", 4, 0.1, sellers=1), account(2, "fbe", 0, 9.0))
    assert alone.recommendations[0].amount == 4
