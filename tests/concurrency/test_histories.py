"""Gate G1: whatever runs at the same time, there is an order, one at a time, that explains every answer and the end."""

from __future__ import annotations

import pytest

from tests.gates.histories import Stage

SHARDS = 10
HISTORIES, SOAKED = 10_000, 250_000

KEPT: tuple[tuple[int, int], ...] = ((2, 7), (2, 8), (1, 26), (1, 67))
"""(seed, number) of histories that once told something, of the shop or of the gate: played again for ever."""


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_answer_can_be_explained(stage: Stage, seed: int, shard: int) -> None:
    tally = stage.run(seed, shard * HISTORIES, HISTORIES // SHARDS)
    print(tally)
    assert not tally.findings, "\n".join(map(str, tally.findings[:3]))


@pytest.mark.parametrize(("kept_seed", "number"), KEPT)
def test_what_once_told_something_is_explained(stage: Stage, kept_seed: int, number: int) -> None:
    for _ in range(20):
        tally = stage.run(kept_seed, number, 1, kept=True)
        assert not tally.findings, str(tally.findings[0])


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(25))
def test_every_answer_can_be_explained_for_hours(stage: Stage, seed: int, shard: int) -> None:
    tally = stage.run(seed, shard * SOAKED, SOAKED // 25)
    print(tally)
    assert not tally.findings, "\n".join(map(str, tally.findings[:3]))
