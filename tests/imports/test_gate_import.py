"""Gate G12: whatever bytes come, however often a run is cut off, and whoever imports at the same time."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.domain.imports import workbooks
from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.layouts import KINDS
from magflow.services.imports import checking, commands, files, preparing, runner
from tests.imports.conftest import ANA, Import, look
from tests.imports.test_formats import WOO
from tests.imports.test_variants import everything

Owner = psycopg.Connection[tuple[Any, ...]]

SEED = int(os.environ.get("MAGFLOW_SEED", "20261120"))
FUZZED, SOAKED = 1_000_000, 100_000_000
HEADERS = (
    "product,sku,option1_name,option1_value,price,stock,ean\n",
    "Title,URL handle,SKU,Option1 name,Option1 value,Price,Inventory quantity,Product image URL\n",
    WOO,
    "sku;product;stock;delta;expected\n",
    "Handle,Title,Option1 Name,Option1 Value,SKU,Location,On hand (current),On hand (new)\n",
    "number,external_id,status,placed_at,customer_email,sku,quantity,unit_price,vat_rate\n",
)
PIECES = (
    "Tee", "A-1", '"', '""', ",", ";", "\t", "\n", "\r\n", "\r", "12,50", "1.234,56", "-1", "9" * 400, "\x00", "ș",
    "😀", "=cmd|' /C calc'!A0", "Default Title", "5.94E+12", "\ufeff", "\x1a", "simple", "variation", "id:10", "Red",
    "  ", '"two\nlines"', "https://a.example/1.jpg", "\u2028", "NaN", "1e999", "\uffff",
)  # fmt: skip

TAME = ("Tee", "A-1", "B-2", "12,50", "7", "", "", "Red", "simple", "variation", '"two\nlines"', "ș", "5940000000011")


def generated(rnd: random.Random) -> bytes:
    """A file by the grammar of tables, with much that does not belong there; then, often, with bytes changed."""
    header = rnd.choice(HEADERS)
    delimiter = ";" if ";" in header else ","
    width = header.count(delimiter) + 1
    lines = [
        delimiter.join(rnd.choice(PIECES if rnd.random() < 0.05 else TAME) for _ in range(width))
        for _ in range(rnd.randint(1, 120))
    ]
    text = header + "\n".join(lines)
    raw = bytearray(text.encode(rnd.choice(("utf-8", "utf-8", "utf-16", "cp1250")), "replace"))
    if rnd.random() < 0.2:
        names = HEADERS[0].strip().split(",")
        pieces = [piece for piece in PIECES if not set(piece) & {"\x00", "\x1a", "\uffff"}]
        rows = [[rnd.choice(pieces) for _ in names] for _ in range(20)]
        raw = bytearray(b"".join(workbooks.blocks(names, rows)))
    for _ in range(rnd.choice((0, 0, 1, 5, 50))):
        raw[rnd.randrange(len(raw))] = rnd.randrange(256)
    return bytes(raw)


def read_whole(path: Path, kind: str) -> tuple[int, int]:
    """How many records a file has, and how many came out of the reader, taken or refused."""
    reading = files.recognise(path, kind, "auto")
    reader = preparing._reader(1, path, reading)
    records = 0
    with files.opened(path, reading) as lines:
        for record in lines:
            records += 1
            reader.read(record)
    assert preparing.noted(reader.refused)
    return records, len(reader.prepared.rows) + len(reader.refused)


def test_fuzzed_bytes_are_read_or_refused(tmp_path: Path) -> None:
    check_fuzzed_bytes(tmp_path, FUZZED)


def check_fuzzed_bytes(tmp_path: Path, most: int) -> None:
    print(f"seed {SEED}")
    rnd = random.Random(SEED)
    total = read = 0
    while total < most:
        raw = generated(rnd)
        total += len(raw)
        path = tmp_path / f"fuzz-{total}"
        path.write_bytes(raw)
        for kind in KINDS:
            try:
                records, out = read_whole(path, kind)
            except FileFault:
                continue
            assert out == records, (SEED, total)
            read += records
        path.unlink()
        files.lines_of(path).unlink(missing_ok=True)
    assert read > 1_000


def archive(parts: dict[str, bytes], declared: dict[str, int] | None = None) -> bytes:
    """A zip archive; sizes in its directory may lie."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
        for name, size in (declared or {}).items():
            made.getinfo(name).file_size = size
    return out.getvalue()


def misled(raw: bytes) -> bytes:
    """The archive's end says that its directory begins further behind than it does: all parts begin before the file."""
    end = raw.rindex(b"PK\x05\x06")
    (begins,) = struct.unpack_from("<L", raw, end + 16)
    return raw[: end + 16] + struct.pack("<L", begins + 100_000) + raw[end + 20 :]


LETTERS = random.Random(SEED).randbytes(3_500_000).hex().encode()
WORKBOOK = {"xl/workbook.xml": workbooks.WORKBOOK.encode(),
            "xl/_rels/workbook.xml.rels": workbooks.RELATIONS.format(
                kind="worksheet", target="worksheets/sheet1.xml").encode()}  # fmt: skip
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><worksheet><sheetData><row><c t="str"><v>&b;'
    b"</v></c></row></sheetData></worksheet>"
)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (archive({**WORKBOOK, SHEET: b"0" * 30_000_000}), "workbook_too_large"),
        (archive({**WORKBOOK, SHEET: b"x"}, {SHEET: 4_000_000_000}), "workbook_too_large"),
        (archive({**WORKBOOK, SHEET: LAUGHS}), "workbook_strange"),
        (archive({**WORKBOOK, "../../etc/cron.d/x": b"x"}), "workbook_strange"),
        (archive({**WORKBOOK, "xl/externalLinks/externalLink1.xml": b"x"}), "workbook_linked"),
        (archive({**WORKBOOK, **{f"xl/p{n}.xml": b"" for n in range(300)}}), "workbook_too_large"),
        (archive({"mimetype": b"application/epub+zip"}), "workbook_strange"),
        (archive({**WORKBOOK, SHEET: b"<worksheet><row><c r='ZZZ1'><v>1</v></c></row>"}), "too_many_columns"),
        (archive({**WORKBOOK, SHEET: b"<worksheet><sheetData><row"}), "workbook_broken"),
        (archive({**WORKBOOK, SHEET: b"<!--" + LETTERS + b"-->"}), "workbook_strange"),
        (archive({**WORKBOOK, SHEET: b"<row><c t='" + LETTERS + b"'/></row>"}), "workbook_strange"),
        (archive({**WORKBOOK, SHEET: b"<a>" * 5_000}), "workbook_strange"),
        (misled(archive({**WORKBOOK, SHEET: b"<worksheet/>"})), "workbook_broken"),
        (b"PK\x03\x04" + b"\x00" * 500, "workbook_broken"),
        (b",".join([b"ab"] * 1_000_000) + b"\nA,1\n", "too_many_columns"),
        (b'product,"sku,price\nA,1,5\n', "header_broken"),
        (b"product,sku,price\nA,1,5\nA\x00,2,5\n", "null_character"),
        (",".join(f"c{n}" for n in range(1_000_000)).encode(), "too_many_columns"),
        (b"product,sku,price\n" + b'A,"x,1\n' * 3_000, "quotes_never_closed"),
        (b"a" * 20_000_000, "line_too_long"),
    ],
)  # fmt: skip
def test_bombs_are_refused(raw: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(raw)
    with pytest.raises(FileFault) as fault:
        read_whole(path, "variants")
    assert fault.value.reason == reason


def test_ten_declared_gigabytes_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "ten.xlsx"
    path.write_bytes(archive({**WORKBOOK, **{f"xl/worksheets/sheet{n}.xml": b"x" for n in range(1, 4)}},
                             {f"xl/worksheets/sheet{n}.xml": 4_000_000_000 for n in range(1, 4)}))  # fmt: skip
    with pytest.raises(FileFault, match="workbook_too_large"):
        files.recognise(path, "variants", "auto")


class Killed(BaseException):
    """The run ends here, as a process does that is killed between two of its transactions."""


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Many chunks of few rows."""
    monkeypatch.setattr(checking, "CHUNK_ROWS", 10)
    monkeypatch.setattr(checking, "FIRST_CHUNK_ROWS", 5)
    monkeypatch.setattr(preparing, "BATCH", 40)
    yield


def rows_of(products: int, price: int) -> str:
    head = "product,sku,option1_name,option1_value,price,stock\n"
    return head + "".join(
        f"Kill Tee {n},K-{n}-{colour},Tone,{colour},{'x' if n % 17 == 3 else price + n},{n % 9}\n"
        for n in range(products)
        for colour in ("Red", "Blue")
    )


def begin(home: Path, text: str) -> int:
    stored = files.store(home, io.BytesIO(text.encode()))
    command = commands.take_in(home, stored, filename="kill.csv", kind="variants", queued=False)
    return commands.register(command, actor=ANA).id


def test_a_run_that_is_killed_fifty_times_comes_to_the_same(
    app: Flask, home: Path, owner: Owner, small_chunks: None
) -> None:
    rnd = random.Random(SEED)
    import_id, waits = begin(home, rows_of(260, 10)), [rnd.randint(0, 3) for _ in range(50)]
    kills = 0

    def perhaps() -> None:
        if waits:
            waits[0] -= 1
            if waits[0] < 0:
                waits.pop(0)
                raise Killed

    while look(import_id).status != "finished":
        try:
            runner.perform(import_id, home, actor=ANA, pause_point=perhaps)
        except Killed:
            kills += 1
    done = look(import_id)
    assert kills == 50
    assert (sum(done.counts), done.refused) == (520, 2 * len(range(3, 260, 17)))
    noted = owner.execute("SELECT count(*) FROM import_rows WHERE import_id = %s", [import_id]).fetchone()
    assert noted == (520,)
    seen = everything(owner)
    again = begin(home, rows_of(260, 10))
    runner.perform(again, home, actor=ANA)
    assert look(again).counts == (0, done.applied, done.refused)
    assert everything(owner) == seen


@pytest.mark.parametrize("kind", ["variants", "orders"])
def test_a_run_whose_prepared_rows_are_lost_reads_the_file_again(
    app: Flask, home: Path, owner: Owner, small_chunks: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A crash of the server empties the staging tables, which are made again from the stored file."""
    monkeypatch.setattr(checking, "CHUNK_ORDER_LINES", 10)
    head = "number,status,sku,quantity,unit_price\n"
    text = rows_of(40, 10) if kind == "variants" else head + "".join(
        f"LOST-{n},confirmed,A,{'x' if n % 9 == 4 and line else 1},5\n" for n in range(40) for line in range(2)
    )  # fmt: skip
    stored = files.store(home, io.BytesIO(text.replace("Kill Tee", "Lost Tee").replace(",K-", ",LK-").encode()))
    import_id = commands.register(
        commands.take_in(home, stored, filename="lost.csv", kind=kind, queued=False), actor=ANA
    ).id

    def cut() -> None:
        done = owner.execute(
            "SELECT count(*) FROM import_chunks WHERE import_id = %s AND done_at IS NOT NULL", [import_id]
        ).fetchone()
        if done and int(str(done[0])) >= 2:
            raise Killed

    with pytest.raises(Killed):
        runner.perform(import_id, home, actor=ANA, pause_point=cut)
    owner.execute("TRUNCATE import_stage, import_options, import_images")
    runner.perform(import_id, home, actor=ANA)
    done = look(import_id)
    assert (done.status, sum(done.counts)) == ("finished", 80)
    assert done.refused == (2 * len(range(3, 40, 17)) if kind == "variants" else 2 * len(range(4, 40, 9)))


def test_overlapping_imports_at_once_leave_one_truth(app: Flask, home: Path, owner: Owner, small_chunks: None) -> None:
    ids = [begin(home, rows_of(60, price)) for price in (10, 500, 10)]
    errors: list[BaseException] = []

    def work(import_id: int) -> None:
        with app.app_context():
            try:
                runner.perform(import_id, home, actor=ANA)
            except BaseException as error:  # noqa: BLE001 - told to the test below
                errors.append(error)

    threads = [threading.Thread(target=work, args=(import_id,)) for import_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    for import_id in ids:
        done = look(import_id)
        assert (done.status, sum(done.counts)) == ("finished", 120)
    wrong = owner.execute(
        "SELECT (SELECT count(*) FROM variants v "
        "        WHERE stock <> (SELECT coalesce(sum(delta), 0) FROM stock_movements m WHERE m.variant_id = v.id)), "
        "(SELECT count(*) FROM (SELECT 1 FROM variants WHERE sku LIKE 'K-%' AND status = 0 GROUP BY sku "
        "                       HAVING count(*) > 1) twice)"
    ).fetchone()
    assert wrong == (0, 0)


MEASURE = """
import re, sys
from pathlib import Path
from magflow.services.imports import files, preparing
from magflow.domain.imports.staging import Prepared
path = Path(sys.argv[1])
reading = files.recognise(path, "variants", "auto")
reader = preparing._reader(1, path, reading)
rows = 0
with files.opened(path, reading) as records:
    for rows, record in enumerate(records, 1):
        reader.read(record)
        if rows % preparing.BATCH == 0:
            reader.prepared, reader.refused = Prepared(), []
# Not ru_maxrss, which a new process inherits from the one that started it.
print(rows, re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def measured(path: Path) -> tuple[int, int]:
    """Rows, and the most memory in MiB, of reading a file in a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    rows, most = (int(word) for word in done.stdout.split())
    return rows, most // 1024


def long_file(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("product,sku,title,option1_name,option1_value,price,stock\n")
        for n in range(rows):
            file.write(f"Flat {n // 100},F-{n},Flat tee {n},Size,{n % 100},{n % 90}.50,{n % 50}\n")
    return path


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small = measured(long_file(tmp_path / "small.csv", 15_000))
    large = measured(long_file(tmp_path / "large.csv", 60_000))
    assert large[1] - small[1] < 24
    assert large[1] < 256


def test_memory_does_not_grow_with_a_line_either(tmp_path: Path) -> None:
    head, path = b"product,sku,price\n", tmp_path / "wide.csv"
    rows = {b"," * 15_000_000: "", b'"' * 15_000_000: "quotes", b"A,1," + b"5" * 15_000_000: "long"}
    path.write_bytes(head + b"\n".join(row for row in rows for _time in range(4)))
    assert measured(path)[1] < 256
    cell = b"<c t='inlineStr'><is><t>" + LETTERS * 12 + b"</t></is></c>"
    rest = b"<worksheet><sheetData><row><c><v>1</v></c></row><row>" + cell + b"</row></sheetData></worksheet>"
    path.write_bytes(archive({**WORKBOOK, SHEET: rest}))
    with pytest.raises(FileFault, match="unknown_columns"):
        files.recognise(path, "variants", "auto")
    assert max(map(len, files.lines_of(path).read_text(encoding="utf-8").splitlines())) < 40_000


@pytest.mark.soak
def test_a_million_rows_are_imported_in_bounded_memory(bring: Import, tmp_path: Path) -> None:
    done = bring(long_file(tmp_path / "million.csv", 1_000_000).read_bytes())
    assert done.counts == (1_000_000, 0, 0)
    assert measured(tmp_path / "million.csv")[1] < 256


@pytest.mark.soak
def test_many_fuzzed_bytes(tmp_path: Path) -> None:
    check_fuzzed_bytes(tmp_path, SOAKED)
