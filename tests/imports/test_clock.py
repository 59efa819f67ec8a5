"""What goes by the clock: files that are fetched, exports that are written; and exports that are filtered."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from flask import Flask

from magflow.blueprints.imports import exporting, jobs
from magflow.db import db
from magflow.domain.errors import Invalid
from magflow.domain.imports import workbooks
from magflow.domain.imports.choices import Choices
from magflow.queries import imports
from magflow.queries.exports import Wanted
from magflow.services import export_schedules
from magflow.services.export_schedules import NewSchedule
from magflow.services.imports import commands, feeds, runner
from magflow.services.imports.commands import Chosen
from magflow.services.imports.feeds import EditFeed, FeedValues
from tests.imports.conftest import ANA, Import, look
from tests.imports.test_formats import HEAD, variants_of
from tests.imports.test_variants import everything

Owner = psycopg.Connection[tuple[Any, ...]]


class Supplier(http.server.BaseHTTPRequestHandler):
    """A supplier's web server with one file, and one address that is not there."""

    content: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        found = self.path == "/list.csv"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(self.content if found else b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def supplier(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Supplier)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(feeds, "allowed", [f"127.0.0.1:{server.server_port}"])
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


def address(home: Path, url: str) -> int:
    values = FeedValues("Supplier", url, "variants", "clock", 60)
    return feeds.save(EditFeed(None, values, home, tuple(feeds.allowed)), actor=ANA).id


def fetch(feed_id: int, home: Path) -> int | None:
    db.session.remove()
    return feeds.fetch(feed_id, home, tuple(feeds.allowed), actor=ANA)


def test_a_file_is_fetched_read_as_remembered_and_not_again_while_it_is_the_same(
    app: Flask, home: Path, owner: Owner, supplier: str
) -> None:
    owner.execute(
        "INSERT INTO import_mappings (kind, source, source_account, choices, saved_by) VALUES ('variants', 'clock', "
        """'default', '{"mapping": {"Nume": "product", "Cod": "sku", "Pret": "price"}}', 'ana')"""
    )
    Supplier.content = b"Nume;Cod;Pret\nClock Mug;CM-1;9,50\n"
    feed_id = address(home, f"{supplier}/list.csv")
    assert feeds.enqueue_due(home, actor=ANA) == 1
    assert feeds.enqueue_due(home, actor=ANA) == 0
    import_id = fetch(feed_id, home)
    assert import_id is not None
    runner.perform(import_id, home, actor=ANA)
    assert look(import_id).counts == (1, 0, 0)
    assert [str(row[1]) for row in variants_of(owner, "Clock Mug")] == ["9.50"]
    assert fetch(feed_id, home) is None
    Supplier.content = b"Nume;Cod;Pret;Stoc\nClock Mug;CM-1;9,50;1\n"
    waiting = fetch(feed_id, home)
    assert waiting is not None
    assert look(waiting).status == "ready"
    assert imports.waiting_of_feeds(db.session()) == {waiting}
    Supplier.content += b"Clock Cup;CM-2;1,00;1\n"
    assert fetch(feed_id, home) is None  # one question at a time
    meant = {"Nume": "product", "Cod": "sku", "Pret": "price", "Stoc": "stock"}
    commands.choose(Chosen(waiting, home, Choices(mapping=meant), dry_run=False), actor=ANA)
    runner.perform(waiting, home, actor=ANA)
    assert look(waiting).counts == (1, 0, 0)
    answered = fetch(feed_id, home)
    assert answered is not None
    runner.perform(answered, home, actor=ANA)
    assert look(answered).counts == (1, 1, 0)
    Supplier.content = b"\x00\x01"
    assert fetch(feed_id, home) is None
    gone = address(home, f"{supplier}/gone.csv")
    assert fetch(gone, home) is None
    errors = owner.execute("SELECT error ->> 'code' FROM import_feeds ORDER BY id").fetchall()
    assert [row[0] for row in errors] == ["not_a_text_file", "address_answered"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/x.csv", "https://127.0.0.1/x.csv", "https://[::1]/x", "ftp://x/y"])
def test_addresses_of_this_network_are_refused(app: Flask, home: Path, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        address(home, url)
    assert refused.value.errors[0].field == "url"


def test_an_export_is_written_by_the_clock_and_read_by_its_address(app: Flask, bring: Import, home: Path) -> None:
    bring(HEAD + "Sched Mug,SM-1,Tone,Red,10,,5\n")
    made = export_schedules.add(NewSchedule("Nightly", "stock", "magflow", 60, by_address=True), actor=ANA)
    with pytest.raises(Invalid):
        export_schedules.add(NewSchedule("Odd", "stock", "shopify", 60), actor=ANA)
    assert export_schedules.enqueue_due("q", actor=ANA) == 1
    jobs.write_export(schedule_id=made.schedule.id)
    client = app.test_client()
    answer = client.get(f"/imports/exports/kept/{made.secret}", buffered=True)
    assert (answer.status_code, b"SM-1" in answer.data) == (200, True)
    assert client.get("/imports/exports/kept/wrong").status_code == 404
    export_schedules.remove(made.schedule.id, actor=ANA)
    db.session.remove()
    assert client.get(f"/imports/exports/kept/{made.secret}").status_code == 404


def test_a_workbook_that_is_exported_and_filtered_comes_back_unchanged(bring: Import, owner: Owner) -> None:
    oddities = (
        "product,sku,option1_name,option1_value,price,stock,brand,description,ean\n"
        '"Odd \'Mug\'",007,Tone,\'=1+1,10.50,3,Ågnes & Søn,"<b>two</b>\nlines, ""quoted"" 😀",5940000000042\n'
        "\"Odd 'Mug'\",'-8,Tone,Șțăî,9999.99,0,Ågnes & Søn,,\n"
    )
    assert bring(oddities).refused == 0
    bring(HEAD + "Plain Mug,PM-1,Tone,Red,10,,5\n")
    raw = b"".join(exporting.export("variants", "magflow", wanted=Wanted(brand="Ågnes & Søn"), workbook=True))
    lines = io.StringIO()
    workbooks.to_lines(io.BytesIO(raw), lines)
    assert ("007" in lines.getvalue(), "PM-1" in lines.getvalue()) == (True, False)
    before = everything(owner)
    assert bring(raw).counts == (0, 2, 0)
    assert everything(owner) == before
    part = b"".join(exporting.export("variants", "magflow", wanted=Wanted(status=0, text="plain m")))
    assert (b"PM-1" in part, b"007" in part) == (True, False)
    assert bring(raw, choices=Choices(blank="clear", missing="deactivate")).counts == (0, 2, 0)
