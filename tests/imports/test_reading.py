"""What files are and what their cells mean, without a database."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magflow.domain.border import Unfit
from magflow.domain.imports import cells, dialect, guessing, layouts, records, workbooks, writing
from magflow.domain.imports.choices import Choices
from magflow.domain.imports.faults import FileFault
from magflow.services.imports import files
from tests.imports.test_gate_import import SHEET, WORKBOOK, archive


def read(text: str, width: int, delimiter: str = ",") -> list[records.Record]:
    return list(records.Records(io.StringIO(text, newline=""), delimiter, width, 1))


# --- encodings and delimiters -----------------------------------------------------------------------------------------

ROMANIAN = "product;sku;price\nCămaşă roşie;C1;49,90\nFulgi de ovăz în pungă;C2;12,00\n"
ITALIAN = "product;sku;price\nCaffè perché è così;C1;49,90\nTè più; C2;12,00\n"


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        (ROMANIAN, "utf-8", "utf-8"),
        (ROMANIAN, "utf-8-sig", "utf-8-sig"),
        (ROMANIAN, "cp1250", "cp1250"),
        (ITALIAN, "cp1252", "cp1252"),
        (ROMANIAN, "utf-16", "utf-16"),
        ("product,sku\nMug,M1\n", "ascii", "utf-8"),
    ],
)
def test_the_encoding_is_found(text: str, written: str, found: str) -> None:
    raw = text.encode(written)
    assert dialect.find_encoding(io.BytesIO(raw)) == found
    assert raw.decode(found) == text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty_file"),
        (b"product,sku\nMug,\x00\n", "null_character"),
        (b"x" * (17 * 2**20), "line_too_long"),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(FileFault) as refused:
        dialect.find_encoding(io.BytesIO(raw))
    assert refused.value.reason == reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_from_the_header(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    for before in ("", "\n\n", f"sep={delimiter}\n"):
        path.write_text(f'{before}product{delimiter}sku{delimiter}price\n"A, b; c"{delimiter}S{delimiter}1.00\n')
        reading = files.recognise(path, "variants", "auto")
        assert reading.dialect.delimiter == delimiter
        with files.opened(path, reading) as rows:
            assert [(row.line, row.cells) for row in rows] == [(2 + before.count("\n"), ["A, b; c", "S", "1.00"])]


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_quote_that_is_not_closed_costs_its_row_and_no_other() -> None:
    text = 'a,1,2\n"b,1,2\nc,1,2\n"multi\nline",1,2\n\n,,\nd,1\ne,1,2,,\n"f"x,1,2\n12" pipe,1,2\n"last,1,2'
    found = read(text, 3)
    assert [(row.line, row.fault) for row in found] == [
        (1 + 1, None), (3, "unclosed_quote"), (4, None), (5, None), (9, "wrong_column_count"), (10, None),
        (11, "broken_quotes"), (12, None), (13, "unclosed_quote"),
    ]  # fmt: skip
    assert found[3].cells == ["multi\nline", "1", "2"]
    assert found[1].cells == ['"b,1,2']


@given(st.lists(st.lists(st.text(alphabet="ab,;\"'\n\r x", max_size=6), min_size=2, max_size=2), max_size=12))
@settings(max_examples=300, deadline=None)
def test_whatever_a_csv_writer_writes_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    found = read(out.getvalue(), 2)
    assert [row.cells for row in found] == [row for row in rows if any(row)]
    assert not any(row.fault for row in found)


@given(st.text(alphabet='a",\n', max_size=80))
@settings(max_examples=500, deadline=None)
def test_every_line_of_garbage_ends_in_a_record_or_in_one(text: str) -> None:
    whole = records.Records(io.StringIO(text, newline=""), ",", 2, 0)
    found = list(whole)
    small = records.BLOCK_LINES, records.BLOCK_LETTERS
    try:
        records.BLOCK_LINES = records.BLOCK_LETTERS = 1  # type: ignore[misc]
        assert list(records.Records(io.StringIO(text, newline=""), ",", 2, 0)) == found
    finally:
        records.BLOCK_LINES, records.BLOCK_LETTERS = small  # type: ignore[misc]
    assert [row.line for row in found] == sorted({row.line for row in found})


def test_cells_and_files_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * 40_000
    assert [row.fault for row in read(f'{long},1\na,b\n"{long}",1\n', 2)] == ["cell_too_long", None, "cell_too_long"]
    with pytest.raises(FileFault, match="quotes_never_closed"):
        read('"a,1\n' * 2_002, 2)


# --- numbers, codes, text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "sign", "value"),
    [
        ("49.90", None, "49.90"), ("49,90", None, "49.90"), ("1.234,56", None, "1234.56"),
        ("1,234.56", None, "1234.56"), ("1.234", ",", "1234.00"), ("1,234", ".", "1234.00"),
        ("1.234.567", None, "1234567.00"), ("12", None, "12.00"), (" 7\u00a0", ".", "7.00"),
        ("1 234,50", None, "1234.50"), ("1\u202f234\u00a0567.5", None, "1234567.50"),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(cell: str, sign: cells.Sign | None, value: str) -> None:
    assert cells.number(cell, sign) == Decimal(value)


@pytest.mark.parametrize(
    ("cell", "sign", "code"),
    [
        ("1.234", None, "ambiguous_number"), ("1,234", None, "ambiguous_number"), ("1.234", ".", "too_many_decimals"),
        ("-1", None, "out_of_range"), ("1e3", None, "not_a_number"), ("NaN", None, "not_a_number"),
        ("１２", None, "not_a_number"), ("1 23", None, "not_a_number"),
        ("1_000", None, "not_a_number"), ("9" * 5000, None, "not_a_number"),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_or_in_none_is_refused(cell: str, sign: cells.Sign | None, code: str) -> None:
    with pytest.raises(Unfit) as unfit:
        cells.number(cell, sign)
    assert unfit.value.code == code


def test_a_rate_may_have_its_sign() -> None:
    assert cells.percent("19 %", None) == cells.percent("19", None) == Decimal(19)
    with pytest.raises(Unfit):
        cells.percent("119%", None)


def test_columns_are_guessed_without_their_units() -> None:
    headers = ["Denumire produs", "Preț vânzare (lei)", "Prezzo (senza IVA)", "Mărime", "Cod-furnizor"]
    assert guessing.guess(headers, "variants") == {
        "Denumire produs": "product", "Preț vânzare (lei)": "price", "Prezzo (senza IVA)": "",
        "Mărime": "option:Mărime", "Cod-furnizor": "sku",
    }  # fmt: skip


STYLES = (
    b'<styleSheet><numFmts><numFmt numFmtId="164" formatCode="0.0%"/></numFmts><cellXfs><xf numFmtId="0"/>'
    b'<xf numFmtId="9"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs></styleSheet>'
)


def test_a_workbook_is_read_as_it_is_shown() -> None:
    cell = '<c s="{}"><v>{}</v></c>'
    row = "".join(cell.format(*one) for one in ((0, "0.19"), (1, "0.19"), (2, "0.095"), (3, "46000")))
    sheet = f"<worksheet><sheetData><row>{row}</row></sheetData></worksheet>".encode()
    out = io.StringIO()
    workbooks.to_lines(io.BytesIO(archive({**WORKBOOK, SHEET: sheet, "xl/styles.xml": STYLES})), out)
    assert out.getvalue() == "0.19,19%,9.5%,2025-12-09 00:00:00\n"


def test_statuses_are_understood_in_the_languages_around() -> None:
    assert cells.status(" Activă ") == cells.status("attivo") == (True, False)
    assert cells.status("Ciornă") == (False, False)
    assert cells.status("arhivat") == (False, True)


def test_a_header_may_have_line_breaks_and_delimiters_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text('"Cod\nprodus",sku,,\nA,1,,\n', encoding="utf-8")
    found = files.find_dialect(path)[1]
    assert files.header_of(path, found) == ["Cod\nprodus", "sku"]
    assert files.sample(path, found, 2, 9) == [["A", "1"]]


def test_the_decimal_sign_is_decided_for_the_column() -> None:
    assert cells.sign_of(["1.234", "49,90", "", "7"]) == ","
    assert cells.sign_of(["1,234", "49.9"]) == "."
    assert cells.sign_of(["49,90", "49.90"]) is None
    assert cells.sign_of(["1.234", "12"]) is None


@pytest.mark.parametrize(
    ("cell", "code"),
    [("5.94123E+12", "ean_exponent"), ("594000000001", "ean_check_digit"), ("12345", "ean_length"),
     ("AB-12", "ean_digits")],
)  # fmt: skip
def test_an_ean_is_checked(cell: str, code: str) -> None:
    with pytest.raises(Unfit) as unfit:
        cells.ean(cell)
    assert unfit.value.code == code
    assert cells.ean(" '5940000000011 ") == "5940000000011"


@given(st.text(max_size=20))
@settings(max_examples=1000, deadline=None)
def test_a_guarded_cell_is_safe_and_comes_back_unharmed(text: str) -> None:
    out = writing.guarded(text)
    assert writing.restored(out) == text
    assert not out.lstrip(" \"'").startswith(("=", "+", "-", "@", "＝")) or out.startswith("'")


def test_only_one_apostrophe_is_taken_off() -> None:
    assert writing.guarded("=1+2") == "'=1+2"
    assert writing.restored("''=1") == "'=1"
    assert writing.restored("'Mug") == "'Mug"


# --- layouts ----------------------------------------------------------------------------------------------------------


def test_both_header_sets_of_shopify_and_a_mix_are_one_format() -> None:
    current = layouts.recognise(["Title", "URL handle", "SKU", "Price", "Option1 name", "Option1 value"], "variants")
    legacy = layouts.recognise(
        ["Handle", "Title", "Variant SKU", "Variant Price", "Option1 Name", "Option1 Value"], "variants"
    )
    mixed = layouts.recognise(["Handle", "Title", "SKU", "Variant Price", "My app's field"], "variants")
    assert {current.format, legacy.format, mixed.format} == {"shopify"}
    assert set(current.columns) == set(legacy.columns) == {"name", "handle", "sku", "price"}
    assert mixed.left_out == ("My app's field",)


@pytest.mark.parametrize(
    ("header", "kind", "reason", "named"),
    [
        ("product,sku,colour,farbe", "variants", "unknown_columns", "colour, farbe"),
        ("product,sku,SKU", "variants", "repeated_columns", "sku"),
        ("title,price,stock,brand", "variants", "missing_columns", "product"),
        ("product,option1_name", "variants", "option_halves", "option1_name"),
        ("sku,product", "stock", "missing_columns", "stock"),
        ("Type,SKU,Regular price,Attribute 1 name", "variants", "missing_columns", "Name"),
        ("number,sku,quantity", "orders", "missing_columns", "status"),
    ],
)
def test_a_header_that_cannot_be_is_refused_by_name(header: str, kind: str, reason: str, named: str) -> None:
    with pytest.raises(FileFault) as refused:
        layouts.recognise(header.split(","), kind)
    assert refused.value.reason == reason
    assert named in str(refused.value.params.values())


def test_an_encoding_that_was_chosen_and_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes("product,sku,price\nTee,Roșu,1\n".encode("cp1250", "replace") + b"\xff,\xfe,1\n")
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(FileFault) as fault:
            files.recognise(path, "variants", "auto", Choices(encoding=encoding))
        assert fault.value.reason in {"encoding_unknown", "line_too_long", "no_header", "unknown_columns"}
    assert files.recognise(path, "variants", "auto", Choices(encoding="cp1250")).dialect.encoding == "cp1250"
