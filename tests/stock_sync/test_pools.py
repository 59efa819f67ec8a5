"""A warehouse that several accounts sell from: divided, sold from, filled up, divided anew, shared again."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.domain.errors import NotFound
from magflow.domain.pools import NothingToDivide
from magflow.models import Variant
from magflow.queries import pools as queries
from magflow.queries import stock_sync as reads
from magflow.services import checkout, orders, publishing, stock
from magflow.services.stock_sync import pools
from tests.api.conftest import Program
from tests.shop import stock_of
from tests.stock_sync.market import make_accounts, make_listed, offer, value


@pytest.fixture
def pair(app: Flask) -> None:
    """NORTH and SOUTH sell from one hall; once a module."""
    there = {account.code for account in reads.accounts(db.session())}
    db.session.rollback()
    if not there:
        make_accounts("main", "fbe")
        make_accounts("north", "south", pool="hall")


pytestmark = pytest.mark.usefixtures("pair")


def divide(divided: bool = True) -> None:
    for _twice in range(2):
        pools.change_mode(pools.ChangeMode("hall", divided), actor=SYSTEM)
    while pools.settle_all(actor=SYSTEM):
        pass
    db.session.rollback()


def shares(variant: Variant) -> dict[str, int | None]:
    found: dict[str, int | None] = value(
        "SELECT jsonb_object_agg(a.code, o.share) FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id "
        "WHERE o.variant_id = :v",
        v=variant.id,
    )
    return found


def sell(variant: Variant, units: int, code: str | None) -> int:
    """A confirmed order of an account; None: the shop's own."""
    where = {"source": "emag", "source_account": code} if code else {}
    order = orders.create(orders.NewOrder([orders.NewItem(units, variant_id=variant.id)], **where), actor=SYSTEM)
    checkout.finalize(checkout.FinalizeOrder(order.id), actor=SYSTEM)
    return order.id


def test_the_life_of_a_divided_pool(program: Program) -> None:
    variant = make_listed(offer("north", 26), offer("south", 26), own_stock=26, sku="HALL-1")
    divide()
    assert shares(variant) == {"north": 13, "south": 13}
    # A sale takes from its account's share, once, however often shares are settled.
    sell(variant, 5, "north")
    sell(variant, 2, None)
    for _twice in range(2):
        pools.settle_all(actor=SYSTEM)
        assert shares(variant) == {"north": 8, "south": 11}
    # What came in is divided; what was sold beyond a share is taken from the other.
    stock.adjust(stock.AdjustStock(variant.id, "found", delta=4), actor=SYSTEM)
    pools.settle_all(actor=SYSTEM)
    assert shares(variant) == {"north": 10, "south": 13}
    sell(variant, 12, "north")
    pools.settle_all(actor=SYSTEM)
    assert shares(variant) == {"north": 0, "south": 11}
    # The analysis sees both stocks apart; a re-division changes numbers only, and the SKU is analysed again.
    analysis = program.data("GET", "/stock-sync/analyze/HALL-1")
    assert analysis["current_situation"]["stock_north"] == 0
    advice = analysis["recommendations"][0]
    assert (advice["from_account"], advice["to_account"], advice["suggested_amount"]) == ("south", "north", 5)
    body = {"sku": "HALL-1", "from_account": "south", "to_account": "north", "amount": 5, "approve": True}
    made = program.data("POST", "/stock-sync/transfers", body, status=201)
    assert (made["kind"], made["state"], made["priority_before"], made["priority_after"]) == (
        "redivide", "done", "high", "normal",
    )  # fmt: skip
    assert program.data("POST", "/stock-sync/transfers", body, status=200)["id"] == made["id"]
    pools.settle_all(actor=SYSTEM)
    assert shares(variant) == {"north": 5, "south": 6}
    assert queries.shares(db.session(), "hall", sku="HALL-1").rows[0].free == 0
    db.session.rollback()
    divide(False)
    assert shares(variant) == {"north": None, "south": None}


def test_more_is_never_offered_than_is_there() -> None:
    variant = make_listed(offer("north", 6), offer("south", 6), own_stock=6)
    divide()
    assert shares(variant) == {"north": 3, "south": 3}
    sell(variant, 5, "north")
    # Not settled yet: what is published does not trust the shares.
    ids = value("SELECT jsonb_agg(id ORDER BY id) FROM offers WHERE variant_id = :v", v=variant.id)
    figures = publishing.figures(db.session(), ids)
    db.session.rollback()
    assert [figure.offered for figure in figures] == [1, 1]
    pools.settle_all(actor=SYSTEM)
    assert shares(variant) == {"north": 0, "south": 1}
    divide(False)


def test_units_under_way_between_two_accounts_are_not_divided(program: Program) -> None:
    connected = "UPDATE marketplace_accounts SET credentials = %(c)s WHERE code IN ('north', 'south')"
    variant = make_listed(offer("north", 26), offer("south", 26), own_stock=26, sku="HALL-2")
    divide()
    run(lambda session: execute(session, connected, {"c": "sealed"}), SYSTEM)
    body = {"sku": "HALL-2", "from_account": "south", "to_account": "north", "amount": 5, "approve": True}
    made = program.data("POST", "/stock-sync/transfers", body, status=201)
    # The giver is lowered and waits for the marketplace's answer; meanwhile somebody buys.
    assert (made["state"], shares(variant)) == ("running", {"north": 13, "south": 8})
    sell(variant, 1, "north")
    pools.settle_all(actor=SYSTEM)
    assert shares(variant) == {"north": 12, "south": 8}
    program.data("POST", f"/stock-sync/transfers/{made['id']}/cancel")
    pools.settle_all(actor=SYSTEM)
    assert shares(variant) == {"north": 12, "south": 13}
    run(lambda session: execute(session, connected, {"c": None}), SYSTEM)
    divide(False)


def test_goods_that_leave_a_divided_pool_leave_the_warehouse(program: Program) -> None:
    make_accounts("fbe2", fulfilment="marketplace", stock_writable=True)
    variant = make_listed(offer("north", 26), offer("south", 26), offer("fbe2", 0), own_stock=26, sku="HALL-3")
    divide()
    body = {"sku": "HALL-3", "from_account": "south", "to_account": "fbe2", "amount": 5, "approve": True}
    assert program.data("POST", "/stock-sync/transfers", body, status=201)["state"] == "done"
    pools.settle_all(actor=SYSTEM)
    assert (stock_of(variant), shares(variant)) == (21, {"north": 13, "south": 8, "fbe2": None})
    divide(False)


def test_what_cannot_be_divided() -> None:
    for name, refusal in (("own", NothingToDivide), ("emag-fbe", NothingToDivide), ("nowhere", NotFound)):
        with pytest.raises(refusal):
            pools.change_mode(pools.ChangeMode(name, True), actor=SYSTEM)
