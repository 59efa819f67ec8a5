"""Gate G2: two operations, stepped statement by statement through every order in which the server can run them.

The answers and what stands afterwards must be those of one of them after the other, whatever came between.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.gates import scenes
from tests.gates.interleavings import Choose, Player, Stepper, drawn, orderings
from tests.gates.server_log import ServerLog

CRITICAL = [
    ("finalize", "finalize"),
    ("finalize", "restock"),
    ("finalize", "change line's variant"),
    ("finalize", "hard delete"),
    ("create variant", "change product options"),
    ("finalize", "count"),
    ("finalize many", "finalize"),
    ("finalize", "price change"),
]
EVERY_DEED = [deed for deed in scenes.DEEDS if deed != "finalize the same order"]

TRIPLES = 10_000

Ending = tuple[Any, Any, tuple[Any, ...]]


@dataclass
class Duel:
    """Two deeds on fresh scenes."""

    app: Flask
    control: psycopg.Connection[Any]
    stepper: Stepper
    deeds: tuple[str, str]

    def fresh(self) -> scenes.Scene:
        return scenes.lay_out(self.control, lean="hard delete" in self.deeds)

    def acts(self, scene: scenes.Scene) -> dict[str, Any]:
        first, second = self.deeds
        # Where something is deleted, the other side must be about the same variant.
        swapped = "hard delete" in self.deeds
        return {
            "A": scenes.act(scene, first, other=swapped),
            "B": scenes.act(scene, second, other=not swapped),
        }

    def one_after_the_other(self, order: str) -> Ending:
        """How it ends when nothing comes between."""
        scene = self.fresh()
        acts = self.acts(scene)
        answers = {name: acts[name]() for name in order}
        return answers["A"], answers["B"], scenes.view(self.control, scene)

    def play(self, choose: Choose) -> tuple[Ending, list[Player], list[list[str]]]:
        """How it ends when the steps are chosen so."""
        scene = self.fresh()
        players, choices = self.stepper.play(self.acts(scene), choose)
        answers = {player.name: player.answer for player in players}
        return (answers["A"], answers["B"], scenes.view(self.control, scene)), players, choices


@pytest.fixture
def stepper(busy_app: Flask, admin: psycopg.Connection[Any]) -> Iterator[Stepper]:
    with busy_app.app_context():
        yield Stepper(busy_app, admin)


def every_ordering_ends_well(duel: Duel, admin: psycopg.Connection[Any], seed: int, *, most: int) -> tuple[int, bool]:
    """Play the orderings of a duel; returns how many were played, and whether those were all."""
    a_first, b_first = duel.one_after_the_other("AB"), duel.one_after_the_other("BA")
    log = ServerLog(admin)
    wrong: list[str] = []

    def play(choose: Choose) -> list[list[str]]:
        ending, players, choices = duel.play(choose)
        late = next((player for player in players if player.started_after), None)
        allowed = [a_first, b_first] if late is None else [a_first if late.name == "B" else b_first]
        if ending not in allowed:
            taken = "".join(choice[0] for choice in choices)
            wrong.append(f"{taken}\n  ended  {ending}\n  A first {a_first}\n  B first {b_first}")
        return choices

    count, complete = orderings(play, most=most, then_drawn=most // 2, rnd=random.Random(seed))
    assert not wrong, f"{duel.deeds}: {len(wrong)} of {count} orderings end like no serial order:\n{wrong[0]}"
    assert not log.deadlocks(), f"{duel.deeds}: {log.deadlocks()[0]}"
    return count, complete


@pytest.mark.parametrize("deeds", CRITICAL, ids=" - ".join)
def test_every_interleaving_ends_like_one_after_the_other(
    busy_app: Flask, admin: psycopg.Connection[Any], stepper: Stepper, deeds: tuple[str, str], seed: int
) -> None:
    count, complete = every_ordering_ends_well(Duel(busy_app, admin, stepper, deeds), admin, seed, most=5_000)
    print(f"{count} orderings")
    assert complete, "the critical pairs are played in all orderings"
    assert count >= 5, "so few orderings mean that the steps are not seen"


@pytest.mark.soak
@pytest.mark.parametrize(
    "deeds",
    [*itertools.combinations_with_replacement(EVERY_DEED, 2), ("finalize the same order", "finalize the same order")],
    ids=" - ".join,
)
def test_every_pair_ends_like_one_after_the_other(
    busy_app: Flask, admin: psycopg.Connection[Any], stepper: Stepper, deeds: tuple[str, str], seed: int
) -> None:
    count, complete = every_ordering_ends_well(Duel(busy_app, admin, stepper, deeds), admin, seed, most=2_000)
    assert complete or count >= 2_000
    print(f"{count} orderings")


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(10))
def test_any_three_end_like_one_after_the_other(
    busy_app: Flask, admin: psycopg.Connection[Any], stepper: Stepper, seed: int, shard: int
) -> None:
    rnd = random.Random(f"{seed}/{shard}")
    for _ in range(TRIPLES // 10):
        deeds = [rnd.choice(EVERY_DEED) for _ in range(3)]
        lean = "hard delete" in deeds
        sides = [rnd.random() < 0.5 for _ in range(3)]

        def acts(scene: scenes.Scene, deeds: list[str] = deeds, sides: list[bool] = sides) -> dict[str, Any]:
            named = zip("ABC", deeds, sides, strict=True)
            return {name: scenes.act(scene, deed, other=other) for name, deed, other in named}

        serial = []
        for order in itertools.permutations("ABC"):
            scene = scenes.lay_out(admin, lean=lean)
            answers = {name: acts(scene)[name]() for name in order}
            serial.append(([answers[name] for name in "ABC"], scenes.view(admin, scene)))
        scene = scenes.lay_out(admin, lean=lean)
        players, choices = stepper.play(acts(scene), drawn(rnd))
        ending = ([player.answer for player in players], scenes.view(admin, scene))
        taken = "".join(choice[0] for choice in choices)
        assert ending in serial, f"{deeds} {sides} along {taken} ended {ending}"
