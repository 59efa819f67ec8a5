"""Combinations, their SKUs and prices, as values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.generation import (
    Axis,
    Combination,
    Numbering,
    SkuPattern,
    Value,
    belongs,
    combinations,
    count,
    named_combination,
)
from magflow.domain.price_templates import PriceRule, PriceTemplateRules, check_rules

COLOR = Axis(1, "Culoare", (Value(11, "Roșu"), Value(12, "Albastru")))
SIZE = Axis(2, "Mărime", (Value(21, "S"), Value(22, "M"), Value(23, "L")))


def axes_of(sizes: list[int]) -> list[Axis]:
    return [
        Axis(n, f"Option {n}", tuple(Value(100 * n + v, f"v{v}") for v in range(size)))
        for n, size in enumerate(sizes, 1)
    ]


@given(st.lists(st.integers(0, 5), max_size=4))
def test_the_count_is_what_building_them_would_give(sizes: list[int]) -> None:
    axes = axes_of(sizes)
    built = list(combinations(axes))
    assert count(axes) == len(built)
    assert len({c.digest for c in built}) == len(built)
    assert all(belongs(axes, c.digest) for c in built)


def test_counting_ten_to_the_twelve_builds_nothing() -> None:
    assert count(axes_of([100] * 6)) == 10**12


@pytest.mark.parametrize("digest", [None, "", "11", "11-12", "11-21-22", "11-99", "moving-7"])
def test_what_is_no_combination(digest: str | None) -> None:
    assert not belongs([COLOR, SIZE], digest)


def test_a_combination_by_names_whatever_their_spelling() -> None:
    found = named_combination([COLOR, SIZE], {"MARIME": "m", "culoare": "roşu"})
    assert isinstance(found, Combination)
    assert (found.digest, dict(found.names)) == ("11-22", {"Culoare": "Roșu", "Mărime": "M"})


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"Culoare": "Roșu"}, "option_missing"),
        ({"Culoare": "Verde", "Mărime": "M"}, "value_not_offered"),
        ({"Culoare": "Roșu", "Mărime": "M", "Lungime": "3"}, "not_an_option_of_product"),
    ],
)
def test_what_is_wrong_with_a_combination(chosen: dict[str, str], code: str) -> None:
    found = named_combination([COLOR, SIZE], chosen)
    assert isinstance(found, FieldError)
    assert found.code == code


def test_a_sku_from_a_pattern() -> None:
    pattern = SkuPattern("{product}.{culoare}/{Marime}", "Tricou bumbac", "tricou-bumbac", [COLOR, SIZE])
    assert pattern.sku({"Culoare": "Roșu", "Mărime": "XL 2"}) == "TRICOU-BUMBAC.ROSU/XL-2"
    assert SkuPattern(None, "Tricou", "tricou", [COLOR]).sku({"Culoare": "Roșu"}) == "TRICOU-ROSU"


def test_an_unknown_name_in_a_pattern_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        SkuPattern("{product}-{Colour}", "Tricou", "tricou", [COLOR])
    assert refused.value.errors[0].params == {"value": "Colour", "known": "product, handle, Culoare"}


def test_collisions_get_numbers_and_never_the_same() -> None:
    numbering = Numbering({"A", "A-3"})
    assert [numbering.unique("A") for _ in range(4)] == ["A-2", "A-4", "A-5", "A-6"]
    assert numbering.unique("B") == "B"


def test_template_parts_are_of_the_base_and_do_not_compound() -> None:
    rules = PriceTemplateRules(
        [PriceRule("Mărime", "M", "amount", Decimal("2")), PriceRule("culoare", "ROSU", "percent", Decimal("10"))]
    )
    base = Decimal("49.90")
    assert rules.price(base, {"Culoare": "Roșu", "Mărime": "M"}) == Decimal("56.89")
    assert rules.price(base, {"Culoare": "Albastru", "Mărime": "S"}) == base


def test_a_template_never_goes_below_zero_and_says_one_thing_once() -> None:
    assert PriceTemplateRules([PriceRule("A", "b", "amount", Decimal("-99"))]).price(
        Decimal("10"), {"A": "b"}
    ) == Decimal("0.00")
    with pytest.raises(Invalid):
        check_rules([PriceRule("A", "b", "amount", Decimal(1)), PriceRule("a", "B", "percent", Decimal(1))])


parts = st.builds(
    PriceRule,
    st.sampled_from(["Option 1", "Option 2", "Option 3"]),
    st.sampled_from(["v0", "v1", "v2"]),
    st.sampled_from(["amount", "percent"]),
    st.decimals(min_value=-200, max_value=200, places=2),
)
bases = st.decimals(min_value=0, max_value=10**6, places=2)


@given(base=bases, rules=st.lists(parts, max_size=6, unique_by=lambda r: (r.option_name, r.option_value)))
def test_a_template_makes_prices_of_two_places_that_are_within_its_rules(base: Decimal, rules: list[PriceRule]) -> None:
    template = PriceTemplateRules(rules)
    for combination in combinations(axes_of([3, 2, 2])):
        price = template.price(base, combination.names)
        meant = [r for r in rules if combination.names.get(r.option_name) == r.option_value]
        exact = base + sum(r.amount if r.kind == "amount" else base * r.amount / 100 for r in meant)
        assert price.as_tuple().exponent == -2
        assert price >= 0
        assert abs(price - max(exact, Decimal(0))) <= Decimal("0.005")
        assert template.price(base, dict(reversed(combination.names.items()))) == price


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3), taken=st.sets(st.integers(0, 5), max_size=3))
def test_every_combination_gets_a_sku_of_its_own(sizes: list[int], taken: set[int]) -> None:
    axes = axes_of(sizes)
    for pattern in (None, "{product}", "{product}-{Option 1}"):
        numbering = Numbering({f"MUG-{n}" for n in taken} | {"MUG"})
        named = SkuPattern(pattern, "Mug", "mug", axes)
        skus = [numbering.unique(named.sku(c.names)) for c in combinations(axes)]
        assert len({*skus}) == len(skus) == count(axes)
        assert not {*skus} & ({f"MUG-{n}" for n in taken} | {"MUG"})
