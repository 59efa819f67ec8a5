"""Figures over time as they are told: over the API, narrowed, as a page and as a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from magflow.blueprints.stock_sync import figure_pages
from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.web import charts
from tests.api.conftest import Program
from tests.stock_sync.market import make_accounts, make_listed, offer


def do(sql: str, **parameters: Any) -> None:
    run(lambda session: execute(session, sql, parameters), SYSTEM)


@pytest.fixture(scope="module")
def history(module_app: Flask) -> None:
    """Five weeks of days, and cases of which enough were acted upon."""
    with module_app.app_context():
        make_accounts("main", "fbe")
        do(
            """INSERT INTO stock_figures (day, account_id, brand, category, offers, sent, overdue, stock, contested,
                   zero_stock, weekly_cents, lost_cents, resolved, resolved_seconds)
               SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date - n, a.id, b.brand, 'Home', 10, 10 - n / 7, n / 7,
                      100, 40, n / 5, 700 * (n / 5), 100, 1, 7200
               FROM generate_series(0, 34) n
               CROSS JOIN (SELECT id FROM marketplace_accounts UNION ALL SELECT NULL) a
               CROSS JOIN (VALUES ('Inul'), ('Lumea')) b (brand)"""
        )
        variant = make_listed(offer("main", 9), offer("fbe", 26))
        do(
            """WITH made AS (
                   INSERT INTO stock_alerts (variant_id, cause, priority, account_ids, state, resolved_at)
                   SELECT %(v)s, 'zero_stock', 0, ARRAY[(SELECT id FROM marketplace_accounts WHERE code = 'main')],
                          'resolved', clock_timestamp() FROM generate_series(1, 64) RETURNING id, account_ids)
               INSERT INTO stock_cases (alert_id, cause, account_ids, brand, category, possible, followed, started_at,
                   judged_on, recovered, before_cents, after_cents, cost_cents)
               SELECT id, 'zero_stock', account_ids, 'Inul', 'Home', true, n > 33, clock_timestamp(),
                      (clock_timestamp() AT TIME ZONE 'UTC')::date - (n %% 10)::integer, n %% 2 = 0 OR n > 50, 1000,
                      CASE WHEN n > 33 THEN 5000 ELSE 2000 END, CASE WHEN n > 33 THEN 500 ELSE 0 END
               FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM made) AS m""",
            v=variant.id,
        )
        db.session.remove()


@pytest.mark.usefixtures("history")
def test_the_figures_over_the_api(program: Program) -> None:
    data = program.data("GET", "/stock-sync/figures")
    assert (data["account"], data["brand"], data["category"], data["currency"]) == (None, None, None, "RON")
    found = {one["figure"]: one for one in data["figures"]}
    assert list(found) == ["zero_stock", "updated", "efficiency", "recovery", "return"]
    zero = found["zero_stock"]
    assert (zero["unit"], zero["value"], zero["change_in_a_week"], len(zero["points"])) == ("products", 0, -2, 35)
    assert zero["points"][0] == {
        "day": (datetime.now(UTC).date() - timedelta(days=34)).isoformat(), "products": 12, "lost_that_day": "12.00",
        "lost_so_far": "2.00", "resolved": 2, "hours_to_resolution": 2.0,
    }  # fmt: skip
    assert (zero["beside"]["resolved"], zero["beside"]["hours_to_resolution"]) == (70, 2.0)
    assert (found["updated"]["value"], found["updated"]["change_in_a_week"]) == (100.0, 10.0)
    assert found["efficiency"]["value"] == 40.0
    # 31 were acted upon: 8 of the 17 up to the fiftieth, and all 14 behind it; 33 were not, and 16 came back.
    recovery = found["recovery"]
    assert (recovery["enough_cases"], recovery["value"]) == (True, 74.2)
    assert recovery["beside"] == {
        "cases_acted_upon": 31, "not_acted_upon": 48.5, "cases_not_acted_upon": 33,
    }  # fmt: skip
    # 31 x (40 - 10 - 5)
    assert (found["return"]["value"], found["return"]["unit"]) == ("775.00", "money")
    assert found["recovery"]["points"][0]["acted_upon"] is None  # the first days had too few cases


@pytest.mark.usefixtures("history")
def test_figures_are_narrowed(program: Program) -> None:
    def points(query: str, figure: str = "efficiency") -> list[dict[str, Any]]:
        [one] = program.data("GET", f"/stock-sync/figures?figure={figure}&{query}")["figures"]
        return one["points"]  # type: ignore[no-any-return]

    assert points("account=main")[-1]["stock"] == 200
    assert points("brand=Inul&category=Home")[-1]["stock"] == 100
    assert points("brand=Voltino") == points("category=Garden") == []
    week = (datetime.now(UTC).date() - timedelta(days=6)).isoformat()
    assert len(points(f"from={week}")) == 7
    [few] = program.data("GET", "/stock-sync/figures?figure=recovery&account=fbe")["figures"]
    assert (few["value"], few["enough_cases"], few["points"]) == (None, False, [])
    for query, field in (
        ("account=nowhere", "account"), ("from=2026-03-05&to=2026-03-04", "from"), ("from=2020-01-01", "from"),
        ("figure=luck", "figure"), ("from=yesterday", "from"),
    ):  # fmt: skip
        refused = program.refused("GET", f"/stock-sync/figures?{query}", status=422, code="validation_error")
        assert [error["field"] for error in refused["errors"]] == [field], query


@pytest.mark.usefixtures("history")
def test_the_statements_do_not_grow_with_the_period(program: Program, statements: list[str]) -> None:
    counts = []
    for days in (2, 30):
        since = (datetime.now(UTC).date() - timedelta(days=days)).isoformat()
        statements.clear()
        program.data("GET", f"/stock-sync/figures?from={since}")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 7


def test_a_scale_is_easily_read() -> None:
    for low, high, expected in (
        (0, 100, (0, 50)), (0, 7, (0, 5)), (0, 1, (0, 0.5)), (0, 0, (0, 0)), (-30, 40, (-50, 50)), (0, 41, (0, 25)),
    ):  # fmt: skip
        edge, step = charts.scale(low, high)
        assert edge <= low
        assert edge + 2 * step >= high
        if high:
            assert (edge, step) == expected
    one = charts.chart([charts.Line("A", [1, None, 3, 4])], ["a", "b", "c", "d"], ["a", "b", "c", "d"])
    assert one is not None
    assert (one.ticks, one.paths[0][1]) == ((4, 2, 0), "M0 90 h6 M400 30 L600 0")
    assert charts.chart([charts.Line("A", [None])], ["a"], ["a"]) is None


@pytest.mark.parametrize("most", range(13))
def test_what_is_counted_has_whole_numbers_at_itsupper_edge(most: int) -> None:
    line = charts.Line("products", [0, float(most)])
    one = charts.chart([line], ["a", "b"], ["a", "b"], most=figure_pages.upper_edge("count", [line]))
    assert one is not None
    assert one.ticks[0] >= most
    assert all(tick == int(tick) for tick in one.ticks)
