"""Export then import is the identity, whatever a catalogue is filled with: not one row of the database is written."""

from __future__ import annotations

import csv
import io
import os
import random
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.blueprints.imports import exporting
from tests.imports.conftest import Import
from tests.imports.test_variants import everything

Owner = psycopg.Connection[tuple[Any, ...]]

SEED = int(os.environ.get("MAGFLOW_SEED", "20261122"))
PIECES = (
    "Țesut", "Șnur", "ş ţ", "naïve", "🫖", "👩‍👩‍👧", "„citat”", '"', "'", "''=", "=1+1", "+40", "-5", "@sum", "＝x",
    "007", "1E5", "1.234", "1,5", "TRUE", "a,b", "a;b", "a|b", "a\\,b", "\\n", "\\", "id:10", "Default Title", "Title",
    "<b>&amp;</b>", "100%", "null", "NaN", "#REF!", "http://a", "%s", "{x}", "日本", "עברית", "x  y",
)  # fmt: skip
ADDRESSES = ("https://a.example/1,2.jpg", "https://a.example/a%20b.jpg?x=1&y=2", "http://b.example/ș.png#'x",
             "https://a.example/(1);v=2.jpg", "https://c.example/a|b.jpg")  # fmt: skip
HEAD = ("handle", "product", "description", "brand", "category", "sku", "title", "option1_name", "option1_value",
        "option2_name", "option2_value", "option3_name", "option3_value", "price", "compare_at_price", "stock",
        "status", "ean", "vat_rate", "external_id", "image_urls", "product_image_urls")  # fmt: skip


def odd_text(rnd: random.Random, most: int = 3) -> str:
    return " ".join(rnd.choice(PIECES) for _ in range(rnd.randint(1, most)))


def typed(cell: str) -> str:
    """As a person types a text that begins like a formula: with an apostrophe in front."""
    return f"'{cell}" if cell[:1] in set("'=+-@＝") else cell


def odd_catalogue(rnd: random.Random, products: int) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, HEAD, restval="")
    writer.writeheader()
    for n in range(products):
        options = rnd.sample(("Culoare", "=Mărime", "Title", "Größe, lang"), rnd.randint(0, 3))
        archived = rnd.random() < 0.1
        said = {
            "handle": f"odd-{n}" if n % 3 else f"Ödd {n} ✓",
            "product": odd_text(rnd) if n % 4 else "The same name",
            "description": rnd.choice(
                ("", f"{odd_text(rnd)}\n\n{odd_text(rnd)}\\n x", "a\tb", f"first\u2028{odd_text(rnd)}")
            ),
            "brand": rnd.choice(("", odd_text(rnd))),
            "category": rnd.choice(("", "Haine > Tricouri, lungi")),
            "product_image_urls": " ".join(rnd.sample(ADDRESSES, rnd.randint(0, 3))),
        }
        for k in range(rnd.randint(1, 4) if options else 1):
            row = said if k == 0 else {"handle": said["handle"]}
            row = row | {
                "sku": rnd.choice((f"{n}-{k}", f"00{n}{k}", f"=S{n}-{k}", f"{n}E{k}")),
                "title": rnd.choice(("", odd_text(rnd))),
                "price": rnd.choice(("0.00", "0.10", "9999999999.99", "1234.50")),
                "compare_at_price": rnd.choice(("", "1.00")),
                "stock": rnd.choice(("0", "7", "1000000000")),
                "status": "archived" if archived else rnd.choice(("active", "active", "inactive")),
                "ean": rnd.choice(("", "5940000000011", "96385074")),
                "vat_rate": rnd.choice(("", "19.00", "9")),
                "external_id": rnd.choice(("", f"{n}{k}77", f"E/{n}-{k}")),
                "image_urls": " ".join(rnd.sample(ADDRESSES, rnd.randint(0, 1))),
            }
            for at, name in enumerate(options, 1):
                row |= {
                    f"option{at}_name": name,
                    f"option{at}_value": f"{rnd.choice(PIECES)} {k}" if at == 1 else "all",
                }
            writer.writerow({name: typed(cell) for name, cell in row.items()})
    return out.getvalue()


@pytest.mark.parametrize("form", exporting.FORMATS)
@pytest.mark.parametrize("workbook", [False, True], ids=["csv", "xlsx"])
def test_what_is_exported_comes_back_as_nothing_new(
    app: Flask, bring: Import, owner: Owner, form: str, workbook: bool
) -> None:
    print(f"seed {SEED}")
    if owner.execute("SELECT EXISTS (SELECT FROM products)").fetchone() != (True,):
        made = bring(odd_catalogue(random.Random(SEED), 60))
        assert (made.unchanged, made.faults()) == (0, [])
    before = everything(owner)
    back = bring(b"".join(exporting.export("variants", form, workbook=workbook)))
    changed = owner.execute(
        "SELECT line, changes FROM import_rows WHERE import_id = %s ORDER BY 1", [back.id]
    ).fetchall()
    assert (back.status, back.faults(), changed) == ("finished", [], [])
    assert back.unchanged > 60
    assert everything(owner) == before
