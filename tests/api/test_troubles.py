"""Orphans, incomplete variants and duplicates over the API: listed with reasons, previewed, remedied item by item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.conftest import Program


def shirt(program: Program) -> tuple[Any, dict[str, int]]:
    """Red and Green in one size; then Green is no longer offered, Blue is."""
    options = [{"name": "Color", "values": ["Red", "Green"]}, {"name": "Size", "values": ["S"]}]
    product = program.product(options=options)
    program.data("POST", f"/products/{product['id']}/variants/generate", {"mode": "all"})
    options[0]["values"] = ["Red", "Blue"]
    changed = program.data("PUT", f"/products/{product['id']}/options", {"options": options})
    ids = {
        n: i
        for o in (*product["options"], *changed["options"])
        for n, i in zip(o["values"], o["value_ids"], strict=True)
    }
    return product, ids


def waiting(program: Program, product: Any, **more: str) -> Any:
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return program.data("GET", f"/variants/troubles?product_id={product['id']}{query}")


def test_listed_previewed_and_remapped(program: Program) -> None:
    product, ids = shirt(program)
    [orphan] = waiting(program, product)
    assert (orphan["kinds"], orphan["values_not_offered"], orphan["options_lacking"]) == (["orphan"], ["Green"], [])
    assert waiting(program, product, kind="incomplete") == []
    body = {
        "filter": {"product_id": product["id"], "kind": "orphan"},
        "action": "remap",
        "replace": [{"old": ids["Green"], "new": ids["Blue"]}],
    }
    shown = program.data("POST", "/variants/troubles/preview", body)
    [item] = shown["items"]
    assert (shown["changed"], item["variant_id"], item["outcome"]) == (1, orphan["id"], "changed")
    assert set(item["new"]) == {ids["Blue"], ids["S"]}
    assert len(waiting(program, product)) == 1
    done = program.data("POST", "/variants/troubles", {**body, "fingerprint": shown["fingerprint"]})
    assert {**done, "bulk_edit_id": None} == shown
    assert waiting(program, product) == []

    record = program.data("GET", f"/bulk-edits/{done['bulk_edit_id']}")
    [change] = record["changes"]
    assert (record["status"], change["field"], change["action"], change["replace"]) == (
        "applied", "options", "remap", body["replace"],
    )  # fmt: skip
    back = program.data("POST", f"/bulk-edits/{done['bulk_edit_id']}/undo")
    assert (back["restored"], back["kept"]) == (1, [])
    assert [v["id"] for v in waiting(program, product)] == [orphan["id"]]


def test_another_plan_and_a_collision_are_refused(program: Program) -> None:
    product, ids = shirt(program)
    [orphan] = waiting(program, product)
    body = {"variant_ids": [orphan["id"]], "action": "remap", "replace": [{"old": ids["Green"], "new": ids["Red"]}]}
    done = program.data("POST", "/variants/troubles", body)
    assert [(i["outcome"], i["reason"]) for i in done["items"]] == [("refused", "combination_taken")]
    deactivate = {"variant_ids": [orphan["id"]], "action": "deactivate"}
    agreed = {**deactivate, "fingerprint": "0" * 64}
    program.refused("POST", "/variants/troubles", agreed, status=409, code="stale_version")
    done = program.data("POST", "/variants/troubles", deactivate)
    assert program.data("POST", f"/bulk-edits/{done['bulk_edit_id']}/undo")["restored"] == 1


def test_kept_ones_are_listed_apart(program: Program) -> None:
    product, _ids = shirt(program)
    [orphan] = waiting(program, product)
    program.data("POST", "/variants/troubles", {"variant_ids": [orphan["id"]], "action": "keep"})
    assert waiting(program, product) == []
    assert [v["id"] for v in waiting(program, product, kept="true")] == [orphan["id"]]
    again = {"filter": {"product_id": product["id"], "kept": True}, "action": "ask_again"}
    assert program.data("POST", "/variants/troubles", again)["changed"] == 1
    assert len(waiting(program, product)) == 1


def test_nonsense_and_narrow_tokens_are_refused(program: Program, program_with: Callable[..., Program]) -> None:
    for body, field in (
        ({"action": "keep"}, "variant_ids"),
        ({"action": "remap", "variant_ids": [1]}, "replace"),
        ({"action": "remap", "variant_ids": [1], "give": [10**12]}, "replace"),
        ({"action": "burn", "variant_ids": [1]}, "action"),
    ):
        said = program.refused("POST", "/variants/troubles/preview", body, status=422, code="validation_error")
        assert [error["field"] for error in said["errors"]] == [field]
    reader = program_with("catalog:read")
    assert reader.call("POST", "/variants/troubles", json={"action": "keep", "variant_ids": [1]}).status_code == 403
    assert reader.call("GET", "/variants/troubles").status_code == 200
