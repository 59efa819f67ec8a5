"""The page's rules and the server's are the same."""

from __future__ import annotations

import json

import pytest

from magflow.domain.border import Unfit
from magflow.domain.grid import cell_value
from tests.browser.grid.screen import Shop

pytestmark = pytest.mark.browser


AMOUNTS = "185|0|007.50|1.005|1.500|-1|-0|| 12 |1e3|99999999990|+5|1,5|.5|5."
FIGURES = "185|0|-1|1.5|1000000000|1000000001|99999999999||x|0012"
BARCODES = "5941234567899|5941234567890|96385074|123|5,94E+12|594 1234567899|abc|"
CASES = [
    *(("price", typed) for typed in AMOUNTS.split("|")),
    *(("stock", typed) for typed in FIGURES.split("|")),
    *(("ean", typed) for typed in BARCODES.split("|")),
    *(("sku", typed) for typed in ("A", "", "x" * 120, "x" * 121, "  A  ")),
    *(("title", typed) for typed in ("Roșu", "", "x" * 255, "x" * 256, "a\tb", "ș" * 200)),
    *(("status", typed) for typed in ("active", "inactive", "sold", "")),
]  # fmt: skip


def test_the_page_says_no_where_the_server_does_and_in_the_same_words(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    found = page.evaluate(
        """async cases => { const main = document.querySelector('script[src*="grid/main.js"]').src;
        const { read } = await import(main.replace('main.js', 'cells.js'));
        const setup = JSON.parse(document.getElementById('grid-setup').textContent);
        return cases.map(([field, typed]) => read(field, typed, setup)); }""",
        CASES,
    )
    wrong = []
    for (name, typed), answer in zip(CASES, found, strict=True):
        try:
            value = cell_value(name, typed)
            fine = "code" not in answer and cell_value(name, answer["text"]) == value
        except Unfit as unfit:
            # The server is sent the canonical text; the page forgives blanks around what somebody types.
            fine = answer.get("code") in {unfit.code, "not_a_status"} or typed != typed.strip()
        if not fine:
            wrong.append((name, typed, json.dumps(answer)))
    assert not wrong
