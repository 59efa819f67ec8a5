"""Programs that do the same at once: each gets an answer that makes sense, and the shop is as if they had queued."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import Program

AT_ONCE = 6
ROUNDS = 3


def all_at_once(program: Program, method: str, path: str, *bodies: Any) -> list[TestResponse]:
    """Send these bodies at the same moment."""
    barrier = threading.Barrier(len(bodies))

    def send(body: Any) -> TestResponse:
        barrier.wait(10)
        return program.call(method, path, json=body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def outcomes(answers: list[TestResponse]) -> dict[Any, int]:
    """How often each status, or each code of a refusal, was answered."""
    found: dict[Any, int] = {}
    for answer in answers:
        key = answer.status_code if answer.status_code < 400 else answer.get_json()["code"]
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_products_of_one_name_get_handles_of_their_own(program: Program, round_: int) -> None:
    answers = all_at_once(program, "POST", "/products", *[{"name": f"Race {round_}"}] * AT_ONCE)
    assert outcomes(answers) == {201: AT_ONCE}
    handles = {answer.get_json()["data"]["handle"] for answer in answers}
    assert handles == {f"race-{round_}", *(f"race-{round_}-{n}" for n in range(2, AT_ONCE + 1))}


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_drafts_of_one_combination_get_skus_of_their_own(program: Program, round_: int) -> None:
    product = program.product(f"Drafts {round_}")
    body = {"status": "inactive", "price": 1}
    answers = all_at_once(program, "POST", f"/products/{product['id']}/variants", *[body] * AT_ONCE)
    assert outcomes(answers) == {201: AT_ONCE}
    assert len({answer.get_json()["data"]["sku"] for answer in answers}) == AT_ONCE


@pytest.mark.parametrize("draft", [False, True])
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_combination_is_given_to_one(program: Program, round_: int, draft: bool) -> None:
    """Made by one or, where a draft waits, woken by one; the others are told who has it."""
    product = program.product(options=[{"name": "Color", "values": ["Red"]}])
    red = {"option_values": [{"option_name": "Color", "option_value": "Red"}]}
    path = f"/products/{product['id']}/variants"
    if draft:
        program.data("POST", path, {**red, "status": "inactive"})
    bodies = [{**red, "price": n} for n in range(1, AT_ONCE + 1)]

    answers = all_at_once(program, "POST", path, *bodies)

    [winner] = [answer.get_json()["data"] for answer in answers if answer.status_code < 400]
    assert winner["action"] == ("reactivated" if draft else "created")
    losers = [answer.get_json() for answer in answers if answer.status_code >= 400]
    assert len(losers) == AT_ONCE - 1
    assert {problem["code"] for problem in losers} <= {"already_exists", "conflict"}
    assert {problem["variant_id"] for problem in losers} == {winner["id"]}
    [active] = program.data("GET", f"{path}?status=active")
    assert (active["id"], active["price"]) == (winner["id"], winner["price"])


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_drafts_are_activated_one_at_a_time(program: Program, round_: int) -> None:
    product = program.product()
    drafts = [program.variant(product, status="inactive") for _ in range(AT_ONCE)]
    barrier = threading.Barrier(AT_ONCE)

    def activate(draft: Any) -> TestResponse:
        barrier.wait(10)
        return program.call("POST", f"/variants/{draft['id']}/activate")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(activate, drafts))
    assert outcomes(answers) == {200: 1, "conflict": AT_ONCE - 1}
    assert len(program.data("GET", f"/products/{product['id']}/variants?status=active")) == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_an_option_type_is_made_once(program: Program, round_: int) -> None:
    bodies = [{"name": name} for name in (f"Weight {round_}", f"WEIGHT {round_}", f"weight  {round_}")]
    assert outcomes(all_at_once(program, "POST", "/option-types", *bodies)) == {201: 1, "conflict": 2}


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_new_options_of_many_products_are_shared(program: Program, round_: int) -> None:
    products = [program.product() for _ in range(AT_ONCE)]
    names = [f"Shared {round_} {n}" for n in range(4)]
    barrier = threading.Barrier(AT_ONCE)

    def give(n: int) -> TestResponse:
        # Each names them in another order: whoever locked them in that order would wait for the others for ever.
        turned = names[n % 4 :] + names[: n % 4]
        barrier.wait(10)
        options = [{"name": name, "values": ["a", "b"]} for name in turned]
        return program.call("PUT", f"/products/{products[n]['id']}/options", json={"options": options})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(give, range(AT_ONCE)))
    assert outcomes(answers) == {200: AT_ONCE}
    assert len(program.data("GET", f"/option-types?q=Shared {round_} ")) == 4


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_an_order_from_outside_is_taken_once(program: Program, round_: int) -> None:
    body = {"source": "race", "external_id": f"R-{round_}"}
    answers = all_at_once(program, "POST", "/orders", *[body] * AT_ONCE)
    assert outcomes(answers) == {201: 1, "external_id_taken": AT_ONCE - 1}


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_an_order_is_confirmed_once_and_the_last_unit_sold_once(program: Program, round_: int) -> None:
    mug = program.variant(stock=1)
    order = program.order((mug, 1))
    answers = all_at_once(program, "POST", f"/orders/{order['id']}/finalize", *[{}] * AT_ONCE)
    assert outcomes(answers) == {200: 1, "already_finalized": AT_ONCE - 1}

    cup = program.variant(stock=1)
    orders = [program.order((cup, 1)) for _ in range(AT_ONCE)]
    barrier = threading.Barrier(AT_ONCE)

    def finalize(order: Any) -> TestResponse:
        barrier.wait(10)
        return program.call("POST", f"/orders/{order['id']}/finalize")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(finalize, orders))
    assert outcomes(answers) == {200: 1, "insufficient_stock": AT_ONCE - 1}


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_counts_of_one_figure_are_taken_once(program: Program, round_: int) -> None:
    mug = program.variant(stock=10)
    bodies = [{"set": 11 + n, "expected": 10, "reason": "count"} for n in range(AT_ONCE)]
    answers = all_at_once(program, "POST", f"/variants/{mug['id']}/stock-adjustments", *bodies)
    assert outcomes(answers) == {201: 1, "stale_version": AT_ONCE - 1}
    movements = program.data("GET", f"/variants/{mug['id']}/stock-movements")
    assert len(movements) == 2
    assert program.data("GET", f"/variants/{mug['id']}")["stock"] == sum(m["delta"] for m in movements)
