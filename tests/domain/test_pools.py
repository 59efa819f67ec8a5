"""Shares of a divided pool: never more than there is, whatever happens in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magflow.domain.pools import Movement, divided, settled

EVENLY = {1: 1.0, 2: 1.0}
CASES = [
    ("a sale takes from its account", {1: 10, 2: 16}, 23, [Movement(-3, 1)], {1: 7, 2: 16}),
    ("a return goes back there", {1: 7, 2: 16}, 25, [Movement(2, 1)], {1: 9, 2: 16}),
    ("more than its share: the rest comes from the other", {1: 2, 2: 16}, 13, [Movement(-5, 1)], {1: 0, 2: 13}),
    ("a sale of the shop itself takes where most is", {1: 4, 2: 16}, 17, [Movement(-3)], {1: 4, 2: 13}),
    ("goods that come in are divided", {1: 1, 2: 2}, 8, [Movement(5)], {1: 4, 2: 4}),
    ("what is broken is taken where most is, then from both", {1: 4, 2: 6}, 4, [Movement(-6)], {1: 2, 2: 2}),
    ("nothing is left", {1: 4, 2: 6}, 0, [Movement(-10)], {1: 0, 2: 0}),
    ("the first division", {1: 0, 2: 0}, 5, [], {1: 3, 2: 2}),
]


@pytest.mark.parametrize(("shares", "stock", "moved", "after"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_a_movement_does(shares: dict[int, int], stock: int, moved: list[Movement], after: dict[int, int]) -> None:
    assert settled(shares, stock, moved, EVENLY) == after


def test_units_are_divided_by_what_is_expected() -> None:
    assert divided(26, {1: 4.0, 2: 6.0}) == {1: 10, 2: 16}
    assert divided(3, {1: 0.0, 2: 0.0}) == {1: 2, 2: 1}
    assert divided(0, {1: 5.0}) == {1: 0}
    assert divided(4, {}) == {}


movements = st.lists(st.builds(Movement, st.integers(-20, 20), st.sampled_from([None, 1, 2, 3])), max_size=6)


@given(st.dictionaries(st.integers(1, 3), st.integers(0, 30), min_size=1), st.integers(0, 60), movements)
@settings(max_examples=80, deadline=None)
def test_shares_always_add_up_to_what_is_there(shares: dict[int, int], stock: int, moved: list[Movement]) -> None:
    after = settled(shares, stock, moved, dict.fromkeys(shares, 1.0))
    assert sum(after.values()) == stock
    assert min(after.values()) >= 0
