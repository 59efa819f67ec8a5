"""Gate G4: each fault, planted alone, is found: within a thousand histories, by a storm, or by the play it names."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.gates import storms
from tests.gates.histories import Stage
from tests.gates.mutants import MUTANTS, Mutant
from tests.gates.server_log import ServerLog

HISTORIES = 1_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_fault_is_found(
    busy_app: Flask, admin: psycopg.Connection[Any], stage: Stage, seed: int, mutant: Mutant
) -> None:
    if mutant.found_by == "histories":
        with mutant.plant():
            tally = stage.run(seed, 0, HISTORIES, until_found=True)
        print(tally)
        assert tally.findings, f"{mutant} lives on after {tally}"
        print(tally.findings[0])
    elif mutant.found_by == "storm":
        assert _deadlocks(busy_app, admin, seed, mutant), f"{mutant} lives on"
    else:
        with busy_app.app_context():
            mutant.found_by(busy_app, admin)
            with mutant.plant(), pytest.raises(AssertionError) as found:
                mutant.found_by(busy_app, admin)
        print(found.value)


def _deadlocks(app: Flask, admin: psycopg.Connection[Any], seed: int, mutant: Mutant) -> list[str]:
    rnd = random.Random(seed)
    with app.app_context():
        ground = storms.prepare(admin, rnd, 300)
    log = ServerLog(admin)
    with mutant.plant():
        storms.storm(app, ground, rnd, mixed=False)
    return log.deadlocks()
