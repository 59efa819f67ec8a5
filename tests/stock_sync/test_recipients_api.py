"""Who is told, over the API: added, changed, unsubscribed, tried, taken away; and what was sent."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from magflow.db import db
from tests.api.conftest import Program, make_token

pytestmark = pytest.mark.usefixtures("accounts")

MARIA = {"name": "Maria", "email": "maria@shop.example", "locale": "ro", "timezone": "Europe/Bucharest"}


def test_a_life_of_a_recipient(app: Flask, program: Program) -> None:
    made = program.data("POST", "/notifications/recipients", {**MARIA, "digest_at": "06:45"}, status=201)
    assert made.items() >= {
        **MARIA, "phone": None, "active": True, "digest": True, "digest_at": "06:45", "alerts_email": "high",
        "alerts_sms": "off", "sms_per_day": 5, "quiet_from": None, "quiet_to": None,
    }.items()  # fmt: skip
    path = f"/notifications/recipients/{made['id']}"
    changed = program.data("PATCH", path, {"quiet_from": "22:00", "quiet_to": "06:30", "alerts_email": "medium"})
    assert changed == {**made, "quiet_from": "22:00", "quiet_to": "06:30", "alerts_email": "medium",
                       "alerts_since": changed["alerts_since"]}  # fmt: skip
    assert changed["alerts_since"] > made["alerts_since"]
    assert program.data("GET", path) == changed
    one = program.data("POST", f"{path}/unsubscribe", {"kind": "digest"})
    assert (one["digest"], one["alerts_email"]) == (False, "medium")
    both = program.data("POST", f"{path}/unsubscribe")
    assert (both["digest"], both["alerts_email"]) == (False, "off")
    assert program.data("POST", f"{path}/unsubscribe") == both
    assert [one["id"] for one in program.data("GET", "/notifications/recipients")] == [made["id"]]
    assert program.data("DELETE", path)["name"] == "Maria"
    program.refused("GET", path, status=404, code="not_found")


def test_what_does_not_fit_is_refused_by_field(app: Flask, program: Program) -> None:
    def fields(body: dict[str, Any]) -> set[tuple[str, str]]:
        refused = program.refused("POST", "/notifications/recipients", body, status=422, code="validation_error")
        return {(error["field"], error["code"]) for error in refused["errors"]}

    assert fields({}) == {("name", "required")}
    assert fields({"name": "Ion"}) == {("email", "required")}
    assert fields({"name": "Ion", "phone": "12", "alerts_sms": "high"}) == {("phone", "not_a_phone")}
    assert fields({**MARIA, "digest_at": "7:30"}) == {("digest_at", "invalid")}
    assert fields({**MARIA, "quiet_from": "22:00"}) == {("quiet_to", "required")}
    assert fields({**MARIA, "timezone": "Mars"}) == {("timezone", "unknown")}
    assert fields({**MARIA, "alerts_sms": "medium"}) == {("alerts_sms", "not_one_of")}


def test_a_test_is_made_by_a_job_and_listed(app: Flask, program: Program) -> None:
    made = program.data("POST", "/notifications/recipients", MARIA, status=201)
    path = f"/notifications/recipients/{made['id']}/test"
    assert program.data("POST", path, status=202) == {"recipient_id": made["id"], "channel": "email"}
    with db.engine.connect() as connection:
        args = connection.exec_driver_sql(
            "SELECT args FROM procrastinate_jobs WHERE task_name = 'notifications.test'"
        ).scalar_one()
    assert args["recipient_id"] == made["id"]
    program.refused("POST", "/notifications/recipients/987654321/test", status=404, code="not_found")
    answer = program.call("GET", "/notifications/messages?state=sent").get_json()
    assert (answer["data"], answer["meta"]["total"]) == ([], 0)
    program.data("DELETE", f"/notifications/recipients/{made['id']}")


def test_pages_and_permissions(app: Flask, program: Program, module_app: Flask) -> None:
    ids = [program.data("POST", "/notifications/recipients", {**MARIA, "name": name}, status=201)["id"]
           for name in ("C", "B", "A")]  # fmt: skip
    first = program.call("GET", "/notifications/recipients?limit=2").get_json()
    assert [one["id"] for one in first["data"]] == ids[:2]
    assert first["meta"]["total"] == 3
    rest = program.call("GET", f"/notifications/recipients?limit=2&cursor={first['meta']['next_cursor']}").get_json()
    assert ([one["id"] for one in rest["data"]], rest["meta"]["next_cursor"]) == (ids[2:], None)
    narrow = Program(module_app, make_token(module_app, "stock:read", "stock:write"))
    narrow.refused("GET", "/notifications/recipients", status=403, code="forbidden")
