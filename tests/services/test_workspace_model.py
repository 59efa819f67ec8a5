"""The workspace of one product against a model of it: whatever is done, in whatever order, both say the same, and
`magflow audit` finds nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from magflow.db import db
from magflow.domain.bulk_edit import Rule, new_price
from magflow.domain.errors import AlreadyExists, Conflict, InsufficientStock, Invalid, VariantUnavailable
from magflow.services import bulk_edit, bulk_undo, generation, invariants, products, stock, variants
from magflow.services.bulk_edit import EditInBulk, Selection
from magflow.services.bulk_undo import NothingToUndo
from magflow.services.options import OptionInput
from tests.shop import ANA, finalize, make_order, make_product

ALL: Final[Mapping[str, tuple[str, ...]]] = {"Color": ("Red", "Blue", "Green"), "Size": ("S", "M"), "Cut": ("Slim",)}
Chosen = dict[str, str]
Digest = frozenset[tuple[str, str]]

choices = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in ALL.items()})
offers = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(values), min_size=1, max_size=len(values), unique=True)
        for name, values in ALL.items()
    },
)
which = st.integers(min_value=0, max_value=10**6)
prices = st.decimals(min_value="0.01", max_value=500, places=2)
roundings = st.sampled_from(("cent", ".99", "0.05", "whole"))


@dataclass
class Known:
    """A variant as the model knows it."""

    held: Chosen
    active: bool
    price: Decimal
    stock: int = 0


@dataclass
class Edit:
    """A bulk edit that may be undone: per variant what it was, and what it had counted to afterwards."""

    id: int
    old: dict[int, dict[str, Any]] = field(default_factory=dict)
    counted: dict[int, tuple[int, int]] = field(default_factory=dict)


class Workspace(RuleBasedStateMachine):
    """What people do to a product, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: dict[str, list[str]] = {"Color": ["Red", "Blue"], "Size": ["S", "M"]}
        self.product = make_product(options=self.offered)
        self.known: dict[int, Known] = {}
        self.edits: list[Edit] = []
        self.archived = False

    # --- what the model says ------------------------------------------------------------------------------------------

    def digest(self, held: Mapping[str, str]) -> Digest:
        return frozenset((name, value) for name, value in held.items() if name in self.offered)

    def of(self, digest: Digest, *, active: bool) -> list[int]:
        return [
            id_ for id_, known in self.known.items() if self.digest(known.held) == digest and known.active is active
        ]

    def pick(self, which: int, *, active: bool | None = None) -> int | None:
        ids = sorted(id_ for id_, known in self.known.items() if active is None or known.active is active)
        return ids[which % len(ids)] if ids else None

    def offered_part(self, chosen: Chosen) -> Chosen:
        return {name: value for name, value in chosen.items() if value in self.offered.get(name, ())}

    def now(self) -> dict[int, tuple[int, int]]:
        with db.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT id, version, movement_seq FROM variants WHERE product_id = :id"), {"id": self.product.id}
            )
            return {id_: (version, moves) for id_, version, moves in rows}

    # --- what people do -----------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.archived)
    @rule(offer=offers)
    def change_options(self, offer: dict[str, list[str]]) -> None:
        named = [OptionInput(name, tuple(values)) for name, values in offer.items()]
        done = products.set_options(products.SetOptions(self.product.id, named), actor=ANA)
        self.offered = {name: list(values) for name, values in offer.items()}
        gone, kept = set(), set[Digest]()
        for id_, known in sorted(self.known.items()):
            if known.active and (digest := self.digest(known.held)) in kept:
                known.active = False
                gone.add(id_)
            elif known.active:
                kept.add(digest)
        assert set(done.deactivated) == gone

    @precondition(lambda self: self.offered and not self.archived)
    @rule(mode=st.sampled_from(("all", "missing", "selected")), only=choices, price=prices)
    def generate(self, mode: Any, only: Chosen, price: Decimal) -> None:
        names = list(self.offered)
        wanted = [dict(zip(names, values, strict=True)) for values in itertools.product(*self.offered.values())]
        if mode == "selected":
            wanted = [one for one in wanted if all(one.get(name) == value for name, value in only.items())]
        command = generation.Generate(
            self.product.id, mode, wanted if mode == "selected" else (), price=price, stock=2, sku_pattern="{product}"
        )
        if not wanted:
            with pytest.raises(Invalid):
                generation.generate(command, actor=ANA)
            return
        seen = generation.preview(db.session(), command)
        db.session.rollback()
        plan = generation.generate(command, actor=ANA)
        assert plan.fingerprint == seen.fingerprint
        made = iter(plan.created_ids)
        back = []
        for one in wanted:
            digest = frozenset(one.items())
            drafts = self.of(digest, active=False)
            if self.of(digest, active=True) or (drafts and mode == "missing"):
                continue
            if drafts:
                back.append(min(drafts))
                self.known[min(drafts)].active = True
            else:
                self.known[next(made)] = Known(one, True, price, 2)
        assert list(made) == []
        assert plan.reactivate == back

    @precondition(lambda self: not self.archived)
    @rule(chosen=choices, price=prices, active=st.booleans())
    def add(self, chosen: Chosen, price: Decimal, active: bool) -> None:
        held = self.offered_part(chosen)
        digest = self.digest(held)
        command = variants.NewVariant(
            self.product.id, attributes={"price": price}, active=active, option_values=list(held.items())
        )
        if active and self.of(digest, active=True):
            with pytest.raises(AlreadyExists):
                variants.create_or_reactivate(command, actor=ANA)
            return
        drafts = self.of(digest, active=False)
        made = variants.create_or_reactivate(command, actor=ANA)
        if active and drafts:
            assert (made.outcome, made.variant.id) == ("reactivated", min(drafts))
            known = self.known[min(drafts)]
            known.active, known.price = True, price
        else:
            assert made.outcome == "created"
            self.known[made.variant.id] = Known(held, active, price)

    @rule(which=which, active=st.booleans())
    def switch(self, which: int, active: bool) -> None:
        if (id_ := self.pick(which)) is None:
            return
        known = self.known[id_]
        if active and not known.active and self.of(self.digest(known.held), active=True):
            with pytest.raises(Conflict):
                variants.set_active(id_, True, actor=ANA)
            return
        variants.set_active(id_, active, actor=ANA)
        known.active = active

    @rule(which=which)
    def swap(self, which: int) -> None:
        if (id_ := self.pick(which, active=False)) is None:
            return
        for other in self.of(self.digest(self.known[id_].held), active=True):
            variants.swap(variants.Swap(id_, other), actor=ANA)
            self.known[id_].active, self.known[other].active = True, False

    @rule(which=which, price=prices)
    def reprice(self, which: int, price: Decimal) -> None:
        if (id_ := self.pick(which)) is not None:
            variants.edit(variants.EditVariant(id_, {"price": price}), actor=ANA)
            self.known[id_].price = price

    @rule(which=which, delta=st.integers(min_value=-3, max_value=5).filter(bool))
    def adjust(self, which: int, delta: int) -> None:
        if (id_ := self.pick(which)) is None:
            return
        command = stock.AdjustStock(id_, "counted", delta=delta)
        if self.known[id_].stock + delta < 0:
            with pytest.raises((Invalid, Conflict)):
                stock.adjust(command, actor=ANA)
        else:
            stock.adjust(command, actor=ANA)
            self.known[id_].stock += delta

    @rule(which=which, quantity=st.integers(min_value=1, max_value=3))
    def sell(self, which: int, quantity: int) -> None:
        if (id_ := self.pick(which)) is None:
            return
        known = self.known[id_]
        with db.engine.connect():
            order = make_order((type("Sold", (), {"id": id_})(), quantity))
        if not known.active:
            with pytest.raises(VariantUnavailable):
                finalize(order)
        elif known.stock < quantity:
            with pytest.raises(InsufficientStock):
                finalize(order)
        else:
            finalize(order)
            known.stock -= quantity

    @precondition(lambda self: self.known)
    @rule(
        percent=st.decimals(min_value=-50, max_value=80, places=1), rounding=roundings, more=st.integers(-2, 4),
        status=st.sampled_from((None, "activate", "deactivate")), every=st.integers(1, 3),
    )  # fmt: skip
    def edit_in_bulk(self, percent: Decimal, rounding: Any, more: int, status: Any, every: int) -> None:
        ids = sorted(self.known)[::every]
        rules = [Rule("price", "percent", percent, rounding), Rule("stock", "add", Decimal(more))]
        rules += [Rule("status", status)] if status else []
        expected = self._expected(ids, rules[0], more, status)
        selection = Selection(ids=tuple(ids))
        plan = bulk_edit.preview(db.session(), selection, rules)
        db.session.rollback()
        assert {row.row.id: dict(row.new) for row in plan.changed} == {id_: new for id_, new in expected.items() if new}
        assert {row.row.id for row in plan.refused} == {id_ for id_, new in expected.items() if new is None}
        done = bulk_edit.start(EditInBulk(selection, tuple(rules), plan.fingerprint, skip_refused=True), actor=ANA)
        made = Edit(done.id)
        for id_, new in expected.items():
            if new:
                made.old[id_] = self._set(id_, new)
        counted = self.now()
        made.counted = {id_: counted[id_] for id_ in made.old}
        self.edits.append(made)

    def _expected(self, ids: list[int], pricing: Rule, more: int, status: str | None) -> dict[int, Any]:
        """Per variant what changes; None where it is refused, and then nothing of it changes."""
        expected: dict[int, Any] = {}
        taken = {self.digest(known.held) for known in self.known.values() if known.active}
        for id_ in ids:
            known = self.known[id_]
            if known.stock + more < 0:
                expected[id_] = None
                continue
            new: dict[str, Any] = {"price": new_price(pricing, known.price), "stock": known.stock + more}
            if status:
                new["status"] = 0 if status == "activate" else 1
            if new.get("status") == 0 and not known.active:
                if self.digest(known.held) in taken:
                    expected[id_] = None
                    continue
                taken.add(self.digest(known.held))
            old = {"price": known.price, "stock": known.stock, "status": 0 if known.active else 1}
            expected[id_] = {name: value for name, value in new.items() if value != old[name]}
        return expected

    def _set(self, id_: int, new: Mapping[str, Any]) -> dict[str, Any]:
        known = self.known[id_]
        old = {"price": known.price, "stock": known.stock, "status": 0 if known.active else 1}
        known.price = new.get("price", known.price)
        known.stock = new.get("stock", known.stock)
        known.active = new.get("status", old["status"]) == 0
        return {name: old[name] for name in new}

    @precondition(lambda self: self.edits)
    @rule(which=which)
    def undo(self, which: int) -> None:
        edit = self.edits.pop(which % len(self.edits))
        now = self.now()
        switched = {id_ for id_, old in edit.old.items() if "status" in old}
        restored = {}
        for id_, old in edit.old.items():
            (version, moves), (version_then, moves_then) = now[id_], edit.counted[id_]
            others = set(self.of(self.digest(self.known[id_].held), active=True)) - {id_} - switched
            touched = version != version_then or ("stock" in old and moves != moves_then)
            if not touched and not (old.get("status") == 0 and others):
                restored[id_] = old
        if edit.old and not restored:
            with pytest.raises(NothingToUndo):
                bulk_undo.undo(edit.id, actor=ANA)
            return
        done = bulk_undo.undo(edit.id, actor=ANA)
        assert (done.restored, set(done.kept)) == (len(restored), edit.old.keys() - restored.keys())
        for id_, old in restored.items():
            self._set(id_, old)

    @precondition(lambda self: not self.archived and len(self.known) > 4)
    @rule()
    def archive(self) -> None:
        _product, count = products.archive(self.product.id, actor=ANA)
        assert count == sum(known.active for known in self.known.values())
        for known in self.known.values():
            known.active = False
        self.archived = True

    # --- what must be true after each of it ---------------------------------------------------------------------------

    @invariant()
    def shop_and_model_say_the_same(self) -> None:
        statement = text("""
            SELECT v.id, v.status = 0, v.price, v.stock, v.options_digest, coalesce(jsonb_object_agg(t.name, o.name)
                   FILTER (WHERE o.id IS NOT NULL), '{}'), string_agg(o.id::text, '-' ORDER BY o.id)
                   FILTER (WHERE EXISTS (SELECT FROM product_option_types p WHERE p.product_id = v.product_id
                                         AND p.option_type_id = t.id))
            FROM variants v LEFT JOIN option_value_variants h ON h.variant_id = v.id
            LEFT JOIN option_values o ON o.id = h.option_value_id LEFT JOIN option_types t ON t.id = o.option_type_id
            WHERE v.product_id = :id GROUP BY v.id""")
        with db.engine.connect() as connection:
            rows = connection.execute(statement, {"id": self.product.id}).all()
        found = {id_: Known(held, active, price, units) for id_, active, price, units, _digest, held, _ids in rows}
        assert found == self.known
        assert {row[4] for row in rows} == {row[6] for row in rows}
        assert all(row[4] == row[6] for row in rows)

    @invariant()
    def audit_finds_nothing(self) -> None:
        assert invariants.findings(invariants.audit()) == []


def check_against_the_model(*, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Workspace,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_workspace_does_what_its_model_does(app: Flask) -> None:
    check_against_the_model(examples=6, steps=20)


@pytest.mark.soak
def test_the_workspace_does_what_its_model_does_for_long(app: Flask) -> None:
    check_against_the_model(examples=400, steps=60)
