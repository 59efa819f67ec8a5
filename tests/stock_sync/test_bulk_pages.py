"""A list of SKUs, pasted or uploaded: analysed at once or by a job, looked at as a table, fetched as a file."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask

from magflow.blueprints.stock_sync import analysis_pages, jobs
from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.queries import stock_sync as reads
from magflow.services.stock_sync import bulk
from tests.stock_sync.market import make_listed, offer, value
from tests.web.conftest import Browser, make_user, signed_in

pytestmark = pytest.mark.usefixtures("accounts")


@pytest.fixture(scope="module")
def owner(module_app: Flask) -> Browser:
    return signed_in(module_app, make_user(module_app))


def send(browser: Browser, path: str, **data: object):
    sent = {"csrf_token": browser.token("/stock-sync/analysis"), **data}
    return browser.client.post(path, data=sent, headers={"Sec-Fetch-Site": "same-origin"})


def test_what_stands_in_a_list() -> None:
    assert analysis_pages.skus_in('SKU\nA-1\r\n A-2 ;A-3\tA-1,\n\n"B 4"') == ["A-1", "A-2", "A-3", "B 4"]
    assert analysis_pages.skus_in(" \n ;") == []


def test_a_pasted_list_with_unknown_skus_apart_and_as_a_file(app: Flask, owner: Browser) -> None:
    short = make_listed(offer("main", 0), offer("fbe", 26))
    fine = make_listed(offer("main", 30, 1), offer("fbe", 30, 1))
    landed = send(
        owner, "/stock-sync/analysis", skus=f"{short.sku}, {fine.sku}\nNO-SUCH", file=(io.BytesIO(b"=1+1"), "a.txt")
    )
    assert landed.status_code == 303
    page = owner.get(landed.location).get_data(as_text=True)
    assert "Analysis of 4 SKUs" in page
    assert "Action required: transfer needed" in page and short.sku in page and fine.sku in page
    assert page.count("No variant has this SKU.") == 2
    only = owner.get(f"{landed.location}?view=action").get_data(as_text=True)
    assert short.sku in only and fine.sku not in only
    answer = owner.get(f"{landed.location}.csv")
    assert answer.mimetype == "text/csv"
    lines = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    first = next(line for line in lines if line["sku"] == short.sku)
    assert (first["priority"], first["action_required"], first["stock_main"], first["stock_fbe"]) == (
        "high", "true", "0", "26")  # fmt: skip
    assert (first["recommendation"], first["from_account"], first["to_account"], first["suggested_amount"]) == (
        "stock_transfer", "fbe", "main", "10")  # fmt: skip
    assert [(line["sku"], line["error"]) for line in lines if line["status"] == "error"] == [
        ("NO-SUCH", "not_found"), ("'=1+1", "not_found")]  # fmt: skip


def test_a_long_list_is_a_job_and_the_page_goes_on(app: Flask, owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    known = [make_listed(offer("main", 9, 1)).sku for _ in range(3)]
    monkeypatch.setattr(bulk, "PART", 2)
    landed = send(owner, "/stock-sync/analysis", skus="\n".join(known))
    assert "0 of 3" in owner.get(landed.location).get_data(as_text=True)
    jobs.bulk_analyse(analysis_id=int(landed.location.rsplit("/", 1)[1]))
    page = owner.get(landed.location).get_data(as_text=True)
    assert all(sku in page for sku in known) and "of 3</strong>" not in page


def test_nothing_and_too_much_is_refused(app: Flask, owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = send(owner, "/stock-sync/analysis", skus=" ")
    assert empty.status_code == 422 and "Paste at least one SKU" in empty.get_data(as_text=True)
    monkeypatch.setattr(analysis_pages, "MOST_SKUS", 2)
    assert send(owner, "/stock-sync/analysis", skus="A B\nC\nD").status_code == 422
    assert send(owner, "/stock-sync/analysis", skus="x" * 200).status_code == 422
    binary = send(owner, "/stock-sync/analysis", file=(io.BytesIO(b"\xff\xfe\x00"), "a.bin"))
    assert "The file is no text" in binary.get_data(as_text=True)
    assert owner.get("/stock-sync/analysis/987654321").status_code == 404


def test_ticked_rows_are_analysed_or_sent_again(app: Flask, owner: Browser) -> None:
    one = make_listed(offer("main", 0), offer("fbe", 26))
    listed = owner.get(f"/stock-sync/products?q={one.sku}").get_data(as_text=True)
    assert 'name="rowid"' in listed and "Transfer stock" in listed and f"/stock-sync/products/{one.id}/read" in listed
    landed = send(owner, "/stock-sync/products/bulk", rowid=str(one.id), action="analyse", url="/stock-sync/products")
    assert one.sku in owner.get(landed.location).get_data(as_text=True)
    landed = send(owner, "/stock-sync/products/bulk", rowid=str(one.id), action="send", url="/stock-sync/products")
    assert landed.location == "/stock-sync/products"
    assert "0 SKUs are being sent again. 1 is not sent by the shop" in owner.get(landed.location).get_data(as_text=True)
    run(lambda session: execute(session, "UPDATE marketplace_accounts SET publishing = true, credentials = 'x' "
                                         "WHERE code = 'main'"), SYSTEM)  # fmt: skip
    send(owner, "/stock-sync/products/bulk", rowid=str(one.id), action="send", url="/stock-sync/products")
    assert value("SELECT count(*) FROM stock_outbox b JOIN offers o ON o.id = b.offer_id WHERE o.variant_id = :v",
                 v=one.id) == 1  # fmt: skip
    run(lambda session: execute(session, "UPDATE marketplace_accounts SET publishing = false, credentials = NULL "
                                         "WHERE code = 'main'"), SYSTEM)  # fmt: skip
    nothing = send(owner, "/stock-sync/products/bulk", action="send")
    assert nothing.status_code == 303


def test_reading_again_says_why_it_cannot(app: Flask, owner: Browser) -> None:
    one = make_listed(offer("main", 0), offer("fbe", 26))
    landed = send(owner, f"/stock-sync/products/{one.id}/read", back="/stock-sync/products")
    page = owner.get(landed.location).get_data(as_text=True)
    assert "MAIN:" in page and "readings come from files" in page


def test_the_list_is_as_many_statements_whatever_its_length(app: Flask, owner: Browser, statements: list[str]) -> None:
    def asked() -> int:
        statements.clear()
        assert owner.get("/stock-sync/products").status_code == 200
        return len(statements)

    make_listed(offer("main", 3), offer("fbe", 9))
    few = asked()
    for _ in range(12):
        make_listed(offer("main", 3), offer("fbe", 9))
    owner.get("/stock-sync/products")  # what changed is looked at once
    assert asked() <= few
    ids = reads.offered_variants(db.session(), limit=50).rows
    statements.clear()
    assert {variant_id for variant_id, _account in reads.chains(db.session(), ids)} == set(ids)
    assert len(statements) == 1
    db.session.rollback()
