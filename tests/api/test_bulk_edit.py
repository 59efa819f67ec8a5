"""Bulk edits over the API: previewed, agreed to by a fingerprint, carried out or left, undone."""

from __future__ import annotations

from typing import Any

from magflow.blueprints.variants import tasks
from tests.api.conftest import Program

TEN = {"field": "price", "action": "percent", "value": "10", "rounding": ".99"}


def ids(*variants: Any) -> dict[str, Any]:
    return {"variant_ids": [variant["id"] for variant in variants]}


def run(program: Program, body: Any, status: int = 200, **more: Any) -> Any:
    shown = program.data("POST", "/variants/bulk-edit/preview", body)
    return program.data(
        "POST", "/variants/bulk-edit", {**body, **more, "fingerprint": shown["fingerprint"]}, status=status
    )


def fresh(program: Program, variant: Any) -> Any:
    return program.data("GET", f"/variants/{variant['id']}")


def test_previewed_applied_undone(program: Program) -> None:
    dear, cheap, free = (program.variant(price=price) for price in ("100.00", "19.99", "0.00"))
    body = {**ids(dear, cheap, free), "changes": [TEN]}
    shown = program.data("POST", "/variants/bulk-edit/preview", body)
    assert (shown["changed"], shown["unchanged"], shown["refused_count"]) == (2, 1, 0)
    assert [(r["sku"], r["old"], r["new"]) for r in shown["rows"]] == [
        (dear["sku"], {"price": "100.00"}, {"price": "109.99"}),
        (cheap["sku"], {"price": "19.99"}, {"price": "21.99"}),
    ]
    assert fresh(program, dear)["price"] == "100.00"

    done = program.data("POST", "/variants/bulk-edit", {**body, "fingerprint": shown["fingerprint"]}, status=200)
    assert (done["status"], done["changed"], done["done"], done["total"]) == ("applied", 2, 2, 2)
    assert fresh(program, cheap)["price"] == "21.99"

    back = program.data("POST", f"/bulk-edits/{done['id']}/undo")
    assert (back["status"], back["restored"], back["kept"]) == ("undone", 2, [])
    assert fresh(program, cheap)["price"] == "19.99"


def test_another_plan_is_refused_and_changes_nothing(program: Program) -> None:
    mug = program.variant(price="10.00")
    body = {**ids(mug), "changes": [TEN]}
    shown = program.data("POST", "/variants/bulk-edit/preview", body)
    program.data("PUT", f"/variants/{mug['id']}", {"price": "50.00"})
    agreed = {**body, "fingerprint": shown["fingerprint"]}
    program.refused("POST", "/variants/bulk-edit", agreed, status=409, code="stale_version")
    assert fresh(program, mug)["price"] == "50.00"


def test_a_program_may_leave_the_fingerprint_out(program: Program) -> None:
    variant = program.variant(price="10.00")
    done = program.data("POST", "/variants/bulk-edit", {"variant_ids": [variant["id"]], "changes": [TEN]}, status=200)
    assert (done["status"], done["changed"]) == ("applied", 1)
    assert program.data("POST", f"/bulk-edits/{done['id']}/undo")["restored"] == 1


def test_refused_rows_are_named_and_may_be_skipped(program: Program) -> None:
    rich, poor = program.variant(stock=10), program.variant(stock=1)
    body = {**ids(rich, poor), "changes": [{"field": "stock", "action": "add", "value": -5}]}
    shown = program.data("POST", "/variants/bulk-edit/preview", body)
    assert shown["refused"] == [{"variant_id": poor["id"], "sku": poor["sku"], "reason": "below_zero"}]
    agreed = {**body, "fingerprint": shown["fingerprint"]}
    said = program.refused("POST", "/variants/bulk-edit", agreed, status=409, code="conflict")
    assert (said["refused_count"], said["refused"]) == (1, shown["refused"])
    assert fresh(program, rich)["stock"] == 10

    done = program.data("POST", "/variants/bulk-edit", {**agreed, "skip_refused": True})
    assert (done["changed"], done["refused_count"]) == (1, 1)
    assert (fresh(program, rich)["stock"], fresh(program, poor)["stock"]) == (5, 1)


def test_a_filter_reaches_across_products(program: Program) -> None:
    both = [program.variant(program.product(name)) for name in ("Quokka mug", "Quokka cup")]
    clear = {"field": "compare_at_price", "action": "set", "value": "99.90"}
    done = run(program, {"filter": {"q": "quokka"}, "changes": [clear, {"field": "status", "action": "deactivate"}]})
    assert done["changed"] == 2
    assert [(fresh(program, v)["compare_at_price"], fresh(program, v)["status"]) for v in both] == [
        ("99.90", "inactive")
    ] * 2


def test_what_was_touched_since_stays_and_is_named(program: Program) -> None:
    still, edited = program.variant(price="10.00"), program.variant(price="10.00")
    done = run(program, {**ids(still, edited), "changes": [{"field": "price", "action": "add", "value": "1.00"}]})
    program.data("PUT", f"/variants/{edited['id']}", {"title": "Mine"})
    back = program.data("POST", f"/bulk-edits/{done['id']}/undo")
    assert (back["restored"], back["kept_count"]) == (1, 1)
    assert back["kept"] == [{"variant_id": edited["id"], "reason": "changed_since"}]


def test_a_large_one_is_accepted_and_done_by_a_job(program: Program) -> None:
    options = [{"name": o, "values": [f"{o}{n}" for n in range(46)]} for o in "AB"]
    many = program.product(options=options)
    pairs = [{"A": f"A{a}", "B": f"B{b}"} for a in range(46) for b in range(44)]
    body = {"mode": "selected", "combinations": pairs, "defaults": {"price": "10.00"}}
    program.data("POST", f"/products/{many['id']}/variants/generate", body)

    waiting = run(program, {"filter": {"product_id": many["id"]}, "changes": [TEN]}, status=202)
    assert (waiting["status"], waiting["done"]) == ("queued", 0)
    with program.app.app_context():
        tasks.carry_out(bulk_edit_id=waiting["id"], actor="ana@shop.example")
    done = program.data("GET", f"/bulk-edits/{waiting['id']}")
    assert (done["status"], done["changed"], done["total"]) == ("applied", 2024, 2024)

    undoing = program.data("POST", f"/bulk-edits/{waiting['id']}/undo", status=202)
    assert (undoing["status"], undoing["done"], undoing["total"]) == ("running", 0, 2024)
    with program.app.app_context():
        tasks.carry_out(bulk_edit_id=waiting["id"], actor="a job that came late changes nothing")
        tasks.undo(bulk_edit_id=waiting["id"], actor="ana@shop.example")
    back = program.data("GET", f"/bulk-edits/{waiting['id']}")
    assert (back["status"], back["kept_count"]) == ("undone", 0)
    prices = {v["price"] for v in program.data("GET", f"/products/{many['id']}/variants?limit=200")}
    assert prices == {"10.00"}


def test_a_job_whose_plan_has_changed_says_so(program: Program) -> None:
    many = program.product(options=[{"name": o, "values": [f"{o}{n}" for n in range(45)]} for o in "AB"])
    pairs = [{"A": f"A{a}", "B": f"B{b}"} for a in range(45) for b in range(45)]
    program.data("POST", f"/products/{many['id']}/variants/generate", {"mode": "selected", "combinations": pairs})
    plus = {"field": "price", "action": "add", "value": 1}
    waiting = run(program, {"filter": {"product_id": many["id"]}, "changes": [plus]}, status=202)
    some = program.data("GET", f"/products/{many['id']}/variants")[0]
    program.data("PUT", f"/variants/{some['id']}", {"price": "7.00"})
    with program.app.app_context():
        tasks.carry_out(bulk_edit_id=waiting["id"], actor="ana@shop.example")
    failed = program.data("GET", f"/bulk-edits/{waiting['id']}")
    assert (failed["status"], failed["error"]["code"]) == ("failed", "stale_version")
    assert fresh(program, program.data("GET", f"/products/{many['id']}/variants")[5])["price"] == "0.00"


def test_nonsense_is_refused_before_anything_is_read(program: Program) -> None:
    mug = program.variant()
    for body, field in (
        ({"changes": [TEN]}, "variant_ids"),
        ({**ids(mug), "filter": {}, "changes": [TEN]}, "variant_ids"),
        ({**ids(mug), "changes": [{"field": "stock", "action": "percent", "value": 5}]}, "changes[0].action"),
        ({**ids(mug), "changes": [{"field": "price", "action": "set"}]}, "changes[0].value"),
        ({**ids(mug), "changes": [TEN, TEN]}, "changes[1].field"),
    ):
        said = program.refused("POST", "/variants/bulk-edit/preview", body, status=422, code="validation_error")
        assert [e["field"] for e in said["errors"]] == [field]
    program.refused("POST", "/bulk-edits/999999/undo", status=404, code="not_found")
    program.refused("GET", "/bulk-edits/999999", status=404, code="not_found")
