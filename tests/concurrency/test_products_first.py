"""Whoever will need a product waits for it while he holds nothing that a change of its options waits for.

A change of options holds the product and then wants its variants. A service that held an order or a variant by then,
and had a foreign key ask for the product, closed a circle: seldom, and only under load. Here it is stopped on its way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.domain.bulk_edit import Rule
from magflow.domain.grid import RowEdit, Typed
from magflow.models import Order, OrderItem, Variant
from magflow.services import bulk_edit, external_ids, feeds, grid, order_intake, order_split, orders, variants
from tests.conftest import ShopDatabase
from tests.shop import ANA, make_order, make_variant

Service = Callable[[Variant, Variant, Order], Any]


def _item(variant: Variant) -> orders.NewItem:
    return orders.NewItem(1, variant_id=variant.id)


def create(wanted: Variant, _other: Variant, _order: Order) -> Any:
    return orders.create(orders.NewOrder([_item(wanted)]), actor=ANA)


def take(wanted: Variant, _other: Variant, _order: Order) -> Any:
    return order_intake.take(order_intake.TakeOrders([orders.NewOrder([_item(wanted)])], finalize=True), actor=ANA)


def add_item(wanted: Variant, _other: Variant, order: Order) -> Any:
    return orders.add_item(orders.AddItem(order.id, _item(wanted)), actor=ANA)


def add_item_by_sku(wanted: Variant, _other: Variant, order: Order) -> Any:
    return orders.add_item(orders.AddItem(order.id, orders.NewItem(1, sku=wanted.sku)), actor=ANA)


def change_item_variant(wanted: Variant, other: Variant, order: Order) -> Any:
    line = select(OrderItem.id).where(OrderItem.order_id == order.id, OrderItem.variant_id == other.id)
    command = orders.ChangeItemVariant(order.id, db.session.scalars(line).one(), variant_id=wanted.id)
    db.session.remove()
    return orders.change_item_variant(command, actor=ANA)


def split(_wanted: Variant, _other: Variant, order: Order) -> Any:
    return order_split.split(order_split.SplitOrder(order.id), actor=ANA)


def edit(wanted: Variant, _other: Variant, _order: Order) -> Any:
    changes = {"stock": 9, "price": Decimal(9)}
    return variants.edit(variants.EditVariant(wanted.id, changes, expected_stock=wanted.stock), actor=ANA)


def save_cells(wanted: Variant, _other: Variant, _order: Order) -> Any:
    cells = {"stock": Typed("9", seen=str(wanted.stock)), "price": Typed("9", seen=str(wanted.price))}
    return grid.save_cells(grid.SaveCells(wanted.product_id, [RowEdit(wanted.id, wanted.version, cells)]), actor=ANA)


def feed(wanted: Variant, _other: Variant, _order: Order) -> Any:
    news = feeds.FeedRecord("feed", "main", _external_id(wanted), wanted.product_id, price=Decimal(9), stock=9)
    return feeds.sync_variant(news, actor=ANA)


def bulk(wanted: Variant, other: Variant, _order: Order) -> Any:
    selection = bulk_edit.Selection(ids=(wanted.id, other.id))
    rules = (Rule("stock", "set", Decimal(9)), Rule("price", "set", Decimal(9)))
    plan = bulk_edit.preview(db.session(), selection, rules)
    db.session.remove()
    return bulk_edit.start(bulk_edit.EditInBulk(selection, rules, plan.fingerprint), actor=ANA)


def _external_id(variant: Variant) -> str:
    return f"F{variant.id}"


@pytest.mark.parametrize(
    "service", [create, take, add_item, add_item_by_sku, change_item_variant, split, edit, save_cells, feed, bulk]
)
def test_nothing_is_held_while_a_product_is_waited_for(
    busy_app: Flask, database: ShopDatabase, admin: psycopg.Connection[Any], service: Service
) -> None:
    with busy_app.app_context():
        wanted, other = make_variant(stock=2), make_variant(stock=5)
        external_ids.add(external_ids.NewExternalId(wanted.id, "feed", "main", _external_id(wanted)), actor=ANA)
        # The split moves units of a product that is waited for; the others bring them onto an order without any.
        order = make_order((other, 1), *([(wanted, 3)] if service is split else []))
        db.session.remove()

    def call() -> Any:
        with busy_app.app_context():
            return service(wanted, other, order)

    with psycopg.connect(database.admin_dsn) as options, ThreadPoolExecutor(1) as thread:
        options.execute("SELECT FROM products WHERE id = %s FOR UPDATE", [wanted.product_id])
        done = thread.submit(call)
        _wait_for_one_who_waits(admin, database.name)
        with psycopg.connect(database.admin_dsn) as rest:
            rest.execute("SELECT FROM orders WHERE id = %s FOR UPDATE NOWAIT", [order.id])
            rest.execute("SELECT FROM variants WHERE id = ANY(%s) FOR UPDATE NOWAIT", [[wanted.id, other.id]])
            rest.rollback()
        options.rollback()
        assert done.result(timeout=30)


def _wait_for_one_who_waits(admin: psycopg.Connection[Any], database: str) -> None:
    deadline = time.monotonic() + 20
    while not admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", [database]
    ).fetchone():
        assert time.monotonic() < deadline, "nobody waits for the product"
        time.sleep(0.005)
