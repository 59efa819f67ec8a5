"""Outside text becomes the value it says, or is refused with a code; no error of Python's, no other value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magflow.domain import border
from magflow.domain.border import MalformedJson, Unfit, load_json


def refused(work: Any, *args: Any, **kwargs: Any) -> str:
    """The code with which this is refused."""
    with pytest.raises(Unfit) as caught:
        work(*args, **kwargs)
    return caught.value.code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (True, "not_an_integer"),
        ("3", "not_an_integer"),
        (None, "not_an_integer"),
        (Decimal("3.5"), "not_an_integer"),
        (Decimal("NaN"), "not_an_integer"),
        (Decimal("Infinity"), "not_an_integer"),
        (Decimal("1E+999999999"), "out_of_range"),
        (2**31, "out_of_range"),
        (-1, "out_of_range"),
        (int("9" * 4000), "out_of_range"),
    ],
)
def test_a_number_that_is_no_quantity_is_refused(given, code):
    assert refused(border.integer, given) == code


def test_three_point_zero_is_a_whole_number_as_json_says():
    assert border.integer(Decimal("3.0")) == 3
    assert border.integer(Decimal("2E+3")) == 2000


@pytest.mark.parametrize("given", ["１２", "1_000", "", "-", "1.0", "0x10", "9" * 5000, "1 2", "²", "\u0663"])
def test_digits_are_ascii_and_few(given):
    assert refused(border.integer, given, as_text=True) == "not_an_integer"


def test_blanks_around_digits_of_an_address_do_not_matter():
    assert border.integer(" 7\n", as_text=True) == 7


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("19.90", "19.90"),
        ("0", "0.00"),
        (7, "7.00"),
        (Decimal("1.5"), "1.50"),
        (Decimal("1E+2"), "100.00"),
        ("9999999999.99",) * 2,
    ],
)
def test_money_keeps_its_cents(given, value):
    assert str(border.money(given)) == value


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("NaN", "not_a_number"),
        ("1e3", "not_a_number"),
        ("1,50", "not_a_number"),
        (" 1", "not_a_number"),
        ("٣", "not_a_number"),
        ("1" * 5000, "not_a_number"),
        (1.5, "not_a_number"),
        (True, "not_a_number"),
        ([], "not_a_number"),
        ("-0.01", "out_of_range"),
        ("10000000000", "out_of_range"),
        (Decimal("NaN"), "out_of_range"),
        (Decimal("-Infinity"), "out_of_range"),
        (Decimal("1E+999999999999"), "out_of_range"),
        ("1.999", "too_many_decimals"),
        (Decimal("1E-999999999999"), "too_many_decimals"),
        (Decimal("0." + "1" * 3000), "too_many_decimals"),
    ],
)
def test_money_that_is_none_is_refused(given, code):
    assert refused(border.money, given) == code


@pytest.mark.parametrize(
    ("given", "sign", "value"),
    [
        ("1.234,50", ",", "1234.50"),
        ("1,234.50", ".", "1234.50"),
        ("1234,5", ",", "1234.50"),
        (" 12 ", ",", "12.00"),
        ("1.234.567,00", ",", "1234567.00"),
        ("1\u00a0234,50", ",", "1234.50"),
    ],
)
def test_people_write_money_in_their_way(given, sign, value):
    assert str(border.money(given, sign=sign)) == value


@pytest.mark.parametrize(
    ("given", "sign"), [("12.50", ","), ("1,23", "."), ("1.23,4", ","), ("1,2,3", "."), ("12.3456,7", ",")]
)
def test_a_separator_in_the_wrong_place_is_not_guessed_at(given, sign):
    assert refused(border.money, given, sign=sign) == "not_a_number"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (5, "not_text"),
        ("", "blank"),
        ("  \n ", "blank"),
        ("a\x00b", "control_characters"),
        ("a\nb", "control_characters"),
        ("\u0085x", "control_characters"),
        ("\ud800", "not_unicode"),
        ("x" * 256, "too_long"),
        ("x" * 10_000_000, "too_long"),
    ],
)
def test_text_that_no_column_holds_is_refused(given, code):
    assert refused(border.text, given) == code


def test_text_is_trimmed_and_composed():
    assert border.text("  S\u0326tiint\u0326a\u0306 \t") == "\u0218tiin\u021b\u0103"


def test_long_text_keeps_its_lines():
    assert border.text("one\r\ntwo\rthree\tfour", breaks=True) == "one\ntwo\nthree four"


@given(st.text())
def test_text_is_taken_as_the_same_text_twice_or_refused(value):
    try:
        taken = border.text(value, breaks=True, least=0)
    except Unfit:
        return
    taken.encode()
    assert "\x00" not in taken
    assert border.text(taken, breaks=True, least=0) == taken


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers() | st.text() | st.floats())
def test_money_never_raises_anything_but_a_refusal(value):
    try:
        amount = border.money(value)
    except Unfit:
        return
    assert Decimal(0) <= amount <= border.MONEY_MAX
    assert amount.as_tuple().exponent == -2


@pytest.mark.parametrize("given", ["ana@shop.example", "a.b+c@d-e.co.uk", "a@b.c"])
def test_an_address_is_an_address(given):
    assert border.email(given) == given


@pytest.mark.parametrize(
    "given", ["", "ana", "ana@", "@shop.ro", "a b@c.ro", "a@b", "a@b..ro", "a@b.ro\nbcc: x@y.ro", "<a@b.ro>"]
)
def test_what_is_no_address_is_refused(given):
    assert refused(border.email, given)


def test_a_day_and_a_moment():
    assert border.day("2026-02-28") == date(2026, 2, 28)
    assert border.moment("2026-03-05T14:05:00+02:00") == datetime(2026, 3, 5, 12, 5, tzinfo=UTC)
    assert border.moment("2026-03-05 14:05") == datetime(2026, 3, 5, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["2026-02-29", "99999999-01-01", "0001-01-01", "2026-1-1", "20260101", "٢٠٢٦-01-01", 5, None]
)
def test_a_day_that_does_not_exist_is_refused(given):
    assert refused(border.day, given) == "not_a_date"


@pytest.mark.parametrize(
    "given", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-03-05T25:00", "now", 5]
)
def test_a_moment_outside_of_the_calendar_is_refused(given):
    assert refused(border.moment, given) == "not_a_time"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b"\xff\xfe",
        b'"\xc3\x28"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 33 + b"]" * 33,
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b"01",
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(body):
    with pytest.raises(MalformedJson):
        load_json(body)


def test_json_numbers_are_never_floats():
    read = load_json(b'{"a": 1.10, "b": 1e2, "c": 12, "d": 1e999999999999999999999, "e": ' + b"9" * 5000 + b"}")
    assert read["a"] == Decimal("1.10")
    assert read["b"] == Decimal(100)
    assert type(read["c"]) is int
    assert refused(border.money, read["d"]) == "out_of_range"
    assert refused(border.integer, read["e"]) == "out_of_range"


def test_brackets_inside_texts_are_no_depth():
    text = "[{" * 500
    assert load_json(json.dumps({"a": text, "b": '\\"[' * 40}).encode())["a"] == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_json_comes_back_as_it_was(value):
    encoded = json.dumps(value)
    try:
        assert load_json(encoded.encode()) == value
    except MalformedJson:
        assert encoded.count("[") > border.MAX_DEPTH
