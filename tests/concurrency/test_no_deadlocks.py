"""Gate G3: no deadlock is ever seen, not even by the server alone, and nobody waits longer than he may."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.gates import storms
from tests.gates.floor import Connection
from tests.gates.server_log import ServerLog

SHARDS = 5
CHECKOUTS, SOAKED, SOAKED_MIXED = 5_000, 50_000, 200_000


def check_storm(app: Flask, admin: psycopg.Connection[Any], seed: str, checkouts: int, *, mixed: bool) -> None:
    """One storm, and what it left."""
    rnd = random.Random(seed)
    with app.app_context():
        ground = storms.prepare(admin, rnd, checkouts)
    log = ServerLog(admin)
    answers = storms.storm(app, ground, rnd, mixed=mixed)
    print(dict(answers))
    assert not log.deadlocks(), log.deadlocks()[0]
    assert not log.lock_timeouts(), log.lock_timeouts()[0]
    assert answers["ok"] >= len(ground.pending) * 0.9
    assert not _unexplained(admin, ground)


def _unexplained(admin: Connection, ground: storms.Ground) -> list[Any]:
    return admin.execute(
        "SELECT v.id FROM variants v JOIN stock_movements m ON m.variant_id = v.id WHERE v.id = ANY(%s) GROUP BY v.id "
        "HAVING (v.stock, v.movement_seq) IS DISTINCT FROM (sum(m.delta), max(m.seq))",
        [list(ground.variants)],
    ).fetchall()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_many_tills_never_wait_for_each_other_in_a_circle(
    busy_app: Flask, admin: psycopg.Connection[Any], seed: int, shard: int
) -> None:
    check_storm(busy_app, admin, f"{seed}/{shard}", CHECKOUTS // SHARDS, mixed=True)


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(10))
@pytest.mark.parametrize(("checkouts", "mixed"), [(SOAKED, False), (SOAKED_MIXED, True)])
def test_many_tills_for_hours(
    busy_app: Flask, admin: psycopg.Connection[Any], seed: int, shard: int, checkouts: int, mixed: bool
) -> None:
    check_storm(busy_app, admin, f"{seed}/{shard}", checkouts // 10, mixed=mixed)
