"""A backup comes back: whole, guarded and under load; and what is no backup changes nothing."""

from __future__ import annotations

import json
import stat
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from psycopg import sql

from magflow.app import create_app
from magflow.db import db
from magflow.postgres import backup, migrate, roles
from magflow.postgres.backup import RestoreFailed, RestoreRefused
from magflow.settings import Settings
from tests.conftest import ShopDatabase
from tests.ground.test_migrate import empty as empty
from tests.ground.test_roles import grants
from tests.shop import finalize, make_order, make_variant, movements_of, stock_of

pytestmark = pytest.mark.short_pg15


@pytest.fixture(scope="module")
def module_app(database: ShopDatabase, settings: Settings) -> Iterator[Flask]:
    """The application without any area: only its services are wanted."""
    app = create_app(replace(settings, database_url=database.app_dsn), areas=[])
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def shop(module_app: Flask, database: ShopDatabase) -> ShopDatabase:
    """A shop with something of everything in it."""
    with module_app.app_context():
        mug, shirt = make_variant(stock=7, title="Cană albă, 300 ml"), make_variant(stock=5)
        finalize(make_order((mug, 2), (shirt, 1), customer_name="Ioana Țăran"))
        make_order((mug, 1))
    return database


@pytest.fixture
def written(shop: ShopDatabase, tmp_path: Path) -> Path:
    file = tmp_path / "shop.backup"
    backup.write_backup(shop.addresses(), file, None)
    return file


def contents(database: ShopDatabase) -> dict[str, str]:
    """A fingerprint of every table."""
    with psycopg.connect(database.admin_dsn) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
        ).fetchall()
        found = {}
        for (name,) in names:
            query = sql.SQL(
                "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
            )
            row = connection.execute(query.format(sql.Identifier(str(name)))).fetchone()
            found[str(name)] = str(row[0]) if row else ""
    return found


def guards(database: ShopDatabase) -> list[tuple[object, ...]]:
    with psycopg.connect(database.admin_dsn) as connection:
        return connection.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal "
            "ORDER BY 1, 2"
        ).fetchall()


def test_everything_comes_back_with_its_guards_and_rights(
    shop: ShopDatabase, written: Path, empty: ShopDatabase
) -> None:
    restored = backup.restore_backup(empty.addresses(), written, None)
    assert restored.revision == migrate.head()
    assert contents(empty) == contents(shop)
    assert guards(empty) == guards(shop)
    with psycopg.connect(shop.owner_dsn) as one, psycopg.connect(empty.owner_dsn) as other:
        assert grants(one) == grants(other)


def test_the_restored_shop_goes_on_selling(
    shop: ShopDatabase, written: Path, empty: ShopDatabase, module_app: Flask
) -> None:
    backup.restore_backup(empty.addresses(), written, None)
    settings = module_app.config["MAGFLOW"]
    again = create_app(replace(settings, database_url=empty.app_dsn), areas=[])
    with again.app_context():
        mug = make_variant(stock=3)
        finalize(make_order((mug, 2)))
        assert (stock_of(mug), movements_of(mug)) == (1, [-2])
        db.session.remove()
        db.engine.dispose()
    with psycopg.connect(empty.app_dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM stock_movements")
    with psycopg.connect(empty.owner_dsn) as connection, pytest.raises(psycopg.DatabaseError) as refused:
        connection.execute("DELETE FROM stock_movements")
    assert refused.value.sqlstate == "MF003"


def test_the_file_is_private_and_has_no_key_in_it(written: Path, module_app: Flask) -> None:
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    with zipfile.ZipFile(written) as archive:
        assert sorted(archive.namelist()) == ["database.dump", "manifest.json"]
        manifest = json.loads(archive.read("manifest.json"))
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert manifest["revision"] == migrate.head()
    settings = module_app.config["MAGFLOW"]
    assert not any(key.encode() in everything for key in (settings.secret_key, *settings.credentials_keys))


def test_a_database_with_something_in_it_is_left_alone_without_force(shop: ShopDatabase, written: Path) -> None:
    before = contents(shop)
    with pytest.raises(RestoreRefused, match=r"not empty.*--force"):
        backup.restore_backup(shop.addresses(), written, None)
    assert contents(shop) == before


def test_with_force_it_replaces_everything(shop: ShopDatabase, written: Path, empty: ShopDatabase) -> None:
    addresses = empty.addresses()
    backup.restore_backup(addresses, written, None)
    with psycopg.connect(empty.owner_dsn) as connection:
        connection.execute("CREATE TABLE left_over (id int); INSERT INTO settings (key, value) VALUES ('later', '1')")
    backup.restore_backup(addresses, written, None, force=True)
    assert contents(empty) == contents(shop)


def test_an_older_backup_is_brought_up_to_date(empty: ShopDatabase, tmp_path: Path) -> None:
    addresses = empty.addresses()
    migrate.upgrade(addresses, "0006_m5_backfill")
    backup.write_backup(addresses, tmp_path / "old", None)
    assert backup.restore_backup(addresses, tmp_path / "old", None, force=True).revision == migrate.head()


def rewritten(source: Path, target: Path, **manifest: object) -> Path:
    """The same backup with another manifest."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        new.writestr("manifest.json", json.dumps({**json.loads(old.read("manifest.json")), **manifest}))
        new.writestr("database.dump", old.read("database.dump"))
    return target


@pytest.fixture(params=["text", "empty", "cut", "other zip", "newer form"])
def bad_file(request: pytest.FixtureRequest, written: Path, tmp_path: Path) -> Iterator[Path]:
    whole, bad = written.read_bytes(), tmp_path / "bad"
    match request.param:
        case "text":
            bad.write_text("not a backup at all")
        case "empty":
            bad.write_bytes(b"")
        case "cut":
            bad.write_bytes(whole[: len(whole) // 2])
        case "other zip":
            with zipfile.ZipFile(bad, "w") as archive:
                archive.writestr("readme.txt", "x")
        case "newer form":
            rewritten(written, bad, format=2)
    yield bad


def test_what_is_no_backup_is_refused_before_anything_is_touched(shop: ShopDatabase, bad_file: Path) -> None:
    before = contents(shop)
    with pytest.raises(RestoreRefused):
        backup.restore_backup(shop.addresses(), bad_file, None, force=True)
    assert contents(shop) == before


def test_a_backup_of_a_newer_magflow_is_refused(shop: ShopDatabase, written: Path, tmp_path: Path) -> None:
    newer = rewritten(written, tmp_path / "newer", revision="9999_from_the_future")
    with pytest.raises(migrate.WrongVersion, match="9999_from_the_future"):
        backup.restore_backup(shop.addresses(), newer, None, force=True)


def test_a_dump_that_breaks_off_leaves_the_database_as_it_was(
    shop: ShopDatabase, written: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(broken, "w") as new:
        new.writestr("manifest.json", old.read("manifest.json"))
        dump = old.read("database.dump")
        new.writestr("database.dump", dump[: len(dump) - len(dump) // 5])
    before = contents(shop)
    with pytest.raises(RestoreFailed, match="nothing was changed"):
        backup.restore_backup(shop.addresses(), broken, None, force=True)
    assert contents(shop) == before


def test_a_backup_under_load_is_one_consistent_moment(
    module_app: Flask, shop: ShopDatabase, empty: ShopDatabase, tmp_path: Path
) -> None:
    acknowledged: list[int] = []
    stop = threading.Event()

    def sell() -> None:
        with module_app.app_context():
            mug = make_variant(stock=10_000)
            while not stop.is_set():
                order = make_order((mug, 1))
                finalize(order)
                acknowledged.append(order.id)

    sellers = [threading.Thread(target=sell) for _ in range(3)]
    for seller in sellers:
        seller.start()
    while len(acknowledged) < 10 and all(seller.is_alive() for seller in sellers):
        sellers[0].join(0.02)
    before = set(acknowledged)
    backup.write_backup(shop.addresses(), tmp_path / "live", None)
    stop.set()
    for seller in sellers:
        seller.join()

    backup.restore_backup(empty.addresses(), tmp_path / "live", None)
    with psycopg.connect(empty.owner_dsn) as connection:
        confirmed = {
            row[0] for row in connection.execute("SELECT id FROM orders WHERE status = 'confirmed'").fetchall()
        }
        unexplained = connection.execute(
            "SELECT v.id FROM variants v LEFT JOIN stock_movements m ON m.variant_id = v.id "
            "GROUP BY v.id HAVING v.stock <> coalesce(sum(m.delta), 0)"
        ).fetchall()
    assert before and before <= confirmed
    assert unexplained == []


def test_the_addresses_carry_no_password_on_a_command_line(shop: ShopDatabase) -> None:
    environment = backup._environment(shop.owner_dsn)
    assert environment["PGPASSWORD"] and environment["PGOPTIONS"].startswith(f"-c role={roles.OWNER}")
