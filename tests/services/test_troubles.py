"""Orphans, incomplete variants and duplicates by name: found, and remedied exactly as it was previewed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from magflow.blueprints.variants import tasks
from magflow.db import db
from magflow.domain.errors import Invalid, StaleVersion
from magflow.models import Product
from magflow.queries import troubles as reads
from magflow.queries.troubles import TroubleFilter
from magflow.services import bulk_undo, generation, products, trouble_finder, troubles, variants
from magflow.services.invariant_checks import CHECKS
from magflow.services.options import OptionInput
from magflow.services.products import SetOptions
from magflow.services.troubles import HandleTroubles, Plan, Remedy
from tests.services.looking import of_product, rows, value_ids
from tests.shop import ANA, make_product, make_variant

SIZES = ("S", "M", "L")


def set_options(product: Product, **options: Sequence[str]) -> None:
    inputs = [OptionInput(name, tuple(values)) for name, values in options.items()]
    products.set_options(SetOptions(product.id, inputs), actor=ANA)


def shirt(
    colors: Sequence[str] = ("Red", "Green"), sizes: Sequence[str] = ("S", "M")
) -> tuple[Product, dict[str, int]]:
    """A product with all its variants, and the ids of its values."""
    product = make_product(options={"Color": colors, "Size": sizes})
    generation.generate(generation.Generate(product.id, price=Decimal(10), stock=1), actor=ANA)
    ids = value_ids(product)
    db.session.rollback()
    return product, ids


def found(product: Product, **filters: Any) -> dict[int, tuple[str, ...]]:
    page = reads.troubled(db.session(), TroubleFilter(product_id=product.id, **filters), limit=200)
    db.session.rollback()
    assert page.total == len(page.rows)
    return {row.row.variant.id: row.kinds for row in page.rows}


def run(remedy: Remedy, product: Product, **filters: Any) -> Plan:
    """As a person does it: looked at, then agreed to."""
    command = HandleTroubles(remedy, filter=TroubleFilter(product_id=product.id, **filters))
    plan = troubles.preview(db.session(), command)
    db.session.rollback()
    agreed = HandleTroubles(remedy, filter=command.filter, fingerprint=plan.fingerprint)
    done = troubles.handle(agreed, actor=ANA)
    assert done.fingerprint == plan.fingerprint
    return done


def test_orphans_are_found_explained_and_remapped(app: Flask) -> None:
    product, ids = shirt(sizes=("S",))
    set_options(product, Color=["Red", "Blue"], Size=["S"])
    blue = value_ids(product)["Blue"]
    db.session.rollback()
    [orphan] = reads.troubled(db.session(), TroubleFilter("orphan", product.id)).rows
    assert (orphan.gone, orphan.lacking, orphan.alike) == (("Green",), (), ())
    [choice] = reads.choices(db.session(), [orphan.row.variant.id])
    assert (choice.option_name, choice.value_name, choice.count) == ("Color", "Green", 1)
    assert [name for _id, name in choice.to] == ["Red", "Blue"]
    db.session.rollback()

    done = run(Remedy("remap", ((ids["Green"], blue),)), product)
    assert (len(done.changed), done.refused) == (1, [])
    assert found(product) == {}
    assert [o.option_value for o in reads.rows(db.session(), [orphan.row.variant.id])[0].row.options] == ["Blue", "S"]
    db.session.rollback()


def test_what_would_collide_stays_and_says_with_whom(app: Flask) -> None:
    product, ids = shirt()
    set_options(product, Color=["Red"], Size=["S", "M"])
    assert set(found(product).values()) == {("orphan",)}
    done = run(Remedy("remap", ((ids["Green"], ids["Red"]),)), product)
    assert [(o.refused, o.params["sku"][-1:]) for o in done.refused] == [
        ("combination_taken", "S"),
        ("combination_taken", "M"),
    ]
    assert len(found(product)) == 2

    done = run(Remedy("deactivate"), product)
    assert (len(done.changed), found(product)) == (2, {})
    assert [status for _id, status, _digest in of_product(product)].count(1) == 2
    assert done.bulk_edit_id is not None
    assert bulk_undo.undo(done.bulk_edit_id, actor=ANA).restored == 2
    trouble_finder.look_at_some(product.id - 1, actor=ANA)
    assert len(found(product)) == 2


def test_incomplete_ones_get_the_value_they_lack(app: Flask) -> None:
    product, _ids = shirt(colors=("Red", "Green"), sizes=("S",))
    set_options(product, Color=["Red", "Green"], Size=["S"], Fit=["Slim", "Wide"])
    slim = value_ids(product)["Slim"]
    db.session.rollback()
    assert set(found(product, kind="incomplete").values()) == {("incomplete",)}
    lacking = reads.choices(db.session(), list(found(product)))
    assert [(c.option_name, c.value_id, c.count, [n for _i, n in c.to]) for c in lacking] == [
        ("Fit", None, 2, ["Slim", "Wide"])
    ]
    db.session.rollback()
    run(Remedy("remap", give=(slim,)), product)
    assert found(product) == {}
    assert all(len((digest or "").split("-")) == 3 for _id, _status, digest in of_product(product))


def test_what_is_kept_does_not_come_back_until_it_changes(app: Flask) -> None:
    product, _ids = shirt(sizes=("S",))
    set_options(product, Color=["Red"], Size=["S"])
    run(Remedy("keep"), product)
    assert found(product) == {}
    assert len(found(product, kept=True)) == 1
    set_options(product, Color=["Red", "Blue"], Size=["S"])
    assert found(product) == {}

    set_options(product, Color=["Red", "Blue"], Size=["M"])
    assert len(found(product)) == 2
    run(Remedy("keep"), product)
    run(Remedy("ask_again"), product, kept=True)
    assert len(found(product)) == 2


def test_a_new_value_is_added_only_when_that_was_asked_for(app: Flask) -> None:
    product, ids = shirt(sizes=("S",))
    _other, more = shirt(colors=("Violet",), sizes=("S",))
    set_options(product, Color=["Red"], Size=["S"])
    swap = ((ids["Green"], more["Violet"]),)
    assert [o.refused for o in run(Remedy("remap", swap), product).refused] == ["value_not_offered"]
    assert len(run(Remedy("remap", swap, extend=True), product).changed) == 1
    assert "Violet" in value_ids(product)
    db.session.rollback()


def test_new_values_are_taken_back_where_nothing_else_touched_the_variants(app: Flask) -> None:
    product, ids = shirt(sizes=("S", "M", "L"))
    _other, more = shirt(colors=("Violet",), sizes=("S",))
    set_options(product, Color=["Red"], Size=["S", "M", "L"])
    before = of_product(product)
    done = run(Remedy("remap", ((ids["Green"], more["Violet"]),), extend=True), product)
    assert done.bulk_edit_id is not None and found(product) == {}
    assert "Violet" in value_ids(product)
    touched, taken, free = sorted(o.variant_id for o in done.changed)
    variants.edit(variants.EditVariant(touched, {"title": "Mine"}), actor=ANA)
    back = bulk_undo.undo(done.bulk_edit_id, actor=ANA)
    assert (back.restored, back.kept) == (2, {touched: "changed_since"})
    after = {id_: (status, digest) for id_, status, digest in of_product(product)}
    assert [after[id_] for id_ in (taken, free)] == [(s, d) for id_, s, d in before if id_ in (taken, free)]
    assert set(found(product, kind="orphan")) == {taken, free}, "orphans again, at once"
    assert "Violet" in value_ids(product), "one variant still has it"
    assert bulk_undo.undo(done.bulk_edit_id, actor=ANA).restored == 0


def test_values_whose_combination_is_taken_by_now_stay_as_they_are(app: Flask) -> None:
    product, ids = shirt(sizes=("S", "M"))
    set_options(product, Color=["Red", "Blue"], Size=["S", "M"])
    blue = value_ids(product)["Blue"]
    done = run(Remedy("remap", ((ids["Green"], blue),)), product)
    assert done.bulk_edit_id is not None
    set_options(product, Color=["Red", "Green", "Blue"], Size=["S", "M"])
    winner = make_variant(product, values=[("Color", "Green"), ("Size", "S")])
    small = min(o.variant_id for o in done.changed)
    back = bulk_undo.undo(done.bulk_edit_id, actor=ANA)
    assert (back.restored, back.kept) == (1, {small: "combination_taken"})

    again = run(Remedy("remap", ((blue, ids["Green"]),)), product, value_id=blue)
    assert (len(again.changed), [o.params["sku"] for o in again.refused]) == (0, [winner.sku])


def test_another_state_than_the_one_agreed_to_is_refused(app: Flask) -> None:
    product, _ids = shirt(sizes=("S",))
    set_options(product, Color=["Red"], Size=["S"])
    command = HandleTroubles(Remedy("deactivate"), filter=TroubleFilter("orphan", product.id))
    plan = troubles.preview(db.session(), command)
    db.session.rollback()
    variants.edit(variants.EditVariant(plan.outcomes[0].variant_id, {"title": "Mine"}), actor=ANA)
    with pytest.raises(StaleVersion):
        troubles.handle(HandleTroubles(command.remedy, filter=command.filter, fingerprint=plan.fingerprint), actor=ANA)
    assert len(found(product)) == 1


def test_nonsense_is_refused(app: Flask) -> None:
    _product, ids = shirt()
    for remedy in (
        Remedy("remap"),
        Remedy("remap", ((ids["Red"], ids["S"]),)),
        Remedy("remap", ((ids["Red"], 10**9),)),
        Remedy("remap", ((ids["Red"], ids["Green"]), (ids["Red"], ids["S"]))),
        Remedy("remap", give=(ids["Red"], ids["Green"])),
    ):
        with pytest.raises(Invalid):
            troubles.preview(db.session(), HandleTroubles(remedy, ids=(1,)))
    plan = troubles.preview(db.session(), HandleTroubles(Remedy("deactivate"), ids=(10**9,)))
    assert [o.refused for o in plan.outcomes] == ["not_found"]


def test_values_of_an_old_shop_that_are_written_twice(app: Flask, owner: psycopg.Connection[Any]) -> None:
    """Adoption leaves a second spelling without a key; variants of both read the same."""
    product, ids = shirt(colors=("Roșu",), sizes=("S",))
    [(second,)] = owner.execute(
        "INSERT INTO option_values (option_type_id, name, presentation, position) "
        "SELECT option_type_id, 'ROŞU ', 'ROŞU', 99 FROM option_values WHERE id = %s RETURNING id", [ids["Roșu"]]
    ).fetchall()  # fmt: skip
    owner.execute("INSERT INTO product_option_values VALUES (%s, %s, 9)", [product.id, second])
    variant = make_variant(product)
    variants.change_options(variant.id, [second, ids["S"]], actor=ANA)
    tasks.find_troubles()
    assert set(found(product).values()) == {("duplicate",)}
    twins = {twin.value_id: twin for twin in reads.twin_values(db.session())}
    assert (twins[second].other_id, twins[second].variants) == (ids["Roșu"], 1)
    choice = next(c for c in reads.choices(db.session(), [variant.id]) if c.value_id == second)
    assert choice.suggested == ids["Roșu"]
    db.session.rollback()
    done = run(Remedy("remap", ((second, ids["Roșu"]),)), product)
    assert [o.refused for o in done.refused] == ["combination_taken"]
    run(Remedy("deactivate"), product, value_id=second)
    assert found(product) == {}


def test_equal_titles_are_told_unless_they_are_the_product_s_name(app: Flask) -> None:
    product, _ids = shirt()
    some = [id_ for id_, _status, _digest in of_product(product)]
    for id_, title in zip(some, ("Tee  SMALL", "tee small", product.name, product.name), strict=True):
        variants.edit(variants.EditVariant(id_, {"title": title}), actor=ANA)
    tasks.find_troubles()
    assert found(product) == {some[0]: ("duplicate",), some[1]: ("duplicate",)}
    [one, _two] = reads.troubled(db.session(), TroubleFilter(product_id=product.id)).rows
    assert [id_ for id_, _sku in one.alike] == [some[0]]
    db.session.rollback()


def test_the_number_of_statements_does_not_depend_on_the_number_of_variants(app: Flask) -> None:
    from tests.services.test_grid import statements

    few, ids = shirt(sizes=("S",))
    many, _ = shirt(sizes=tuple(f"N{n}" for n in range(40)))
    counts = []
    for product, sizes in ((few, ["S"]), (many, [f"N{n}" for n in range(40)])):
        set_options(product, Color=["Red", "Blue"], Size=sizes)
        blue = value_ids(product)["Blue"]
        db.session.rollback()
        with statements() as sent:
            done = troubles.handle(
                HandleTroubles(Remedy("remap", ((ids["Green"], blue),)), filter=TroubleFilter("orphan", product.id)),
                actor=ANA,
            )
        assert len(done.changed) == len(sizes)
        counts.append(len(sent))
    assert counts[0] == counts[1]


remedies = st.one_of(
    st.builds(
        lambda pairs, give, extend: ("remap", pairs, give, extend),
        st.dictionaries(st.integers(0, 5), st.integers(0, 5), min_size=1, max_size=3),
        st.sets(st.integers(0, 5), max_size=2),
        st.booleans(),
    ),
    st.sampled_from([("deactivate", {}, set(), False), ("keep", {}, set(), False)]),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drafts=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
    offered=st.tuples(st.sets(st.integers(0, 2), min_size=1), st.sets(st.integers(0, 2), min_size=1)),
    remedy=remedies,
)
@example(  # somebody held the value already, when it was not offered
    drafts=[(0, 0, False), (0, 2, False)], offered=({0}, {0}), remedy=("remap", {3: 5}, set(), True)
)
def test_what_is_done_is_what_was_previewed(app: Flask, drafts: Any, offered: Any, remedy: Any) -> None:
    """Whatever the variants, the options and the remedy: every variant is afterwards what the preview said."""
    product = make_product(options={"Color": ["Red", "Green", "Blue"], "Size": SIZES})
    all_ids = value_ids(product)
    db.session.rollback()
    names = ("Red", "Green", "Blue", *SIZES)
    seen: set[tuple[int, int]] = set()
    for color, size, active in drafts:
        fresh = (color, size) not in seen
        seen |= {(color, size)} if active else set()
        make_variant(product, values=[("Color", names[color]), ("Size", SIZES[size])], active=active and fresh)
    set_options(product, Color=[names[n] for n in sorted(offered[0])], Size=[SIZES[n] for n in sorted(offered[1])])

    action, pairs, give, extend = remedy
    replace = tuple((all_ids[names[a]], all_ids[names[b]]) for a, b in pairs.items() if (a < 3) == (b < 3))
    given_ = tuple(all_ids[names[n]] for n in {n < 3: n for n in give}.values())
    if action == "remap" and not replace and not given_:
        return
    before, offering = of_product(product), value_ids(product)
    everything = tuple(id_ for id_, _status, _digest in before)
    command = HandleTroubles(Remedy(action, replace, given_, extend), ids=everything)
    plan = troubles.preview(db.session(), command)
    db.session.rollback()
    done = troubles.handle(HandleTroubles(command.remedy, ids=everything, fingerprint=plan.fingerprint), actor=ANA)
    assert done.fingerprint == plan.fingerprint
    held: dict[int, set[int]] = {}
    for variant_id, value in rows(
        "SELECT variant_id, option_value_id FROM option_value_variants WHERE variant_id = ANY(:ids)",
        ids=list(everything),
    ):
        held.setdefault(variant_id, set()).add(value)
    status = {id_: status for id_, status, _digest in of_product(product)}
    for outcome in plan.outcomes:
        assert held[outcome.variant_id] == set((outcome.new if outcome.changed else outcome.old).values())
        if action == "deactivate" and outcome.changed:
            assert status[outcome.variant_id] == 1
    stale = next(check for check in CHECKS if check.name == "stale_digest")
    assert rows(stale.statement) == []
    if done.bulk_edit_id is not None:
        assert bulk_undo.undo(done.bulk_edit_id, actor=ANA).kept == {}
        assert (of_product(product), value_ids(product)) == (before, offering), "undone, nothing is left of it"
        assert rows(stale.statement) == []
