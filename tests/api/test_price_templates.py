"""Price templates over the API: kept, applied as previewed, undone, and followed when the base price changes."""

from __future__ import annotations

from typing import Any

from magflow.domain.actors import SYSTEM
from magflow.services import dispatch, price_templates
from tests.api.conftest import Program

RULES = [
    {"option_name": "Size", "option_value": "M", "kind": "amount", "amount": "2.00"},
    {"option_name": "size", "option_value": "l", "kind": "percent", "amount": "5.00"},
]


def sizes(program: Program, price: str = "10.00") -> Any:
    product = program.product(options=[{"name": "Size", "values": ["S", "M", "L"]}])
    program.data("POST", f"/products/{product['id']}/variants/generate", {"defaults": {"price": price}})
    return product


def prices(program: Program, product: Any) -> dict[str, str]:
    return {v["title"]: v["price"] for v in program.data("GET", f"/products/{product['id']}/variants") if v["title"]}


def template(program: Program, name: str) -> Any:
    return program.data("POST", "/price-templates", {"name": name, "rules": RULES}, status=201)


def apply(program: Program, product: Any, **body: Any) -> Any:
    path = f"/products/{product['id']}/price-template"
    shown = program.data("POST", f"{path}/preview", body)
    return program.data("POST", path, {**body, "fingerprint": shown["fingerprint"]})


def test_made_read_changed_deleted(program: Program) -> None:
    made = template(program, "Sizes")
    assert [(r["option_value"], r["kind"], r["amount"]) for r in made["rules"]] == [
        ("M", "amount", "2.00"),
        ("l", "percent", "5.00"),
    ]
    body = {"name": "Sizes", "rules": []}
    program.refused("POST", "/price-templates", body, status=409, code="conflict")
    changed = program.data("PUT", f"/price-templates/{made['id']}", {"name": "Only M", "rules": RULES[:1]})
    assert (changed["name"], len(changed["rules"])) == ("Only M", 1)
    assert program.data("GET", f"/price-templates/{made['id']}") == changed
    assert changed in program.data("GET", "/price-templates")
    program.data("DELETE", f"/price-templates/{made['id']}")
    program.refused("GET", f"/price-templates/{made['id']}", status=404, code="not_found")


def test_two_rules_for_one_value_are_refused(program: Program) -> None:
    body = {"name": "Twice", "rules": [RULES[0], {**RULES[0], "option_name": "SIZE"}]}
    said = program.refused("POST", "/price-templates", body, status=422, code="validation_error")
    assert [e["field"] for e in said["errors"]] == ["rules[1].option_value"]


def test_applied_as_previewed_and_undone(program: Program) -> None:
    shirt, rules = sizes(program), template(program, "Applied")
    body = {"price_template_id": rules["id"], "base_price": "20.00"}
    shown = program.data("POST", f"/products/{shirt['id']}/price-template/preview", body)
    assert (shown["base_price"], shown["changed"]) == ("20.00", 3)
    assert prices(program, shirt) == {"S": "10.00", "M": "10.00", "L": "10.00"}

    done = apply(program, shirt, **body)
    assert prices(program, shirt) == {"S": "20.00", "M": "22.00", "L": "21.00"}
    assert (done["changes"][0]["action"], done["base_price"]) == ("template", "20.00")
    assert program.data("GET", f"/price-templates/{rules['id']}")["product_count"] == 1

    program.data("POST", f"/bulk-edits/{done['id']}/undo")
    assert prices(program, shirt) == {"S": "10.00", "M": "10.00", "L": "10.00"}


def test_another_plan_than_the_agreed_one_is_refused(program: Program) -> None:
    shirt, rules = sizes(program), template(program, "Agreed")
    path = f"/products/{shirt['id']}/price-template"
    body = {"price_template_id": rules["id"], "base_price": "20.00"}
    shown = program.data("POST", f"{path}/preview", body)
    program.data("PUT", f"/price-templates/{rules['id']}", {"name": "Agreed", "rules": RULES[:1]})
    agreed = {**body, "fingerprint": shown["fingerprint"]}
    program.refused("POST", path, agreed, status=409, code="stale_version")
    assert prices(program, shirt) == {"S": "10.00", "M": "10.00", "L": "10.00"}


def test_without_any_base_price_it_is_asked_for(program: Program) -> None:
    shirt, rules = sizes(program), template(program, "Baseless")
    path = f"/products/{shirt['id']}/price-template/preview"
    said = program.refused("POST", path, {"price_template_id": rules["id"]}, status=422, code="validation_error")
    assert [e["field"] for e in said["errors"]] == ["base_price"]


def test_prices_follow_the_base_price_where_that_was_asked_for(program: Program) -> None:
    rules = template(program, "Followed")
    # A product that was sold as one item first: its variant without options carries the base price.
    product = program.product(sku="BASE", price="10.00")
    base = product["default_variant"]["id"]
    program.data("PUT", f"/products/{product['id']}/options", {"options": [{"name": "Size", "values": ["S", "M"]}]})
    program.data("POST", f"/products/{product['id']}/variants/generate", {})
    apply(program, product, price_template_id=rules["id"], follow=True)
    assert prices(program, product) == {"S": "10.00", "M": "12.00"}

    program.data("PUT", f"/variants/{base}", {"price": "30.00"})
    follow(program)
    assert prices(program, product) == {"S": "30.00", "M": "32.00"}

    apply(program, product, price_template_id=rules["id"], follow=False)
    program.data("PUT", f"/variants/{base}", {"price": "40.00"})
    follow(program)
    assert prices(program, product) == {"S": "30.00", "M": "32.00"}


def follow(program: Program) -> None:
    """What the worker does: hand the news out, then run the jobs that came of it."""
    from magflow.db import db

    with program.app.app_context():
        subscribers = {price_templates.BASE_PRICE_CHANGED: [price_templates.base_price_changed]}
        dispatch.hand_out(subscribers, actor=SYSTEM)
        with db.engine.begin() as connection:
            rows = connection.exec_driver_sql(
                "DELETE FROM procrastinate_jobs WHERE task_name = %s RETURNING args", (price_templates.REAPPLY,)
            ).all()
        for (args,) in rows:
            price_templates.reapply(args["product_id"], actor=SYSTEM)
