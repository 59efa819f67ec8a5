"""The chain of migrations: it leads to the models, every step may be repeated, and the way back is open."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine

import magflow.models  # noqa: F401 - fills Base.metadata
from magflow.db import Base
from magflow.postgres import migrate
from magflow.settings import share
from tests.conftest import ShopDatabase
from tests.schema import old_shop
from tests.schema.conftest import contents, shape

Connection = psycopg.Connection[tuple[object, ...]]
Owner = Callable[[ShopDatabase], Connection]

REVISIONS = [script.revision for script in ScriptDirectory(str(share("migrations"))).walk_revisions()][::-1]


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in production: the cleanup settles what it can."""
    monkeypatch.setenv("MAGFLOW_ENV", "testing")


def differences(database: ShopDatabase) -> list[object]:
    """What autogenerate would want to change."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database.owner_dsn))
    options = {
        "compare_server_default": True,
        # `_trgm` is there where the server has the extension; of `_order` the server does not tell the collation.
        "include_object": lambda _o, name, *_: (
            not (name or "").startswith("procrastinate_") and not (name or "").endswith(("_trgm", "_order"))
        ),
    }
    try:
        with engine.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))
    finally:
        engine.dispose()


def test_the_models_are_the_migrated_database(database: ShopDatabase) -> None:
    assert differences(database) == []


def test_every_check_of_the_models_is_in_the_database(database: ShopDatabase, owner: Connection) -> None:
    rows = owner.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' "
        "AND connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'procrastinate%'"
    ).fetchall()
    expected = {
        (table.name, str(constraint.name))
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert set(rows) == expected


def test_every_foreign_key_has_an_index(owner: Connection) -> None:
    rows = owner.execute(
        """SELECT c.conrelid::regclass::text || '.' || a.attname FROM pg_constraint c
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
           WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
             AND c.conrelid::regclass::text NOT LIKE 'procrastinate%'
             AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])"""
    ).fetchall()
    # A product with variants cannot be deleted, and every order line would pay for the index.
    assert [name for (name,) in rows] == ["order_items.product_id"]


def test_the_names_that_programs_know(owner: Connection) -> None:
    indexes = dict(
        owner.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'idx\\_unique\\_%'").fetchall()
    )
    where = "CREATE UNIQUE INDEX {} ON public.{} USING btree {}"
    for name, table, columns in (
        ("idx_unique_sku_per_product", "variants", "(product_id, sku)"),
        (
            "idx_unique_active_options_per_product",
            "variants",
            "(product_id, options_digest) WHERE ((options_digest IS NOT NULL) AND (status = 0))",
        ),
        (
            "idx_unique_active_default_variant",
            "variants",
            "(product_id) WHERE ((options_digest IS NULL) AND (status = 0))",
        ),
        ("idx_unique_external_sku", "variants", "(external_sku) WHERE (external_sku IS NOT NULL)"),
        ("idx_unique_ovv", "option_value_variants", "(variant_id, option_value_id)"),
        ("idx_unique_product_option_type", "product_option_types", "(product_id, option_type_id)"),
    ):
        assert indexes[name] == where.format(name, table, columns)
    checks = owner.execute("SELECT conname FROM pg_constraint WHERE conrelid = 'variants'::regclass").fetchall()
    assert {("chk_variants_price_positive",), ("chk_variants_stock_positive",)} <= set(checks)


def test_down_to_nothing_and_up_again(bare: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(bare)
    migrate.upgrade(bare.addresses())
    up = shape(connection)
    migrate.downgrade(bare.addresses(), "base")
    left = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'S', 'v') AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    assert left == [("alembic_version",)]
    migrate.upgrade(bare.addresses())
    assert shape(connection) == up


def test_an_adopted_shop_goes_down_and_up_and_keeps_its_goods(bare: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=150, stopping=False)
    assert migrate.adopt(bare.addresses(), "production").outcome == "adopted"
    up, goods = shape(connection), contents(connection)
    migrate.downgrade(bare.addresses(), "0003_m2_cleanup")
    migrate.upgrade(bare.addresses())
    assert shape(connection) == up
    again = contents(connection)
    for table in ("products", "variants", "orders", "order_items", "option_value_variants", "adoption_changes"):
        assert again[table] == goods[table], table
    with pytest.raises(Exception, match="does not drop a shop"):
        migrate.downgrade(bare.addresses(), "base")


def test_every_step_may_be_repeated(bare: ShopDatabase, as_owner: Owner, anywhere: None) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=120)
    before = None
    migrate.stamp(bare.addresses(), REVISIONS[0])
    for revision in REVISIONS[1:]:
        before, reached = migrate.current(bare.owner_dsn), revision
        assert before is not None
        migrate.upgrade(bare.addresses(), reached)
        once = shape(connection), contents(connection)
        migrate.stamp(bare.addresses(), before)
        migrate.upgrade(bare.addresses(), reached)
        assert (shape(connection), contents(connection)) == once, revision


def test_the_whole_chain_may_be_repeated_on_a_shop_at_work(bare: ShopDatabase, as_owner: Owner, anywhere: None) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=120, stopping=False)
    migrate.adopt(bare.addresses(), "testing")
    connection.execute("SELECT set_config('magflow.stock_reason', 'adjustment', false)")
    connection.execute("UPDATE variants SET stock = stock + 1")
    once = shape(connection), contents(connection)
    migrate.stamp(bare.addresses(), REVISIONS[0])
    migrate.upgrade(bare.addresses())
    assert (shape(connection), contents(connection)) == once


def test_the_jobs_schema_is_procrastinates_own() -> None:
    """An upgrade of Procrastinate that changes its schema needs a step of ours."""
    import procrastinate.schema

    frozen = (share("migrations") / "sql" / "0013_jobs.sql").read_text(encoding="utf-8")
    assert frozen.endswith(procrastinate.schema.SchemaManager.get_schema())


# Columns whose change is no news, by table; every other one must be in the list of the table's audit trigger.
NO_NEWS = {
    "variants": {"id", "stock", "movement_seq", "version", "updated_at"},
    "order_items": {
        "id", "frozen", "product_name", "variant_sku", "variant_options_text", "unit_price", "vat_rate_snapshot",
        "currency", "line_total_gross", "tax_amount", "image_id",
    },
    "users": {"id", "last_sign_in_at"},
    "api_tokens": {"id", "last_used_at"},
}  # fmt: skip


@pytest.mark.parametrize("table", NO_NEWS)
def test_the_audit_watches_every_column_that_is_news(owner: Connection, table: str) -> None:
    row = owner.execute(
        "SELECT array_agg(a.attname::text) FROM pg_trigger t "
        "JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr) "
        "WHERE t.tgname = %s AND t.tgrelid = %s::regclass",
        [f"{table}_audit_update", table],
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], list)
    assert set(row[0]) == set(Base.metadata.tables[table].columns.keys()) - NO_NEWS[table]


def test_a_confirmation_is_compared_in_every_column(owner: Connection) -> None:
    """The audit's short way for confirmations must not overlook a column that is added to orders later."""
    row = owner.execute("SELECT prosrc FROM pg_proc WHERE proname = 'magflow_audit'").fetchone()
    assert row is not None
    body = str(row[0])
    written = {"status", "version", "confirmed_at", "total_gross", "total_tax", "updated_at"}
    for column in set(Base.metadata.tables["orders"].columns.keys()) - written:
        assert f"new.{column}" in body, column
        assert f"old.{column}" in body, column
