"""The analysis over the API, to the letter."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.blueprints.stock_sync import jobs
from magflow.domain.actors import SYSTEM
from magflow.services import webhooks
from tests.api.conftest import Program
from tests.shop import make_product, make_variant
from tests.stock_sync.market import emg331, make_listed, offer

pytestmark = pytest.mark.usefixtures("accounts")

REFERENCE = {
    "sku": "EMG331",
    "current_situation": {
        "stock_main": 0, "stock_fbe": 26, "total_stock": 26, "offers_main": 2, "offers_fbe": 2,
        "rank_main": None, "rank_fbe": None, "has_competition_main": True, "has_competition_fbe": True,
    },
    "recommendations": [
        {
            "type": "stock_transfer", "from_account": "fbe", "to_account": "main", "suggested_amount": 10,
            "reason": "MAIN has 0 stock with competition - losing buy button",
            "impact": "Regain buy button on MAIN account",
        },
        {
            "type": "offer_update", "account": "main",
            "reason": "Last sync 8 days ago - eMAG recommends weekly updates",
            "suggested_action": "Update offer even if nothing changed",
        },
    ],
    "priority": "high",
    "action_required": True,
}  # fmt: skip


def test_the_reference_case(program: Program) -> None:
    emg331()
    assert program.data("GET", "/stock-sync/analyze/EMG331") == REFERENCE
    answer = program.call("GET", "/stock-sync/analyze/EMG331").get_json()
    assert answer["meta"]["other_sellers"] == {"main": 1, "fbe": 1}
    assert answer["meta"]["amounts"]["rule"] == "default"
    [one] = program.data("POST", "/stock-sync/bulk-analyze", {"skus": ["EMG331"]})["results"]
    assert one.pop("amounts") == answer["meta"]["amounts"]
    assert one == {"sku": "EMG331", "status": "success", "analysis": REFERENCE, "error": None}
    # An address that is only called takes nobody's name.
    webhooks.endpoint(webhooks.NewEndpoint("shopify", "main"), actor=SYSTEM)
    assert program.data("GET", "/stock-sync/analyze/EMG331") == REFERENCE
    wanted = {"sku": "EMG331", "from_account": "fbe", "to_account": "main", "amount": 10}
    assert program.data("POST", "/stock-sync/transfer/suggest", wanted)["recommendation"] == "Proceed"


def test_one_account_missing_and_names_with_a_stroke(program: Program) -> None:
    make_listed(offer("fbe", 4, 2, rank=1), sku="A/B 1")
    data = program.data("GET", "/stock-sync/analyze/A%2FB%201")
    assert data["current_situation"] == {
        "stock_fbe": 4, "total_stock": 4, "offers_fbe": 2, "rank_fbe": 1, "has_competition_fbe": True,
    }  # fmt: skip
    assert data["priority"] == "medium"
    assert [one["type"] for one in data["recommendations"]] == ["restock"]


def test_a_sku_without_offers_has_an_empty_situation(program: Program) -> None:
    make_variant(sku="NOWHERE")
    data = program.data("GET", "/stock-sync/analyze/NOWHERE")
    assert data == {
        "sku": "NOWHERE", "current_situation": {"total_stock": 0}, "recommendations": [], "priority": "normal",
        "action_required": False,
    }  # fmt: skip


def test_unknown_and_ambiguous_skus(program: Program) -> None:
    for unknown in ("NO-SUCH", "a%00b", "%F0%9F%98%80", "x" * 500):
        program.refused("GET", f"/stock-sync/analyze/{unknown}", status=404, code="not_found")
    first = make_variant(make_product(), sku="TWICE")
    make_variant(make_product(), sku="TWICE")
    program.refused("GET", "/stock-sync/analyze/TWICE", status=409, code="ambiguous_sku")
    assert program.data("GET", f"/stock-sync/analyze/TWICE?variant_id={first.id}")["sku"] == "TWICE"
    make_listed(offer("main", 9), sku="GOOD")
    data = program.data("POST", "/stock-sync/bulk-analyze", {"skus": ["GOOD", "NO-SUCH", "TWICE"]})
    assert (data["total"], data["analysed"], data["failed"]) == (3, 1, 2)
    assert [one["error"] and one["error"]["code"] for one in data["results"]] == [None, "not_found", "ambiguous_sku"]


def test_the_statements_do_not_grow_with_the_skus(program: Program, statements: list[str]) -> None:
    for n in range(12):
        make_listed(offer("main", n), offer("fbe", 26), sku=f"MANY-{n}")
    counts = []
    for skus in (["MANY-1"], [f"MANY-{n}" for n in range(12)]):
        statements.clear()
        program.data("POST", "/stock-sync/bulk-analyze", {"skus": skus})
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_more_than_a_thousand_become_a_job(program: Program, app: Flask) -> None:
    make_listed(offer("main", 9), sku="LAST-ONE")
    skus = [f"NONE-{n}" for n in range(1000)] + ["LAST-ONE"]
    asked = program.data("POST", "/stock-sync/bulk-analyze", {"skus": skus}, status=202)
    path = f"/stock-sync/bulk-analyze/{asked['id']}"
    assert (asked["status"], asked["total"], program.data("GET", path)["results"]) == ("running", 1001, [])
    for _twice in range(2):  # a job that was taken over runs again
        jobs.bulk_analyse(analysis_id=asked["id"])
    first = program.call("GET", path).get_json()
    assert (first["data"]["status"], len(first["data"]["results"]), first["meta"]["next_part"]) == ("done", 1000, 2)
    last = program.data("GET", f"{path}?part=2")
    assert [(one["sku"], one["status"]) for one in last["results"]] == [("LAST-ONE", "success")]
    program.refused("GET", "/stock-sync/bulk-analyze/999999", status=404, code="not_found")
