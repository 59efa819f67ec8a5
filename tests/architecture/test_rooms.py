"""What may stand in one room only is found wherever else it stands; and each search is shown what it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.architecture import finders
from tests.architecture.finders import (
    Finder,
    attribute_written,
    called,
    found_by,
    imports_of,
    made_or_changed,
    sql_like,
)


@dataclass(frozen=True)
class Rule:
    """Where something may stand, what to do when it stands elsewhere, and pieces that must be found."""

    name: str
    finder: Finder
    rooms: tuple[str, ...]
    remedy: str
    bad: tuple[str, ...]
    good: tuple[str, ...] = ()


SERVER = ("postgres/", "web/database.py", "worker.py")
"""Who looks after the server itself, or opens connections, sets limits and migrates by its own hand."""

ADMIN_VIEWS = tuple(
    f"blueprints/{area}/admin.py"
    for area in ("audit", "home", "imports", "orders", "settings", "stock_sync", "variants")
)

ORDER_ROOMS = tuple(f"services/{name}.py" for name in ("orders", "order_intake", "order_split", "checkout", "restock"))

RULES = [
    Rule(
        "transactions",
        called("begin", "begin_nested", "commit", "rollback", of="session|connection|engine|driver|conn"),
        ("concurrency/", *SERVER),
        "make it a service: @transactional begins, commits and rolls back; inside, use magflow.concurrency.savepoint",
        ("session.commit()", "db.session.rollback()", "with engine.begin() as c: pass", "self._session.begin_nested()",
         "Session(engine).connection().commit()"),
        ("commands.begin(7)", "story.begin()"),
    ),
    Rule(
        "commits that do not wait for the disk",
        imports_of("magflow.concurrency.done_again_after_a_crash"),
        ("services/imports/preparing.py", "services/imports/runner.py"),
        "let it wait: what was acknowledged must outlive a crash; only parts of an import are done again after one",
        ("from magflow.concurrency import done_again_after_a_crash",),
        ("from magflow.concurrency import execute",),
    ),
    Rule(
        "the durability of a commit",
        sql_like(r"synchronous_commit'?\s*(=|TO\b|,\s*'off')"),
        ("concurrency/", *SERVER),
        "use magflow.concurrency.done_again_after_a_crash, where a crash is looked up and made good",
        ('execute(session, "SET LOCAL synchronous_commit = off")',
         "execute(session, \"SELECT set_config('synchronous_commit', 'off', true)\")"),
    ),
    Rule(
        "locks of the ORM",
        called("with_for_update"),
        ("concurrency/",),
        "give the lock a name in magflow/concurrency/locks.py, at its level",
        ("select(Order).with_for_update(key_share=True)",),
    ),
    Rule(
        "locks in SQL",
        sql_like(
            r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE|KEY\s+SHARE)\b|\bSKIP\s+LOCKED\b|\bpg_(try_)?advisory|"
            r"\bSET\b.*\block_timeout\b|\bLOCK\s+TABLE\b|\bSAVEPOINT\b"
        ),
        ("concurrency/", *SERVER),
        "give the lock a name in magflow/concurrency/locks.py, at its level",
        ('execute("SELECT 1 FROM orders FOR UPDATE")', 'X = """SELECT id\\nFROM variants FOR NO KEY  UPDATE"""',
         'text("SELECT pg_advisory_xact_lock(1)")', 'text(f"SELECT id FROM {table} FOR SHARE")',
         "text('SET LOCAL lock_timeout = 1')", "text('SELECT 1 FROM jobs FOR KEY SHARE SKIP LOCKED')"),
        ('"""Taken FOR UPDATE, see the notes."""', 'BIND = "lock_timeout"', 'text("wait for updates")'),
    ),
    Rule(
        "stock in SQL",
        sql_like(r"\bUPDATE\s+(ONLY\s+)?(public\.)?variants\b.*?\bSET\b[^;]*?\bstock\s*="),
        ("services/ledger.py",),
        "change stock through magflow/services/ledger.py, with a reason",
        ('X = "UPDATE variants SET stock = 0"', 'X = f"UPDATE variants v SET title = \'a\', stock={n}"',
         'X = """UPDATE public.variants AS v\\nSET price = 1,\\n    stock = v.stock - 1"""'),
        ('X = "UPDATE variants SET price = 1 WHERE stock > 0"', 'X = "UPDATE offers SET stock = 1"'),
    ),
    Rule(
        "stock of an object",
        attribute_written("stock"),
        ("simulator/",),  # what others have in their warehouses
        "change stock through magflow/services/ledger.py, with a reason",
        ("variant.stock = 3", "variant.stock -= 1", "a, variant.stock = 1, 2", 'setattr(variant, "stock", 3)',
         "update(Variant).values(title='x', stock=0)"),
        ("variant.title = 'stock'", "self.stock = stock", "stock = variant.stock", "Variant(stock=1)"),
    ),
    Rule(
        "order lines in SQL",
        sql_like(r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(ONLY\s+)?(public\.)?order_items\b"),
        ORDER_ROOMS,
        "write order lines in the order services, behind the order's lock",
        ('X = "UPDATE order_items SET quantity = 1"', 'X = "DELETE FROM order_items"',
         'X = f"WITH a AS (SELECT 1) INSERT INTO  order_items SELECT {columns}"'),
        ('X = "SELECT * FROM order_items"',),
    ),
    Rule(
        "order lines as objects",
        made_or_changed("OrderItem"),
        ORDER_ROOMS,
        "write order lines in the order services, behind the order's lock",
        ("OrderItem(quantity=1)", "insert(OrderItem)", "session.execute(update(OrderItem).values(quantity=2))",
         "delete(OrderItem)"),
        ("select(OrderItem)",),
    ),
    Rule(
        "the ledger and the audit log",
        sql_like(r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE)\s+(ONLY\s+)?(public\.)?(stock_movements|audit_log)\b"),
        (),
        "the database's triggers write them; nobody books by hand",
        ('X = "INSERT INTO stock_movements VALUES (1)"', 'X = "DELETE FROM public.audit_log"'),
        ('X = "SELECT sum(delta) FROM stock_movements"',),
    ),
    Rule(
        "tables",
        imports_of("magflow.models"),
        ("services/", "concurrency/", "queries/", "models/", *ADMIN_VIEWS),
        "read through magflow/queries, write through magflow/services",
        ("from magflow.models import Order", "import magflow.models", "from magflow.models.orders import Order",
         "from magflow import models"),
        ("from magflow.services import orders",),
    ),
]  # fmt: skip

each_rule: Callable[..., pytest.MarkDecorator] = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@each_rule
def test_it_stands_in_its_room_only(rule: Rule) -> None:
    found = found_by(rule.finder, outside=rule.rooms)
    assert not found, f"{rule.remedy}:\n" + "\n".join(found)


@each_rule
def test_the_search_finds_what_it_must_and_nothing_else(rule: Rule) -> None:
    for piece in rule.bad:
        assert rule.finder(piece), f"not found: {piece}"
    for piece in rule.good:
        assert not rule.finder(piece), f"found: {piece}"


@each_rule
def test_the_room_is_there_and_holds_what_it_is_for(rule: Rule) -> None:
    paths = [path.relative_to(finders.PACKAGE).as_posix() for path in finders.modules()]
    inside = [path for path in paths if path.startswith(rule.rooms)] if rule.rooms else []
    if rule.rooms:
        assert any(rule.finder((finders.PACKAGE / path).read_text()) for path in inside), (
            "the search finds nothing at all"
        )
