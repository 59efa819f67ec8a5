"""A repeated request has one effect and one answer (reliability 2.8)."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import Program, make_token
from tests.conftest import ShopDatabase


def keyed(key: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


def stock_of(program: Program, variant: Any) -> int:
    return int(program.data("GET", f"/variants/{variant['id']}")["stock"])


def adjust(program: Program, variant: Any, body: Any, key: str) -> TestResponse:
    return program.call("POST", f"/variants/{variant['id']}/stock-adjustments", json=body, **keyed(key))


def test_the_same_key_and_body_give_the_first_answer_again(program: Program) -> None:
    variant = program.variant(stock=5)
    first = adjust(program, variant, {"delta": 2, "reason": "found"}, "again")
    # The order of keys and the way a number is written do not make another body.
    second = program.call(
        "POST",
        f"/variants/{variant['id']}/stock-adjustments",
        data=b' {"reason" : "found", "delta": 2 } ',
        content_type="application/json",
        **keyed("again"),
    )

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.data == first.data
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.mimetype == "application/json"
    assert stock_of(program, variant) == 7


def test_another_body_under_the_same_key_is_refused(program: Program) -> None:
    variant, other = program.variant(stock=5), program.variant(stock=5)
    adjust(program, variant, {"delta": 2, "reason": "found"}, "reused")

    for target, body in ((variant, {"delta": 3, "reason": "found"}), (other, {"delta": 2, "reason": "found"})):
        problem = adjust(program, target, body, "reused")
        assert (problem.status_code, problem.get_json()["code"]) == (422, "idempotency_key_reused")
    assert (stock_of(program, variant), stock_of(program, other)) == (7, 5)


def test_a_refusal_is_kept_like_a_success(program: Program) -> None:
    mug = program.variant(stock=0)
    path = f"/orders/{program.order((mug, 1))['id']}/finalize"
    first = program.call("POST", path, **keyed("short"))
    assert (first.status_code, first.get_json()["code"]) == (409, "insufficient_stock")
    adjust(program, mug, {"delta": 1, "reason": "found"}, "arrived")

    again = program.call("POST", path, **keyed("short"))

    assert (again.status_code, again.data, again.mimetype) == (409, first.data, "application/problem+json")
    assert again.headers["Idempotent-Replay"] == "true"
    assert program.call("POST", path, **keyed("new intention")).status_code == 200


def test_a_key_is_free_again_after_what_was_never_decided(program: Program) -> None:
    body: dict[str, Any] = {"items": [{"sku": "COMES-LATER", "quantity": 1}]}
    assert program.call("POST", "/orders", json=body, **keyed("later")).status_code == 404
    assert program.call("POST", "/orders", json={"items": 7}, **keyed("later")).status_code == 422
    program.variant(sku="COMES-LATER")
    assert program.call("POST", "/orders", json=body, **keyed("later")).status_code == 201


def test_keys_belong_to_the_token_and_the_address(program: Program) -> None:
    variant = program.variant(stock=5)
    neighbour = Program(program.app, make_token(program.app))
    body = {"delta": 2, "reason": "found"}
    for who in (program, neighbour):
        assert adjust(who, variant, body, "shared").status_code == 201
    assert stock_of(program, variant) == 9
    made = program.call("POST", "/products", json={"name": "Other address"}, **keyed("shared"))
    assert made.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "ă", "a\tb"])
def test_a_key_is_printable_and_short(program: Program, key: str) -> None:
    answer = program.call(
        "POST", "/products", json={"name": "Keyed"}, headers={"Idempotency-Key": key.encode().decode("latin-1")}
    )
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_copy_of_a_request_that_still_runs_is_told_so(program: Program, database: ShopDatabase) -> None:
    variant = program.variant(stock=5)
    with psycopg.connect(database.owner_dsn) as first:
        first.execute(
            "INSERT INTO idempotency_keys (actor_kind, actor_id, method, route, key, body_sha256)"
            " SELECT 'token', id, 'POST', '/api/v1/variants/<int:variant_id>/stock-adjustments', 'slow', ''"
            " FROM api_tokens"
        )
        copy = adjust(program, variant, {"delta": 2, "reason": "found"}, "slow")
        assert (copy.status_code, copy.get_json()["code"]) == (409, "idempotency_in_progress")
        first.rollback()
    assert adjust(program, variant, {"delta": 2, "reason": "found"}, "slow").status_code == 201
    assert stock_of(program, variant) == 7


def test_a_request_that_could_not_be_served_leaves_its_key_free(program: Program, database: ShopDatabase) -> None:
    mug = program.variant(stock=1)
    order = program.order((mug, 1))
    with psycopg.connect(database.owner_dsn) as somebody:
        somebody.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [order["id"]])
        busy = program.call("POST", f"/orders/{order['id']}/finalize", **keyed("busy"))
        assert (busy.status_code, busy.get_json()["code"]) == (503, "retry_later")
        assert int(busy.headers["Retry-After"]) >= 1
        somebody.rollback()
    assert program.call("POST", f"/orders/{order['id']}/finalize", **keyed("busy")).status_code == 200
    assert stock_of(program, mug) == 0


@pytest.mark.parametrize("keys", [60, pytest.param(5_000, marks=pytest.mark.soak)])
def test_copies_that_come_at_once_have_one_effect_and_one_answer(program: Program, keys: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with ThreadPoolExecutor(8) as pool:
        for n in range(keys):
            check_race(program, pool, f"race {seed} {n}", dice)


def check_race(program: Program, pool: ThreadPoolExecutor, key: str, dice: random.Random) -> None:
    """Send copies of one request at once; all but the odd "still running" say the same, and one took effect."""
    variant = program.variant(stock=10)
    copies = dice.randint(2, 8)
    send, effect = dice.choice([_adjusting, _ordering, _finalizing])(program, variant, key)
    answers = list(pool.map(lambda _: send(), range(copies)))

    told = [a for a in answers if a.status_code != 409 or a.get_json()["code"] != "idempotency_in_progress"]
    assert told, [a.status_code for a in answers]
    assert len({(a.status_code, a.data) for a in told}) == 1, [a.data for a in told]
    assert sum("Idempotent-Replay" not in a.headers for a in told) == 1
    assert effect() == 1


Sending = tuple[Callable[[], TestResponse], Callable[[], int]]


def _adjusting(program: Program, variant: Any, key: str) -> Sending:
    return (
        lambda: adjust(program, variant, {"delta": -3, "reason": key}, key),
        lambda: len(program.data("GET", f"/variants/{variant['id']}/stock-movements")) - 1,
    )


def _ordering(program: Program, variant: Any, key: str) -> Sending:
    body = {"items": [{"variant_id": variant["id"], "quantity": 1}], "customer_name": key}
    return (
        lambda: program.call("POST", "/orders", json=body, **keyed(key)),
        lambda: len(program.data("GET", f"/orders?q={key}")),
    )


def _finalizing(program: Program, variant: Any, key: str) -> Sending:
    path = f"/orders/{program.order((variant, 4))['id']}/finalize"
    return (
        lambda: program.call("POST", path, **keyed(key)),
        lambda: (10 - stock_of(program, variant)) // 4,
    )
