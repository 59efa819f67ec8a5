"""Suggestions are confirmed in a few statements, each item by itself; nothing is written before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from magflow.db import db
from magflow.domain.errors import Invalid, StaleVersion
from magflow.models import Product, Variant
from magflow.queries import title_reading as reads
from magflow.queries.title_reading import Suggestion
from magflow.services import products, title_confirmations, title_reading, variants
from magflow.services.options import OptionInput
from magflow.services.title_reading import ConfirmByConfidence, Confirmed, ConfirmReadings, ItemIn, Seen, SkipReadings
from tests.shop import ANA, make_product, make_variant

pytestmark = pytest.mark.usefixtures("app")

Owner = psycopg.Connection[tuple[Any, ...]]
CLOTHES = {"Color": ["Red", "White", "Black"], "Size": ["S", "M", "L"]}


def make_legacy(
    *skus: str, options: dict[str, Sequence[str]] | None = None, name: str | None = None
) -> tuple[Product, list[Variant]]:
    """A product with options, and drafts of it that came without; the first is active."""
    product = make_product(name=name or "Tricou", options=options or CLOTHES)
    return product, [make_variant(product, sku=sku, active=n == 0) for n, sku in enumerate(skus)]


def suggested(product: Product, **how: Any) -> list[Suggestion]:
    rows = list(reads.suggestions(db.session(), product.id, limit=500, **how).rows)
    db.session.rollback()
    return rows


def state(owner: Owner, *of: Variant) -> list[tuple[Any, ...]]:
    """SKU, digest, values and version as they stand."""
    return owner.execute(
        "SELECT v.sku, v.options_digest, v.status, v.version, coalesce(array_agg(o.name ORDER BY o.option_type_id)"
        " FILTER (WHERE o.id IS NOT NULL), '{}') FROM variants v"
        " LEFT JOIN option_value_variants x ON x.variant_id = v.id"
        " LEFT JOIN option_values o ON o.id = x.option_value_id"
        " WHERE v.id = ANY(%s) GROUP BY v.id ORDER BY v.id",
        [[v.id for v in of]],
    ).fetchall()


def items_of(rows: Sequence[Suggestion]) -> list[ItemIn]:
    return [
        ItemIn(
            s.variant.id,
            tuple(c.value_id for c in s.reading.choices if c.value_id),
            seen=Seen(s.variant.version, s.variant.sku, s.variant.title),
        )
        for s in rows
    ]


def test_nothing_is_written_before_it_is_confirmed(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")
    before = state(owner, *legacy)

    rows = suggested(product)

    assert [s.reading.confidence for s in rows] == ["certain", "certain"]
    assert state(owner, *legacy) == before


def test_what_is_confirmed_stands_with_its_digest_and_everything_else_stays(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")

    done = title_reading.confirm(ConfirmReadings(items_of(suggested(product))), actor=ANA)

    assert done.confirmed == 2
    assert [(sku, status, values) for sku, _d, status, _v, values in state(owner, *legacy)] == [
        ("TRICOU-ROSU-M", 0, ["Red", "M"]),
        ("TRICOU-NEGRU-L", 1, ["Black", "L"]),
    ]
    [stale] = owner.execute(
        "SELECT count(*) FROM variants v WHERE product_id = %s AND options_digest IS DISTINCT FROM (SELECT"
        " string_agg(x.option_value_id::text, '-' ORDER BY x.option_value_id) FROM option_value_variants x"
        " WHERE x.variant_id = v.id)",
        [product.id],
    ).fetchone() or [None]
    assert stale == 0
    assert suggested(product) == []


def test_a_variant_that_was_renamed_meanwhile_is_refused_alone(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")
    seen = items_of(suggested(product))
    variants.edit(variants.EditVariant(legacy[0].id, {"title": "Altceva"}), actor=ANA)

    done = title_reading.confirm(ConfirmReadings(seen), actor=ANA)

    assert [a.refused for a in done.answers] == ["stale_version", None]
    assert state(owner, legacy[0])[0][1] is None


def test_a_combination_that_is_taken_is_refused_by_name_and_the_others_go_through(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")
    taken = make_variant(product, values=[("Color", "Red"), ("Size", "M")], sku="OWN-RED-M")

    done = title_reading.confirm(ConfirmReadings(items_of(suggested(product))), actor=ANA)

    assert [(a.refused, a.params.get("sku")) for a in done.answers] == [("combination_taken", taken.sku), (None, None)]
    assert [row[1] is None for row in state(owner, *legacy)] == [True, False]


def test_a_person_corrects_what_was_read(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M")
    [row] = suggested(product)
    white = next(v.id for v in row.types[0].values if v.name == "White")

    title_reading.confirm(ConfirmReadings([ItemIn(legacy[0].id, (white, row.types[1].values[2].id))]), actor=ANA)

    assert state(owner, *legacy)[0][4] == ["White", "L"]


def test_values_that_do_not_fit_are_refused_each_with_its_reason(owner: Owner) -> None:
    product, legacy = make_legacy("A-1", "A-2", "A-3", "A-4", "A-5")
    other = make_product(options={"Length": ["1 m"]})
    types = suggested(product)[0].types
    red, white = types[0].values[0].id, types[0].values[1].id
    foreign = reads.suggestions(db.session(), product.id).rows[0]
    length = owner.execute("SELECT id FROM option_values WHERE name = '1 m'").fetchone() or (0,)
    db.session.rollback()
    assert other.id and foreign

    ids = [v.id for v in legacy]
    wanted = [(red, white), (length[0],), (2**40,), (), (red,)]
    done = title_reading.confirm(
        ConfirmReadings([*(ItemIn(i, tuple(v)) for i, v in zip(ids, wanted, strict=True)), ItemIn(2**40, (red,))]),
        actor=ANA,
    )

    assert [a.refused for a in done.answers] == [
        "two_values_of_one_option", "not_an_option_of_product", "unknown_option_value", "no_values", None, "not_found",
    ]  # fmt: skip
    again = title_reading.confirm(ConfirmReadings([ItemIn(ids[4], (white,))]), actor=ANA)
    assert [a.refused for a in again.answers] == ["has_options"]


def test_a_product_without_options_gets_them_only_when_asked_for(owner: Owner) -> None:
    make_product(options=CLOTHES)
    product = make_product(name="Maiou")
    legacy = [make_variant(product, sku=sku, active=n == 0) for n, sku in enumerate(("M-ROSU-S", "M-NEGRU-L"))]
    items = items_of(suggested(product))

    refused = title_reading.confirm(ConfirmReadings(items), actor=ANA)
    assert {a.refused for a in refused.answers} == {"not_an_option_of_product"}
    done = title_reading.confirm(ConfirmReadings(items, extend=True), actor=ANA)

    assert done.confirmed == 2
    assert [row[4] for row in state(owner, *legacy)] == [["Red", "S"], ["Black", "L"]]
    offered = owner.execute(
        "SELECT t.name, array_agg(o.name ORDER BY x.position) FROM product_option_values x"
        " JOIN option_values o ON o.id = x.option_value_id JOIN option_types t ON t.id = o.option_type_id"
        " WHERE x.product_id = %s GROUP BY t.id ORDER BY t.id",
        [product.id],
    ).fetchall()
    assert offered == [("Color", ["Red", "Black"]), ("Size", ["S", "L"])]


def test_a_new_value_is_made_when_the_person_chose_it(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-MOV-M", "TRICOU-ROSU-L")
    row = suggested(product, propose=True)[0]
    new = [(c.proposal.type_id, c.proposal.name) for c in row.reading.choices if c.proposal]
    known = tuple(c.value_id for c in row.reading.choices if c.value_id)

    kept = title_reading.confirm(ConfirmReadings([ItemIn(legacy[0].id, (), tuple(new))]), actor=ANA)
    assert [a.refused for a in kept.answers] == ["needs_new_values"]
    title_reading.confirm(ConfirmReadings([ItemIn(legacy[0].id, known, tuple(new))], extend=True), actor=ANA)

    assert state(owner, legacy[0])[0][4] == ["Purple", "M"]


def test_an_option_that_comes_back_for_others_is_not_added_in_passing(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M")
    make_variant(product, values=[("Color", "Black"), ("Size", "L")])
    items = items_of(suggested(product))
    only_size = products.SetOptions(product.id, [OptionInput("Size", ("S", "M", "L"))])
    products.set_options(only_size, actor=ANA)

    done = title_reading.confirm(
        ConfirmReadings([ItemIn(i.variant_id, i.value_ids) for i in items], extend=True), actor=ANA
    )

    assert [a.refused for a in done.answers] == ["option_comes_back"]
    assert state(owner, *legacy)[0][1] is None


def test_what_is_skipped_is_not_asked_again_until_it_is_wanted(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")

    assert title_reading.skip(SkipReadings([legacy[0].id]), actor=ANA) == 1
    assert title_reading.skip(SkipReadings([legacy[0].id]), actor=ANA) == 0
    assert [s.variant.id for s in suggested(product)] == [legacy[1].id]
    assert [s.variant.id for s in suggested(product, skipped=True)] == [legacy[0].id]
    assert title_reading.skip(SkipReadings([legacy[0].id], skipped=False), actor=ANA) == 1
    assert len(suggested(product)) == 2


def test_five_hundred_are_confirmed_by_confidence_in_a_handful_of_statements(owner: Owner) -> None:
    colours = ["Roșu", "Alb", "Negru", "Verde", "Galben"]
    sizes = [str(n) for n in range(30, 50)]
    made = [make_product(name=f"Pantof {n}", options={"Culoare": colours, "Mărime": sizes}) for n in range(5)]
    rows = [
        (product.id, f"P{n}-{colour}-{size}", f"Pantof {n} {colour}, mărimea {size}")
        for n, product in enumerate(made)
        for colour in colours
        for size in sizes
    ]
    with owner.cursor() as cursor:
        cursor.executemany("INSERT INTO variants (product_id, sku, title, status) VALUES (%s, %s, %s, 1)", rows)
    assert len(rows) == 500

    with counting() as sent:
        done = title_confirmations.start(ConfirmByConfidence("certain"), actor=ANA)

    mapped = owner.execute(
        "SELECT count(*) FROM variants v WHERE product_id = ANY(%s) AND options_digest IS NOT NULL AND title ="
        " (SELECT 'Pantof ' || split_part(p.name, ' ', 2) || ' ' || max(o.name) FILTER (WHERE t.name = 'Culoare')"
        " || ', mărimea ' || max(o.name) FILTER (WHERE t.name = 'Mărime') FROM option_value_variants x"
        " JOIN option_values o ON o.id = x.option_value_id JOIN option_types t ON t.id = o.option_type_id"
        " JOIN products p ON p.id = v.product_id WHERE x.variant_id = v.id GROUP BY p.id)",
        [[p.id for p in made]],
    ).fetchone()
    assert mapped == (500,)
    assert isinstance(done, Confirmed) and done.confirmed >= 500
    assert len(sent) <= 30, len(sent)


def test_a_page_of_suggestions_takes_as_many_statements_for_two_products_as_for_twenty() -> None:
    few = [make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")[1][0].id for _ in range(2)]
    many = [make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")[1][0].id for _ in range(20)]
    counts = []
    for ids in (few, many):
        with counting() as sent:
            assert len(reads.of_variants(db.session(), ids)) == len(ids)
        db.session.rollback()
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 7


def test_suggestions_that_are_others_by_now_are_not_confirmed_by_confidence(owner: Owner) -> None:
    product, legacy = make_legacy("TRICOU-ROSU-M", "TRICOU-NEGRU-L")
    seen = title_reading.fingerprint(title_reading.at_least(suggested(product), "certain"))
    variants.edit(variants.EditVariant(legacy[0].id, {"title": "Tricou alb M"}), actor=ANA)

    with pytest.raises(StaleVersion):
        title_confirmations.start(ConfirmByConfidence("certain", product.id, seen=seen), actor=ANA)

    assert {row[1] for row in state(owner, *legacy)} == {None}


def test_a_list_with_one_variant_twice_or_a_confidence_that_is_none_is_refused() -> None:
    _product, [variant] = make_legacy("TRICOU-ROSU-M")
    with pytest.raises(Invalid):
        title_reading.confirm(ConfirmReadings([ItemIn(variant.id, (1,)), ItemIn(variant.id, (2,))]), actor=ANA)
    with pytest.raises(Invalid):
        title_confirmations.start(ConfirmByConfidence("sure"), actor=ANA)


class counting:  # noqa: N801 - read as a sentence: with counting() as sent
    """The statements that are sent meanwhile, prepared ones among them."""

    def __enter__(self) -> list[str]:
        from sqlalchemy import event

        from magflow.concurrency import statements

        self.sent: list[str] = []
        self._note = lambda _c, _k, statement, *_rest: self.sent.append(statement)
        event.listen(db.engine, "before_cursor_execute", self._note)
        self._send = statements.Batch.send

        def send(batch: Any, sql: str, *rest: Any) -> Any:
            self.sent.append(sql)
            return self._send(batch, sql, *rest)

        statements.Batch.send = send  # type: ignore[method-assign]
        return self.sent

    def __exit__(self, *_error: object) -> None:
        from sqlalchemy import event

        from magflow.concurrency import statements

        statements.Batch.send = self._send  # type: ignore[method-assign]
        event.remove(db.engine, "before_cursor_execute", self._note)
