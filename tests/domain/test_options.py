"""The digest, and which combinations are refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magflow.domain.errors import InvalidOptions
from magflow.domain.names import handle_from, numbered, sku_from
from magflow.domain.options import chosen_values, cleaned, digest, name_key

choices = st.dictionaries(st.integers(1, 9), st.integers(100, 999), max_size=6)


@given(chosen=choices, types=st.sets(st.integers(1, 9)))
def test_the_digest_names_the_counted_values_and_nothing_else(chosen: dict[int, int], types: set[int]) -> None:
    text = digest(chosen, types)
    counted = {value for type_, value in chosen.items() if type_ in types}
    assert (text is None) == (not counted)
    assert {int(part) for part in (text or "").split("-") if part} == counted


@given(chosen=choices, types=st.sets(st.integers(1, 9)))
def test_the_order_in_which_values_were_chosen_does_not_matter(chosen: dict[int, int], types: set[int]) -> None:
    turned = dict(reversed(list(chosen.items())))
    assert digest(chosen, types) == digest(turned, types)


def test_values_are_sorted_as_numbers() -> None:
    assert digest({1: 10, 2: 9}, {1, 2}) == "9-10"


def test_two_combinations_never_share_a_digest() -> None:
    combinations = list(itertools.product([1, 11, 111], [2, 12], [3, 13]))
    assert len({digest(dict(enumerate(c)), {0, 1, 2}) for c in combinations}) == len(combinations)


def test_ids_are_cleaned() -> None:
    assert cleaned([7, 0, 3, 7]) == [3, 7]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [([5], "unknown_option_value"), ([3], "not_an_option_of_product"), ([1, 2], "two_values_of_one_option")],
)
def test_a_wrong_choice_is_named(wanted: list[int], code: str) -> None:
    with pytest.raises(InvalidOptions) as refused:
        chosen_values(wanted, {1: 10, 2: 10, 3: 20}, {10})
    assert [error.code for error in refused.value.errors] == [code]


def test_every_wrong_choice_is_named_at_once() -> None:
    with pytest.raises(InvalidOptions) as refused:
        chosen_values([3, 5, 1], {1: 10, 3: 20}, {10})
    assert {error.code for error in refused.value.errors} == {"unknown_option_value", "not_an_option_of_product"}


def test_romanian_letters_in_both_spellings_are_one_name() -> None:
    assert name_key("Mărimeș") == name_key("marimeş ") == "marimes"
    assert name_key("  Roșu   închis ") == "rosu inchis"


def test_names_that_are_made() -> None:
    assert handle_from("Tricou de bumbac, șnur & co.") == "tricou-de-bumbac-snur-co"
    assert handle_from("日本") == "product"
    assert sku_from("tricou", ["Roșu", "1 TB"]) == "TRICOU-ROSU-1-TB"
    assert numbered("A", {"A", "A-2"}) == "A-3"
    assert numbered("B", {"A"}) == "B"
