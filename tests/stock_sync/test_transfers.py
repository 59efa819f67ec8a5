"""Transfers: suggested to the letter, carried out once, received as it arrives, taken back as far as they went."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from magflow.concurrency import execute, run
from magflow.domain.actors import SYSTEM
from magflow.models import Variant
from magflow.services.stock_sync import transfers
from tests.api.conftest import Program
from tests.shop import ANA, movements_of, stock_of
from tests.stock_sync.market import emg331, make_accounts, make_listed, offer, put_offers, value

pytestmark = pytest.mark.usefixtures("accounts")


def asked(
    variant: Variant, amount: int = 10, giver: str = "fbe", receiver: str = "main", **more: Any
) -> dict[str, Any]:
    return {"variant_id": variant.id, "from_account": giver, "to_account": receiver, "amount": amount, **more}


def shown(variant: Variant) -> dict[str, int]:
    found: dict[str, int] = value(
        "SELECT jsonb_object_agg(a.code, o.stock) FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id "
        "WHERE o.variant_id = :v",
        v=variant.id,
    )
    return found


def test_the_reference_case(program: Program) -> None:
    variant = emg331()
    body = {"sku": "EMG331", "from_account": "fbe", "to_account": "main", "amount": 10}
    assert program.data("POST", "/stock-sync/transfer/suggest", body) == {
        "sku": "EMG331",
        "transfer": {"from_account": "fbe", "to_account": "main", "amount": 10},
        "current_state": {"stock_fbe": 26, "stock_main": 0},
        "proposed_state": {"stock_fbe": 16, "stock_main": 10},
        "impact": {"from_account_impact": "Safe", "to_account_impact": "Will gain/maintain buy button"},
        "warnings": [],
        "recommendation": "Proceed",
    }
    made = program.data("POST", "/stock-sync/transfers", body, status=201)
    assert (made["kind"], made["state"], made["stage"]) == ("shipment", "suggested", None)
    # A double click, a lost answer: it is the same transfer.
    assert program.data("POST", "/stock-sync/transfers", body, status=200)["id"] == made["id"]
    path = f"/stock-sync/transfers/{made['id']}"
    for _twice in range(2):
        assert program.data("POST", f"{path}/approve")["stage"] == "requested"
    assert program.data("POST", f"{path}/ship")["stage"] == "in_transit"
    assert (stock_of(variant), shown(variant)) == (0, {"main": 0, "fbe": 26})
    for _twice in range(2):
        done = program.data("POST", f"{path}/receive", {"quantity": 10})
        assert (done["state"], done["stage"], done["received"]) == ("done", "received", 10)
        assert (stock_of(variant), movements_of(variant)) == (10, [10])
    assert (done["priority_before"], done["priority_after"]) == ("high", "normal")
    assert done["stock_before"] == {"stock_fbe": 26, "stock_main": 0}
    # What the marketplace holds is read, never written: FBE shows 16 at its next reading.
    assert shown(variant) == {"main": 10, "fbe": 26}
    put_offers([(variant, [offer("fbe", 16, 2, key="DEMG331BM")])])
    analysis = program.data("GET", "/stock-sync/analyze/EMG331")
    assert (analysis["current_situation"]["total_stock"], analysis["priority"]) == (26, "normal")
    resolved = program.data("GET", "/stock-sync/alerts?sku=EMG331&state=resolved")
    assert resolved == []  # nobody had looked before it was moved: no alert was opened
    assert [row["id"] for row in program.data("GET", "/stock-sync/transfers?sku=EMG331")] == [made["id"]]
    for query in ("state=done", "status=done"):
        [found] = program.data("GET", f"/stock-sync/transfers?{query}")
        assert (found["id"], found["state"], found["status"]) == (made["id"], "done", "done")
    assert program.data("GET", "/stock-sync/transfers?status=running") == []
    program.refused("GET", "/stock-sync/transfers?status=done&state=done", status=422, code="validation_error")


def test_what_is_refused(program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    alone = make_listed(offer("fbe", 26))

    def refused(body: dict[str, Any], status: int, code: str) -> Any:
        return program.refused("POST", "/stock-sync/transfer/suggest", body, status=status, code=code)

    refused({"sku": "NO-SUCH", "from_account": "fbe", "to_account": "main", "amount": 1}, 404, "not_found")
    refused({"from_account": "fbe", "to_account": "main", "amount": 1}, 422, "validation_error")
    refused(asked(variant, giver="ebay"), 422, "validation_error")
    refused(asked(variant, giver="main"), 422, "same_account")
    refused(asked(variant, 0), 422, "validation_error")
    refused(asked(variant, -1), 422, "validation_error")
    refused(asked(variant, 27), 409, "insufficient_offer_stock")
    refused(asked(alone, 1), 422, "validation_error")
    # The giver would be left with nothing in a competition: only when somebody says so.
    review = program.data("POST", "/stock-sync/transfer/suggest", asked(variant, 26))
    assert (review["impact"]["from_account_impact"], review["recommendation"]) == ("Will lose buy button", "Review")
    assert len(review["warnings"]) == 1
    program.refused("POST", "/stock-sync/transfers", asked(variant, 26), status=409, code="conflict")
    program.data("POST", "/stock-sync/transfers", asked(variant, 26, confirm=True), status=201)
    program.refused("POST", "/stock-sync/transfers", asked(variant, 5), status=409, code="conflict")


def test_goods_that_leave_the_shop_are_gone_when_they_leave(program: Program) -> None:
    variant = make_listed(offer("main", 30), offer("fbe", 0), own_stock=30)
    made = program.data("POST", "/stock-sync/transfers", asked(variant, 12, "main", "fbe", approve=True), status=201)
    path = f"/stock-sync/transfers/{made['id']}"
    assert stock_of(variant) == 30
    for _twice in range(2):
        program.data("POST", f"{path}/ship")
        assert (stock_of(variant), shown(variant)["main"]) == (18, 18)
    # Part of it arrives, then less than was sent: the rest is written down with its reason.
    part = program.data("POST", f"{path}/receive", {"quantity": 5, "final": False})
    assert (part["state"], part["received"]) == ("running", 5)
    program.refused("POST", f"{path}/receive", {"quantity": 4}, status=422, code="validation_error")
    program.refused("POST", f"{path}/cancel", status=409, code="conflict")
    done = program.data("POST", f"{path}/receive", {"quantity": 11, "reason": "one broken"})
    assert (done["state"], done["received"], done["difference_reason"]) == ("done", 11, "one broken")
    assert (stock_of(variant), shown(variant)["fbe"], movements_of(variant)) == (18, 0, [-12])
    program.refused("POST", f"{path}/cancel", status=409, code="conflict")
    program.refused("POST", f"{path}/receive", {"quantity": 12}, status=409, code="conflict")


def test_what_is_on_the_road_can_come_back(program: Program) -> None:
    variant = make_listed(offer("main", 8), offer("fbe", 0), own_stock=8)
    made = program.data("POST", "/stock-sync/transfers", asked(variant, 3, "main", "fbe", approve=True), status=201)
    path = f"/stock-sync/transfers/{made['id']}"
    program.data("POST", f"{path}/ship")
    for _twice in range(2):
        assert program.data("POST", f"{path}/cancel")["state"] == "cancelled"
        assert (stock_of(variant), movements_of(variant)) == (8, [-3, 3])
    program.refused("POST", f"{path}/approve", status=409, code="conflict")


def test_there_must_be_enough_in_the_shop(program: Program) -> None:
    variant = make_listed(offer("main", 8), offer("fbe", 0), own_stock=2)
    made = program.data("POST", "/stock-sync/transfers", asked(variant, 3, "main", "fbe", approve=True), status=201)
    program.refused("POST", f"/stock-sync/transfers/{made['id']}/ship", status=409, code="insufficient_stock")
    assert (stock_of(variant), shown(variant)["main"]) == (2, 8)


def test_accounts_whose_stock_is_written_are_changed_at_once(program: Program) -> None:
    make_accounts("fbe2", fulfilment="marketplace", stock_writable=True)
    variant = make_listed(offer("main", 0), offer("fbe2", 26))
    made = program.data("POST", "/stock-sync/transfers", asked(variant, giver="fbe2", approve=True), status=201)
    assert (made["kind"], made["state"], made["sides"]) == (
        "redivide", "done", {"from_account": "accepted", "to_account": "accepted"},
    )  # fmt: skip
    assert made["stock_after"] == {"stock_fbe2": 16, "stock_main": 10}
    assert (stock_of(variant), shown(variant)) == (10, {"main": 10, "fbe2": 16})
    assert made["priority_after"] == "normal"


def test_shares_of_one_warehouse(program: Program) -> None:
    make_accounts("left", "right", pool="split")
    run(lambda s: execute(s, "UPDATE stock_pools SET mode = 'divided' WHERE name = 'split'"), SYSTEM)
    make_accounts("one", "two", pool="whole")
    variant = make_listed(offer("left", 0), offer("right", 26), own_stock=26)
    made = program.data("POST", "/stock-sync/transfers", asked(variant, 10, "right", "left", approve=True), status=201)
    assert (made["kind"], made["state"]) == ("redivide", "done")
    assert (stock_of(variant), shown(variant)) == (26, {"left": 10, "right": 16})
    same = make_listed(offer("one", 0), offer("two", 26))
    program.refused("POST", "/stock-sync/transfer/suggest", asked(same, 5, "two", "one"), status=409, code="conflict")


def connect(*codes: str) -> None:
    """As if these accounts had a connection: what is decided has to be sent."""
    run(
        lambda s: execute(
            s, "UPDATE marketplace_accounts SET credentials = 'sealed' WHERE code = ANY (%(c)s)", {"c": list(codes)}
        ),
        SYSTEM,
    )


def marketplace_says(variant: Variant, code: str, rejected: str | None = None) -> None:
    """What the publisher writes down when the marketplace has answered."""
    sql = """
    WITH o AS (UPDATE offers SET rejected = %(no)s, rejected_at = CASE WHEN %(no)s::text IS NULL THEN NULL
                   ELSE clock_timestamp() END, sent_stock = CASE WHEN %(no)s::text IS NULL THEN coalesce(share, stock)
                   ELSE sent_stock END, last_synced_at = CASE WHEN %(no)s::text IS NULL THEN clock_timestamp()
                   ELSE last_synced_at END
               WHERE variant_id = %(v)s AND account_id = (SELECT id FROM marketplace_accounts WHERE code = %(c)s)
               RETURNING id)
    DELETE FROM stock_outbox WHERE offer_id IN (SELECT id FROM o)"""
    run(lambda s: execute(s, sql, {"v": variant.id, "c": code, "no": rejected}), SYSTEM)


def advance(id_: int) -> Any:
    return transfers.advance(transfers.OfTransfer(id_), actor=SYSTEM)


def test_the_giver_goes_down_before_the_receiver_goes_up(program: Program) -> None:
    make_accounts("north", "south", pool="apart")
    run(lambda s: execute(s, "UPDATE stock_pools SET mode = 'divided' WHERE name = 'apart'"), SYSTEM)
    connect("north", "south")
    shares = (
        "SELECT string_agg(coalesce(share, stock)::text, ' ' ORDER BY account_id) FROM offers WHERE variant_id = :v"
    )
    variant = make_listed(offer("north", 0), offer("south", 26), own_stock=26)
    body = asked(variant, 10, "south", "north", approve=True)
    made = program.data("POST", "/stock-sync/transfers", body, status=201)
    assert (made["state"], made["sides"]) == ("running", {"from_account": "waiting", "to_account": "no"})
    assert advance(made["id"]).receiver_written == "no"
    assert value(shares, v=variant.id) == "0 16"
    marketplace_says(variant, "south")
    assert advance(made["id"]).receiver_written == "waiting"
    # The receiver is refused: shown as half done, and completed or undone.
    marketplace_says(variant, "north", "the offer is in a campaign")
    assert advance(made["id"]).state == "failed"
    path = f"/stock-sync/transfers/{made['id']}"
    half = program.data("GET", path)
    assert (half["half_done"], half["problem"]) == (True, "the offer is in a campaign")
    program.data("POST", f"{path}/complete")
    marketplace_says(variant, "north")
    assert advance(made["id"]).state == "done"
    assert (value(shares, v=variant.id), shown(variant)) == ("10 16", {"north": 10, "south": 16})

    other = make_listed(offer("north", 0), offer("south", 26), own_stock=26)
    made = program.data("POST", "/stock-sync/transfers", asked(other, 10, "south", "north", approve=True), status=201)
    marketplace_says(other, "south", "not now")
    assert advance(made["id"]).state == "failed"
    undone = program.data("POST", f"/stock-sync/transfers/{made['id']}/cancel")
    assert (undone["state"], undone["sides"]["from_account"]) == ("cancelled", "undone")
    assert value(shares, v=other.id) == "0 26"


def test_many_who_approve_and_receive_at_once_move_stock_once(app: Flask, program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    made = program.data("POST", "/stock-sync/transfers", asked(variant), status=201)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with app.app_context():
                transfers.approve(transfers.OfTransfer(made["id"]), actor=ANA)
                transfers.receive(transfers.Receive(made["id"], 10), actor=ANA)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (stock_of(variant), movements_of(variant), shown(variant)["main"]) == (10, [10], 10)


def test_an_alert_that_a_transfer_answered_is_resolved_by_it(program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    [alert] = program.data("GET", f"/stock-sync/alerts?sku={variant.sku}")
    made = program.data("POST", "/stock-sync/transfers", asked(variant, approve=True), status=201)
    assert made["alert_id"] == alert["id"]
    program.data("POST", f"/stock-sync/transfers/{made['id']}/receive")
    assert program.data("GET", f"/stock-sync/alerts?sku={variant.sku}") == []
    assert program.data("GET", f"/stock-sync/alerts/{alert['id']}")["resolved_by"] == "action"
