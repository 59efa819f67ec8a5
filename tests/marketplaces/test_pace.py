"""The limiter: four processes together never send more than the marketplace allows, and what is urgent waits for no
reading."""

from __future__ import annotations

import subprocess
import sys

from flask import Flask

from magflow.services import single
from magflow.services.pace import PER_MINUTE, PER_SECOND, AccountPace
from tests.conftest import ShopDatabase

DRAWER = """
import sys, psycopg
from magflow.services import pace
connection = psycopg.connect(sys.argv[1], autocommit=True)
def every(sql, given):
    cursor = connection.execute(sql, given)
    return cursor.fetchall() if cursor.description else []
pace.single.every = every
pace.single.one = lambda sql, given: (every(sql, given) or [None])[0]
account = pace.AccountPace(1)
for n in range(int(sys.argv[2])):
    for kind in ("orders", "others", "eans"):
        print(kind, repr(account.draw(kind, urgent=n % 3 == 0)[1]))
"""


def test_four_processes_stay_below_the_limits(database: ShopDatabase) -> None:
    """They draw turns for minutes ahead, as fast as they can; what is looked at are the moments, on the server's
    clock."""
    count = 150
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DRAWER, database.app_dsn, str(count)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    drawn: dict[str, list[float]] = {"orders": [], "others": [], "eans": []}
    for process in processes:
        for line in process.communicate()[0].splitlines():
            kind, _, moment = line.partition(" ")
            drawn[kind].append(float(moment))
    for kind, found in drawn.items():
        moments = sorted(found)
        assert len(moments) == 4 * count
        for seconds, most in ((1.0, PER_SECOND[kind]), (60.0, PER_MINUTE[kind])):
            first = 0
            for n, moment in enumerate(moments):
                while moments[first] <= moment - seconds:
                    first += 1
                assert n - first + 1 <= most, (kind, seconds)
        used = (len(moments) - 1) / (moments[-1] - moments[0])
        assert used > 0.5 * min(PER_SECOND[kind], PER_MINUTE[kind] / 60)


def test_what_is_urgent_does_not_wait_behind_a_reading(app: Flask) -> None:
    pace = AccountPace(77)
    for _ in range(40):
        last = pace.turn("others")
    assert last > 15
    assert pace.turn("others", urgent=True) < 1.1


def test_a_pause_that_was_asked_for_holds_everybody(app: Flask) -> None:
    AccountPace(78).hold("others", 30)
    assert AccountPace(78).turn("others") > 29
    assert AccountPace(78).turn("others", urgent=True) > 29
    assert AccountPace(79).turn("others") < 1
    row = single.one("SELECT count(*) FROM rate_slots WHERE key LIKE %(k)s", {"k": "78:%"})
    assert row is not None
    assert row[0] == 2
