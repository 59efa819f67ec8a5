"""The ways in and out: API, pages, commands, and the worker behind them."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.services.imports import files, runner
from tests.api.conftest import Program, make_token
from tests.blueprints.conftest import Clerk, words
from tests.conftest import ShopDatabase
from tests.imports import catalogue
from tests.imports.conftest import ANA, Import, look
from tests.imports.test_variants import everything
from tests.shop import make_product, make_variant, stock_of

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def program(module_app: Flask) -> Program:
    """A program that may do everything."""
    return Program(module_app, make_token(module_app))


@pytest.fixture(scope="module")
def ana(module_app: Flask) -> Clerk:
    """The owner in front of a browser."""
    return Clerk(module_app, "owner")


def upload(program: Program, text: str | bytes, name: str = "stock.csv", headers: Any = (), **fields: str) -> Any:
    raw = text.encode() if isinstance(text, str) else text
    data = {"file": (io.BytesIO(raw), name), **fields}
    return program.call("POST", "/imports", data=data, content_type="multipart/form-data", headers=headers)


def work(import_id: int, home: Path) -> None:
    """What the worker would do."""
    runner.perform(import_id, home, actor=ANA)
    # Requests of a test share its context, and with it a session that has seen the import before.
    db.session.remove()


@pytest.fixture
def stored(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """The files that a test leaves behind: in a folder of its own, for other processes use the same home folder."""
    monkeypatch.setattr(files, "FOLDER", f"imports-{token_hex(4)}")

    def names() -> set[str]:
        folder = home / files.FOLDER
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    return names


GOOD = "product,sku,option1_name,option1_value,price,stock\n"


# --- the API ----------------------------------------------------------------------------------------------------------


def test_a_program_uploads_watches_and_takes_the_refused_rows_back(
    app: Flask, home: Path, program: Program, owner: Owner
) -> None:
    answer = upload(
        program, GOOD + "Door,D-1,Tone,Red,10,1\nDoor,D-2,Tone,Blue,x,=2\n", kind="variants", dry_run="true"
    )
    assert answer.status_code == 202, answer.text
    made = answer.get_json()["data"]
    assert (made["status"], made["dry_run"], made["progress"], made["format"]) == ("uploaded", True, 0.0, "magflow")
    jobs = owner.execute("SELECT args, lock FROM procrastinate_jobs WHERE task_name = 'imports.run'").fetchall()
    assert [(job[0]["import_id"], job[1]) for job in jobs] == [(made["id"], f"import-{made['id']}")]  # type: ignore[index]

    work(made["id"], home)

    done = program.data("GET", f"/imports/{made['id']}")
    assert (done["status"], done["progress"]) == ("finished", 1.0)
    assert [done[f"rows_{what}"] for what in ("total", "applied", "unchanged", "refused")] == [2, 1, 0, 1]
    assert owner.execute("SELECT 1 FROM variants WHERE sku = 'D-1'").fetchone() is None
    report = program.call("GET", f"/imports/{made['id']}/report.csv")
    assert report.mimetype == "text/csv"
    [row] = csv.DictReader(io.StringIO(report.text))
    assert (row["sku"], row["stock"], row["error_line"], row["error_code"]) == (
        "D-2", "'=2", "3", "not_a_number, not_an_integer",
    )  # fmt: skip

    again = program.call("POST", f"/imports/{made['id']}/run")
    assert again.status_code == 202
    work(made["id"], home)
    assert program.data("GET", f"/imports/{made['id']}")["rows_applied"] == 1
    assert owner.execute("SELECT stock FROM variants WHERE sku = 'D-1'").fetchone() == (1,)
    program.refused("POST", f"/imports/{made['id']}/run", status=409, code="conflict")
    assert [row["id"] for row in program.data("GET", "/imports?limit=1")] == [made["id"]]


def test_a_report_is_mended_and_uploaded_as_often_as_it_takes(app: Flask, home: Path, program: Program) -> None:
    text, headers = GOOD + "Gate,G-1,,,x,y\n", []
    for cell, mended in (("x", "10"), ("y", "z"), ("z", "1")):
        made = upload(program, text, kind="variants").get_json()["data"]
        work(made["id"], home)
        report = program.call("GET", f"/imports/{made['id']}/report.csv").text
        headers.append(report.partition("\r\n")[0])
        text = report.replace(f",{cell},", f",{mended},", 1)
    assert set(headers) == {GOOD.strip() + ",error_line,error_column,error_code,error"}
    made = upload(program, text, kind="variants").get_json()["data"]
    work(made["id"], home)
    assert program.data("GET", f"/imports/{made['id']}")["rows_applied"] == 1


def test_the_same_key_uploads_once(stored: Callable[[], set[str]], program: Program) -> None:
    key = {"Idempotency-Key": "one-upload"}
    first = upload(program, GOOD + "Gate,G-1,,,10,1\n", kind="variants", headers=key)
    second = upload(program, GOOD + "Gate,G-1,,,10,1\n", kind="variants", headers=key)
    assert first.get_json()["data"]["id"] == second.get_json()["data"]["id"]
    assert second.headers["Idempotent-Replay"] == "true"
    assert len(stored()) == 1
    other = upload(program, GOOD + "Gate,G-1,,,10,1\n", kind="variants", headers=key, dry_run="true")
    assert other.get_json()["code"] == "idempotency_key_reused"
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("text", "fields", "field", "code"),
    [
        (b"", {"kind": "variants"}, "file", "empty_file"),
        (b"PK\x03\x04xl/workbook.xml", {"kind": "variants"}, "file", "workbook_broken"),
        (b"\x00\x01\x02", {"kind": "variants"}, "file", "not_a_text_file"),
        (b"product,colour\nA,B\n", {"kind": "variants"}, "file", "unknown_columns"),
        (b"product,sku\nA,B\n", {"kind": "orders"}, "file", "missing_columns"),
        (b"product,sku\nA,B\n", {"kind": "variants", "format": "woocommerce"}, "file", "missing_columns"),
        (b"product,sku\nA,B\n", {"kind": "everything"}, "kind", "not_one_of"),
        (b"product,sku\nA,B\n", {"kind": "variants", "source": "x" * 61}, "source", "too_long"),
        (b"product,sku\nA,B\n", {"kind": "variants", "colour": "red"}, "colour", "unknown_field"),
        (b"product,sku\nA,B\n", {}, "kind", "required"),
        (b"sku,stock\nA,1\n", {"kind": "offers", "source": "emag"}, "file", "unknown_account"),
    ],
)
def test_what_cannot_be_a_file_is_refused_at_once(
    stored: Callable[[], set[str]], program: Program, text: bytes, fields: dict[str, str], field: str, code: str
) -> None:
    answer = upload(program, text, **fields)
    assert answer.status_code == 422, answer.text
    problem = answer.get_json()
    assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == (field, code)
    assert problem["errors"][0]["message"]
    assert not stored()


def test_an_import_is_cancelled_and_gone_on_with(home: Path, program: Program) -> None:
    made = upload(program, GOOD + "Fence,F-1,,,10,1\n", kind="variants").get_json()["data"]
    assert program.data("POST", f"/imports/{made['id']}/cancel")["status"] == "cancelled"
    assert program.data("POST", f"/imports/{made['id']}/cancel")["status"] == "cancelled"
    work(made["id"], home)
    assert look(made["id"]).applied == 0
    assert program.call("POST", f"/imports/{made['id']}/resume").status_code == 202
    program.refused("POST", f"/imports/{made['id']}/resume", status=409, code="conflict")
    work(made["id"], home)
    assert look(made["id"]).counts == (1, 0, 0)
    program.refused("POST", f"/imports/{made['id']}/cancel", status=409, code="conflict")
    program.refused("GET", "/imports/999999", status=404, code="not_found")


def test_going_on_does_not_wait_for_the_next_attempt(program: Program, owner: Owner) -> None:
    made = upload(program, GOOD + "Gate,G-1,,,10,1\n", kind="variants").get_json()["data"]
    lock = f"import-{made['id']}"
    # As the worker leaves a job that found the database busy for the fourth time.
    owner.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '30 minutes' WHERE lock = %s", [lock])
    program.call("POST", f"/imports/{made['id']}/pause")
    assert program.call("POST", f"/imports/{made['id']}/resume").status_code == 202
    waiting = owner.execute("SELECT scheduled_at FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'", [lock])
    assert waiting.fetchall() == [(None,), (None,)]


def test_a_run_that_was_lost_can_be_gone_on_with_on_its_page(ana: Clerk, program: Program, owner: Owner) -> None:
    made = upload(program, GOOD + "Gate,G-1,,,10,1\n", kind="variants").get_json()["data"]
    button = f'action="/imports/{made["id"]}/resume"'
    for silent, offered in ((10, False), (90, True)):
        owner.execute(
            "UPDATE imports SET status = 'running', beat_at = now() - make_interval(secs => %s) WHERE id = %s",
            [silent, made["id"]],
        )
        assert (button in ana.get(f"/imports/{made['id']}")) is offered
    assert ana.send(f"/imports/{made['id']}/resume").status_code == 303


def test_one_record_of_a_feed_makes_one_variant(app: Flask, program: Program) -> None:
    product = make_product(name="Chair")
    body = {
        "source": "erp", "source_account": "main", "external_id": "CH-1", "product_id": product.id, "sku": "CH-1",
        "price": "10.00", "stock": 3, "option_values": [{"option_name": "Shade", "option_value": "Oak"}],
    }  # fmt: skip
    made = program.data("POST", "/imports/variant-sync", body, status=201)
    assert (made["action"], made["stock"], made["option_values"]) == (
        "created", 3, [{"option_name": "Shade", "option_value": "Oak"}],
    )  # fmt: skip
    by_handle = {**body, "handle": "chair", "stock": 4}
    del by_handle["product_id"]
    assert program.data("POST", "/imports/variant-sync", by_handle, status=200)["action"] == "updated"
    assert program.data("POST", "/imports/variant-sync", by_handle, status=200)["action"] == "unchanged"
    other = {**body, "product_id": make_product(name="Table").id}
    program.refused("POST", "/imports/variant-sync", other, status=409, code="product_mismatch")
    program.refused("POST", "/imports/variant-sync", {**body, "handle": "chair"}, status=422, code="validation_error")
    named = {key: value for key, value in body.items() if key != "product_id"}
    for name in ("chair", "Chair"):
        answer = program.data("POST", "/imports/variant-sync", {**named, "product": name, "stock": 4}, status=200)
        assert answer["action"] == "unchanged"
    program.refused("POST", "/imports/variant-sync", {**named, "product": "Desk"}, status=404, code="not_found")
    make_product(name="Chair", handle="other-chair")
    program.refused("POST", "/imports/variant-sync", {**named, "product": "Chair"}, status=422, code="validation_error")
    program.refused("POST", "/imports/variant-sync", {**by_handle, "handle": "nope"}, status=404, code="not_found")


# --- exports ----------------------------------------------------------------------------------------------------------


def odd(bring: Import) -> None:
    """A catalogue with what spreadsheets and readers stumble over."""
    bring(catalogue.text())
    bring(
        "product,brand,description,sku,title,option1_name,option1_value,option2_name,option2_value,option3_name,"
        "option3_value,price,compare_at_price,stock,status,ean,vat_rate,external_id,image_urls,product_image_urls\n"
        '"Odd ""quoted"" 🫖, one",\'=brand,"two\nlines",007,\'+title,\'-10%,\'@x,Țară,Șes,Z,z,0.10,,0,active,,9.00,'
        "E-0,https://a.example/1.jpg https://a.example/2.jpg,https://a.example/p.jpg\n"
        '"Odd ""quoted"" 🫖, one",,,008,,\'-10%,\'@y,Țară,Șes,,,99999.99,100000.00,5,inactive,,,E-1,,\n',
    )
    bring(
        "handle,product,brand,category,description,sku,option1_name,option1_value,price,compare_at_price,stock,status,"
        "image_urls,product_image_urls\n"
        'twin,Twin,"A, B","Clothes > Tees, long","a \\n b\n\\\\n c",T-1,"Size, cut","1,5",2.00,1.00,3,active,'
        '"https://a.example/1,2.jpg",\n'
        'twin,,,,,T-2,"Size, cut",,2.00,,3,active,,\n'
        "twin-2,Twin,,,,T-1,,,2.00,,3,active,https://a.example/3.jpg,\n"
        "twin-2,Twin,,,,T-9,,,2.00,,3,inactive,,\n",
    )


def test_export_then_import_changes_nothing(bring: Import, program: Program, owner: Owner) -> None:
    odd(bring)
    count = owner.execute("SELECT count(*) FROM variants").fetchone()
    assert count is not None
    before = everything(owner)

    own = program.call("GET", "/exports/variants.csv")
    assert own.headers["Content-Disposition"] == 'attachment; filename="variants-magflow.csv"'
    table = list(csv.DictReader(io.StringIO(own.text)))
    assert len(table) == count[0]
    oddity = next(row for row in table if row["sku"] == "007")
    assert (oddity["brand"], oddity["title"], oddity["option1_name"]) == ("'=brand", "'+title", "'-10%")
    again = bring(own.data)
    assert again.counts == (0, count[0], 0)
    assert everything(owner) == before

    shopify = program.call("GET", "/exports/variants.csv?format=shopify")
    back = bring(shopify.data)
    assert (back.applied, back.refused) == (0, 0)
    assert back.unchanged > 200
    assert everything(owner) == before

    woocommerce = program.call("GET", "/exports/variants.csv?format=woocommerce")
    back = bring(woocommerce.data)
    assert (back.applied, back.refused) == (0, 0)
    assert back.unchanged > 200
    assert everything(owner) == before
    program.refused("GET", "/exports/variants.csv?format=xml", status=422, code="validation_error")


def test_an_export_of_stock_guards_what_is_sold_meanwhile(app: Flask, ana: Clerk, bring: Import) -> None:
    kept, sold = make_variant(sku="KEPT", stock=4), make_variant(sku="SOLD", stock=4)
    exported = ana.get("/imports/exports/stock.csv")
    bring("sku,delta\nSOLD,-1\n", kind="stock")
    counted = exported.replace("KEPT,Mug", "KEPT,Mug").replace(",4,4", ",9,4")
    mine = [line for line in counted.splitlines() if line.startswith(("sku", "KEPT", "SOLD"))]
    done = bring("\n".join(mine), kind="stock")
    assert done.faults() == [(3, "expected", "stale_version")]
    assert (stock_of(kept), stock_of(sold)) == (9, 3)


# --- pages ------------------------------------------------------------------------------------------------------------


def page_upload(clerk: Clerk, text: str, **fields: str) -> Any:
    sent = {
        "csrf_token": clerk.browser.token("/"),
        "form_key": fields.pop("form_key", os.urandom(12).hex()),
        "file": (io.BytesIO(text.encode()), "mine.csv"),
        **fields,
    }
    return clerk.browser.client.post(
        "/imports", data=sent, content_type="multipart/form-data", headers={"Sec-Fetch-Site": "same-origin"}
    )


def chosen(clerk: Clerk, address: str, **fields: str) -> Any:
    """What the page of the columns sends."""
    sent = {"csrf_token": clerk.browser.token("/"), "form_key": os.urandom(12).hex(), **fields}
    return clerk.browser.client.post(f"{address}/columns", data=sent, headers={"Sec-Fetch-Site": "same-origin"})


def test_a_person_imports_in_the_browser(app: Flask, ana: Clerk, home: Path) -> None:
    assert "Choose the file, or drop it here" in words(ana.get("/imports"))
    key = os.urandom(12).hex()
    answer = page_upload(
        ana, GOOD + "Bench,B-1,Wood,Oak,10,1\nBench,B-2,Wood,Elm,1e5,\n", kind="variants", form_key=key
    )
    assert answer.status_code == 303, answer.text
    columns = answer.headers["Location"]
    address = columns.removesuffix("/columns")
    assert (
        page_upload(
            ana, GOOD + "Bench,B-1,Wood,Oak,10,1\nBench,B-2,Wood,Elm,1e5,\n", kind="variants", form_key=key
        ).headers["Location"]
        == columns
    )  # a double click
    import_id = int(re.findall(r"\d+", address)[-1])
    page = ana.get(columns)
    assert "What each column means" in words(page)
    selects = r'<select class="input" name="(column_\d)"[^>]*>.*?<option value="([^"]*)" selected'
    proposed = dict(re.findall(selects, page, re.DOTALL))
    assert list(proposed.values()) == ["product", "sku", "option1_name", "option1_value", "price", "stock"]
    answer = chosen(ana, address, action="run", mapped="1", match_sku="1", **proposed)
    assert answer.headers["Location"] == address
    waiting = ana.get(address)
    assert 'data-watch="' in waiting
    assert ana.browser.get(f"{address}/state").get_json()["status"] == "uploaded"

    work(import_id, home)

    said = words(ana.get(address))
    assert "2 rows = 1 applied + 0 unchanged + 1 refused" in said
    assert "3 price A number is expected" in said
    assert "1e5" in said
    assert ana.get(f"{address}/report.csv").startswith("product,sku,option1_name,option1_value,price,stock,error_line")
    assert "mine.csv" in words(ana.get("/imports"))


def test_a_file_that_is_none_is_answered_at_its_field(ana: Clerk, stored: Callable[[], set[str]]) -> None:
    answer = page_upload(ana, "\x00", kind="variants")
    assert answer.status_code == 422
    assert "This is not a text file" in words(answer)
    assert not stored()


def test_templates_can_be_imported_as_they_are(ana: Clerk, bring: Import) -> None:
    text = ana.get("/imports/template-variants.csv")
    assert bring(text).counts == (2, 0, 0)
    assert bring(ana.get("/imports/template-stock.csv"), kind="stock").refused == 0
    assert ana.browser.get("/imports/template-everything.csv").status_code == 404


def test_who_may_only_look_is_not_offered_an_upload(module_app: Flask) -> None:
    viewer = Clerk(module_app, "viewer")
    assert 'type="file"' not in viewer.get("/imports")
    assert page_upload(viewer, GOOD, kind="variants").status_code == 403


# --- the command line, and a worker that is killed --------------------------------------------------------------------


@pytest.fixture
def magflow(database: ShopDatabase, home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command, on the module's database."""
    environment = {**os.environ, "DATABASE_URL": database.app_dsn, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "magflow.cli", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)

    return run


def test_the_command_imports_reports_and_says_how_it_ended(
    magflow: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    file, report = tmp_path / "file.csv", tmp_path / "report.csv"
    file.write_text(GOOD + "Stool,S-1,,,10,1\nStool B,S-2,,,x,1\n", encoding="utf-8")
    done = magflow("import", str(file), "--kind", "variants", "--report", str(report))
    assert done.returncode == 1
    assert done.stdout == "2 rows: 1 applied, 0 unchanged, 1 refused\n"
    assert done.stderr == f"magflow: 1 rows were refused; see {report}\n"
    mended = report.read_text(encoding="utf-8").replace(",x,", ",12,")
    file.write_text(mended, encoding="utf-8")
    assert magflow("import", str(file), "--kind", "variants").stdout == "1 rows: 1 applied, 0 unchanged, 0 refused\n"

    strange = magflow("import", str(file), "--kind", "orders", "--format", "shopify")
    assert (strange.returncode, strange.stdout) == (2, "")
    assert "shopify" in strange.stderr
    file.write_bytes(b"\x00")
    assert magflow("import", str(file), "--kind", "stock").returncode == 1


@pytest.fixture
def workers(database: ShopDatabase, home: Path, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Real workers on the module's database and home folder."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "DATABASE_URL": database.app_dsn, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"}

    def begin() -> subprocess.Popen[bytes]:
        with (tmp_path / f"worker-{len(running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "magflow.cli", "worker"]
            running.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log))
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def test_a_worker_killed_in_the_middle_costs_no_row_and_books_none_twice(
    app: Flask, program: Program, owner: Owner, workers: Callable[[], subprocess.Popen[bytes]]
) -> None:
    lines = [f"Hall {p},HALL-{p}-{v},Bay,{v},5.00,{v + 1}" for p in range(400) for v in range(30)]
    made = upload(program, GOOD + "\n".join(lines), kind="variants").get_json()["data"]
    db.session.remove()  # nothing of ours is open while the workers are waited for
    first = workers()

    def done() -> int:
        found = owner.execute(
            "SELECT count(*) FROM import_chunks WHERE import_id = %s AND done_at IS NOT NULL", [made["id"]]
        ).fetchone()
        return int(str(found[0])) if found else 0

    _until(lambda: done() >= 1)
    first.kill()
    first.wait(10)
    assert look(made["id"]).status == "running"
    workers()
    _until(lambda: look(made["id"]).status == "finished")

    assert look(made["id"]).counts == (12_000, 0, 0)
    assert owner.execute(
        "SELECT count(*), count(DISTINCT v.id), sum(v.stock) = sum(m.delta) FROM variants v "
        "JOIN stock_movements m ON m.variant_id = v.id WHERE v.sku LIKE 'HALL-%'"
    ).fetchone() == (12_000, 12_000, True)


def _until(ready: Callable[[], object], seconds: float = 180) -> None:
    """Wait for another process."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What held a transaction open while a file was stored or looked at: of a large one, longer than it may wait."""
    held: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        real = getattr(files, name)

        def work(*given: Any, **named: Any) -> Any:
            if db.session.registry.has() and db.session().in_transaction():
                held.append(name)
            return real(*given, **named)

        return work

    for name in ("store", "find_dialect", "sample"):
        monkeypatch.setattr(files, name, watched(name))
    return held


def test_no_transaction_waits_while_a_large_file_is_looked_at(
    app: Flask, home: Path, program: Program, ana: Clerk, waiting: list[str]
) -> None:
    made = upload(program, GOOD + "Slow,S-1,Tone,Red,x,1\n", kind="variants", source="slow").get_json()["data"]
    assert waiting == []
    work(made["id"], home)
    waiting.clear()
    program.call("GET", f"/imports/{made['id']}/report.csv")
    assert waiting == []
    sent = {"kind": "variants", "source": "slow", "file": (io.BytesIO(b"Cod;Pret\nS-1;2,50\n"), "slow.csv")}
    asked = ana.send("/imports", **sent)
    page = asked.headers["Location"]
    ana.get(page)
    ana.send(page, mapped="1", action="look", column_0="sku", column_1="price")
    assert waiting == []
