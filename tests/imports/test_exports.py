"""Exports through their doors: offers, stock and orders too, as CSV and as workbooks, narrowed, and by the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.blueprints.imports import exporting, jobs
from magflow.db import db
from magflow.domain.errors import Invalid
from magflow.services import export_schedules
from magflow.services.export_schedules import NewSchedule
from tests.api.conftest import Program, make_token
from tests.blueprints.conftest import Clerk, words
from tests.imports.conftest import ANA, Import
from tests.imports.test_formats import HEAD
from tests.imports.test_orders import HEAD as ORDERS
from tests.imports.test_undo import OFFERS
from tests.imports.test_variants import everything
from tests.services.looking import rows
from tests.shop import make_variant

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def program(module_app: Flask) -> Program:
    """A program that may do everything."""
    return Program(module_app, make_token(module_app))


@pytest.fixture(scope="module")
def ana(module_app: Flask) -> Clerk:
    """The owner in front of a browser."""
    return Clerk(module_app, "owner")


def taken(answer: Any) -> bytes:
    """The file that was sent."""
    assert answer.status_code == 200, answer.data
    raw: bytes = answer.get_data()
    answer.close()
    db.session.remove()
    return raw


def account(owner: Owner, code: str) -> None:
    owner.execute("INSERT INTO marketplace_accounts (source, code) VALUES ('emag', %s)", [code])


def test_offers_leave_by_every_door_and_come_back_unchanged(
    app: Flask, bring: Import, owner: Owner, program: Program, ana: Clerk
) -> None:
    account(owner, "exp")
    lines = (
        '901,DXX1,5940000000035,"41,9328",7,3,1,active,2026-03-05T10:00:00.5\n\'=902,,,10,0,,,inactive,\n'
        '903,,,"5,5",2,,,end of life,\n'
    )
    of = {"kind": "offers", "source": "emag", "source_account": "exp"}
    done = bring(OFFERS + lines, **of)
    assert (done.counts, done.faults()) == ((3, 0, 0), [])
    before = rows("SELECT xmin::text, * FROM offers ORDER BY id")
    named = "source=emag&source_account=exp"
    files = [taken(program.call("GET", f"/exports/offers.{kind}?{named}")) for kind in ("csv", "xlsx")]
    for kind in ("csv", "xlsx"):
        page = ana.browser.get(f"/imports/exports/offers.csv?account=emag/exp&file={kind}")
        assert page.headers["Content-Disposition"] == f'attachment; filename="offers-emag-exp.{kind}"'
        files.append(taken(page))
    for raw in files:
        assert bring(raw, **of).counts == (0, 3, 0)
    assert b"41.9328" in files[0]
    assert rows("SELECT xmin::text, * FROM offers ORDER BY id") == before
    assert "emag · exp" in words(ana.get("/imports/exports"))
    program.refused("GET", "/exports/offers.csv?source=emag", status=422, code="validation_error")
    unknown = program.call("GET", "/exports/offers.csv?source=emag&source_account=nobody")
    assert unknown.status_code == 422


def test_orders_leave_narrowed_and_come_back_unchanged(bring: Import, program: Program, ana: Clerk) -> None:
    make_variant(sku="EO-MUG", stock=9)
    text = ORDERS.strip() + ",customer_phone,currency,note,product\n"
    text += (
        'EO-1,E-1,confirmed,2024-02-29 10:00,Țuțu,a@example.com,EO-MUG,2,10.50,19,+40 700,RON,"two\nlines",Old mug\n'
        "EO-2,E-2,pending,2024-03-05 10:00,'=cmd,,EO-MUG,1,,,,,,\n"
    )
    assert bring(text, kind="orders", source="exporting").counts == (2, 0, 0)
    before = rows("SELECT xmin::text, id FROM orders ORDER BY id") + rows("SELECT xmin::text, id FROM order_items")
    only = "source=exporting"
    for kind in ("csv", "xlsx"):
        raw = taken(program.call("GET", f"/exports/orders.{kind}?{only}"))
        assert bring(raw, kind="orders", source="exporting").counts == (0, 2, 0)
    page = taken(ana.browser.get(f"/imports/exports/orders.csv?{only}&file=xlsx"))
    assert bring(page, kind="orders", source="exporting").counts == (0, 2, 0)
    assert rows("SELECT xmin::text, id FROM orders ORDER BY id") + rows(
        "SELECT xmin::text, id FROM order_items") == before  # fmt: skip
    csv = taken(program.call("GET", f"/exports/orders.csv?{only}"))
    assert (b"+40 700" in csv, b"Old mug" in csv, b"two\nlines" in csv) == (True, True, True)
    for narrowed, there in (
        ("status=pending", (False, True)), ("placed_to=2024-03-01T00:00:00Z", (True, False)),
        ("placed_from=2024-03-05T10:00:00Z", (False, True)), ("source_account=other", (False, False)),
    ):  # fmt: skip
        part = taken(program.call("GET", f"/exports/orders.csv?{only}&{narrowed}"))
        assert (b"EO-1" in part, b"EO-2" in part) == there, narrowed
    # On the page days are the shop's own, the last one to its end.
    part = taken(ana.browser.get(f"/imports/exports/orders.csv?{only}&placed_from=2024-02-29&placed_to=2024-02-29"))
    assert (b"EO-1" in part, b"EO-2" in part) == (True, False)


def test_a_list_of_products_is_exported_as_it_is_filtered(
    bring: Import, owner: Owner, program: Program, ana: Clerk
) -> None:
    lines = "".join(
        f"Listed Tee {n},LT-{n},Tone,Red,10,,{n}\nListed Tee {n},LB-{n},Tone,Blue,10,,0\n" for n in range(3)
    )
    bring(HEAD + lines)
    bring("product,sku,option1_name,option1_value,price,stock,brand\nListed Mug,LM-1,Tone,Red,10,5,Nord\n")
    before = everything(owner)
    found = taken(ana.browser.get("/imports/exports/products?q=listed+tee"))
    skus = [line.split(",")[5] for line in found.decode().splitlines()[1:]]
    assert skus == ["LT-0", "LB-0", "LT-1", "LB-1", "LT-2", "LB-2"]
    assert bring(found).counts == (0, 6, 0)
    sold_out = taken(ana.browser.get("/imports/exports/products?q=listed+tee&sold_out=true")).decode()
    assert ("LT-0" in sold_out, "LT-1" in sold_out) == (True, False)
    branded = taken(ana.browser.get("/imports/exports/products?brand=Nord&file=xlsx"))
    assert bring(branded).counts == (0, 1, 0)
    assert 'href="/imports/exports/products?q=listed+tee"' in ana.get("/products?q=listed+tee")
    assert taken(ana.browser.get("/imports/exports/products?q=nothing+such")).count(b"\n") == 1
    part = taken(program.call("GET", "/exports/variants.csv?brand=Nord&status=active&text=lm-"))
    assert (b"LM-1" in part, part.count(b"\n")) == (True, 2)
    assert bring(taken(program.call("GET", "/exports/variants.xlsx?text=listed"))).counts == (0, 7, 0)
    counted = taken(program.call("GET", "/exports/stock.csv?brand=Nord"))
    assert counted.decode("utf-8-sig").splitlines() == ["sku,product,stock,expected", "LM-1,Listed Mug,5,5"]
    assert bring(taken(program.call("GET", "/exports/stock.xlsx?text=listed")), kind="stock").counts == (0, 7, 0)
    assert everything(owner) == before


def test_a_program_sees_no_more_than_its_scopes(module_app: Flask) -> None:
    narrow = Program(module_app, make_token(module_app, "catalog:read"))
    assert narrow.call("GET", "/exports/variants.xlsx").status_code == 200
    for path in ("stock.csv", "stock.xlsx", "orders.csv", "orders.xlsx", "offers.csv?source=a&source_account=b"):
        assert narrow.call("GET", f"/exports/{path}").status_code == 403, path


def test_exports_by_the_clock_are_of_every_kind_and_narrowed(
    app: Flask, bring: Import, owner: Owner, home: Path, ana: Clerk, module_app: Flask
) -> None:
    account(owner, "clock")
    bring("product,sku,option1_name,option1_value,price,stock,brand\nClock Cup,CC-1,Tone,Red,10,5,Süd\n")
    bring(HEAD + "Other Cup,CC-2,Tone,Red,10,,5\n")
    of = {"kind": "offers", "source": "emag", "source_account": "clock"}
    bring(OFFERS + "77,,,5.5,2,,,active,\n", **of)
    bring(ORDERS + "CL-1,,confirmed,2024-01-01,,,CC-1,1,1,19\nCL-2,,pending,,,,CC-1,1,,\n", kind="orders")

    def add(**form: Any) -> int:
        sent = {"every_minutes": "60", "file": "csv", **form}
        answer = ana.send("/imports/exports", **sent)
        assert answer.status_code == 303, words(answer)
        [(id_,)] = rows("SELECT max(id) FROM export_schedules")
        jobs.write_export(schedule_id=id_)
        db.session.remove()
        return int(id_)

    def written(schedule_id: int) -> bytes:
        return taken(ana.browser.get(f"/imports/exports/{schedule_id}/file"))

    branded = written(add(name="Brand", what="variants", brand="Süd", account="emag/clock", days="3"))
    assert (b"CC-1" in branded, b"CC-2" in branded) == (True, False)
    workbook = written(add(name="Counts", what="stock", file="xlsx", brand="Süd"))
    assert bring(workbook, kind="stock").counts == (0, 1, 0)
    assert b"77," in written(add(name="Offers", what="offers", account="emag/clock"))
    recent = written(add(name="Recent", what="orders", days="30"))
    assert (b"CL-1" in recent, b"CL-2" in recent) == (False, True)
    assert ana.send("/imports/exports", name="No", what="offers", file="csv", every_minutes="60").status_code == 422
    page = words(ana.get("/imports/exports"))
    assert "Süd" in page and "30 days" in page
    clerk = Clerk(module_app, "clerk")
    last = rows("SELECT max(id) FROM export_schedules")[0][0]
    assert taken(clerk.browser.get(f"/imports/exports/{last}/file")) == recent
    with pytest.raises(Invalid):
        export_schedules.add(NewSchedule("Odd", "stock", "magflow", 60, {"days": 3}), actor=ANA)
    with pytest.raises(Invalid):
        export_schedules.add(NewSchedule("Odd", "stock", "magflow", 60, {"file": "pdf"}), actor=ANA)
    assert b"".join(exporting.scheduled("stock", "magflow", {"text": "cc-2"})).count(b"\n") == 2


def test_refused_rows_leave_as_a_workbook_too_and_are_mended_there(bring: Import, program: Program) -> None:
    done = bring("sku,stock\nXR-1,1\n", kind="stock")
    assert done.counts == (0, 0, 1)
    raw = taken(program.call("GET", f"/imports/{done.id}/report.xlsx"))
    assert bring(raw, kind="stock").faults() == [(2, "sku", "unknown_sku")]
    make_variant(sku="XR-1", stock=9)
    assert bring(raw, kind="stock").counts == (1, 0, 0)
