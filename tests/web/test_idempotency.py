"""A key names an intention: however often it is sent, one effect and one answer (reliability 2.8, gate G8)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
from flask import Flask

from magflow.services import idempotency
from tests.web import probe
from tests.web.conftest import SYSTEM, make_token

_keys = itertools.count(1)


@pytest.fixture
def key() -> str:
    return f"intention-{next(_keys)}"


@pytest.fixture
def times(owner) -> object:
    """How often the work of a note took effect."""

    def count(name: str) -> int:
        row = owner.execute("SELECT (value #>> '{}')::int FROM settings WHERE key = %s", [f"probe.{name}"]).fetchone()
        return int(row[0]) if row else 0

    return count


def test_the_same_request_again_gets_the_first_answer(program, key, times):
    first = program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key})
    second = program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_data() == second.get_data()
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"
    assert times(key) == 1


def test_the_order_of_keys_and_blanks_do_not_make_another_body(program, key, times):
    for body in ('{"key": "%s", "value": "2"}', '{"value":"2",  "key":"%s"}'):
        answer = program(
            "POST", "/notes", data=body % key, content_type="application/json", headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 201
    assert times(key) == 1


def test_another_body_with_the_same_key_is_refused(program, key, times):
    program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key})
    answer = program("POST", "/notes", json={"key": key, "value": "2"}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert times(key) == 1


def test_the_same_key_for_another_thing_is_refused(program, key):
    assert program("POST", "/notes/1/touch", headers={"Idempotency-Key": key}).status_code == 200
    answer = program("POST", "/notes/2/touch", headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")


def test_keys_of_others_and_of_other_routes_are_other_keys(site: Flask, program, key, times):
    other = make_token(site)
    program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key})
    program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key}, token=other)
    assert program("POST", "/notes/77/touch", headers={"Idempotency-Key": key}).status_code == 200
    assert times(key) == 2


def test_a_refusal_is_kept_too_and_changed_nothing(program, key, times):
    answers = [
        program("POST", "/notes", json={"key": key, "outcome": "refused"}, headers={"Idempotency-Key": key})
        for _ in range(2)
    ]
    assert [a.status_code for a in answers] == [409, 409]
    assert answers[0].get_data() == answers[1].get_data()
    assert answers[1].json["shortages"] == [{"variant_id": 1, "sku": "MUG", "wanted": 3, "available": 1}]
    assert answers[1].content_type == "application/problem+json"
    assert answers[1].headers["Idempotent-Replay"] == "true"
    assert times(key) == 0


@pytest.mark.parametrize(("outcome", "status"), [("missing", 404), ("later", 503), ("bug", 500)])
def test_what_was_no_answer_for_good_frees_the_key(program, key, times, outcome, status):
    first = program("POST", "/notes", json={"key": key, "outcome": outcome}, headers={"Idempotency-Key": key})
    assert first.status_code == status
    assert times(key) == 0
    again = program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key})
    assert again.status_code == 201
    assert times(key) == 1


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\tb", "ключ"])
def test_a_key_that_is_none_is_refused_by_name(program, bad):
    headers = {"Idempotency-Key": bad.encode("utf-8").decode("latin-1")}
    answer = program("POST", "/notes", json={"key": "bad"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


@pytest.fixture
def gate() -> Iterator[None]:
    probe.gate.clear()
    probe.inside.clear()
    yield
    probe.gate.set()


def test_while_the_first_runs_the_second_is_told_so(program, key, times, gate):
    answers = []

    def first() -> None:
        body = {"key": key, "outcome": "slow"}
        answers.append(program("POST", "/notes", json=body, headers={"Idempotency-Key": key}))

    thread = threading.Thread(target=first)
    thread.start()
    assert probe.inside.wait(10)
    second = program("POST", "/notes", json={"key": key, "outcome": "slow"}, headers={"Idempotency-Key": key})
    probe.gate.set()
    thread.join()
    third = program("POST", "/notes", json={"key": key, "outcome": "slow"}, headers={"Idempotency-Key": key})

    assert (second.status_code, second.json["code"]) == (409, "idempotency_in_progress")
    assert answers[0].status_code == 201
    assert third.headers["Idempotent-Replay"] == "true"
    assert times(key) == 1


def test_many_copies_at_once_have_one_effect(program, times):
    for round_ in range(25):
        name = f"copies-{round_}"
        barrier, answers = threading.Barrier(6), []

        def send(name: str = name, barrier: threading.Barrier = barrier, answers: list = answers) -> None:
            barrier.wait()
            answers.append(program("POST", "/notes", json={"key": name}, headers={"Idempotency-Key": name}))

        threads = [threading.Thread(target=send) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for a in answers} <= {201, 409}
        assert all(a.json["code"] == "idempotency_in_progress" for a in answers if a.status_code == 409)
        assert len({a.get_data() for a in answers if a.status_code == 201}) == 1
        assert times(name) == 1


def test_answers_are_forgotten_after_a_week(site: Flask, program, key, owner):
    program("POST", "/notes", json={"key": key}, headers={"Idempotency-Key": key})
    with site.app_context():
        idempotency.delete_old(actor=SYSTEM)
        assert owner.execute("SELECT 1 FROM idempotency_keys WHERE key = %s", [key]).fetchone()
        owner.execute("UPDATE idempotency_keys SET created_at = clock_timestamp() - interval '8 days'")
        assert idempotency.delete_old(actor=SYSTEM) >= 1
