"""Many checkouts of several lines at once, with everything else that locks mixed in (gate G3)."""

from __future__ import annotations

import queue
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

import psycopg
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.domain import errors
from magflow.domain.actors import Actor
from magflow.models import OrderItem
from magflow.services import checkout, checkout_in_bulk, orders, products, restock, stock, variants
from magflow.services.options import OptionInput

ACTOR: Final = Actor(kind="user", name="storm", door="admin")
HOT: Final = 20
"""Variants that everybody wants."""
RE_OPTIONED: Final = 8
"""Of those, how many belong to the one product whose options keep changing."""
ADDED: Final = "Material"


@dataclass(frozen=True)
class Ground:
    """What a storm goes over."""

    product: int
    colors: tuple[str, ...]
    variants: tuple[int, ...]
    confirmed: tuple[int, ...]
    pending: tuple[int, ...]
    doomed: tuple[int, ...]
    """Variants that will be removed for good; each is on one pending order."""


def prepare(connection: psycopg.Connection[Any], rnd: random.Random, checkouts: int) -> Ground:
    """Hot variants with plenty of stock, and pending orders of one to five of them in random order."""
    colors = tuple(f"Color {n}" for n in range(RE_OPTIONED))
    command = products.NewProduct("Storm", options=[OptionInput("Color", colors)])
    product = products.create(command, actor=ACTOR)
    ids = [
        variants.create_or_reactivate(
            variants.NewVariant(product.id, attributes={"stock": 10**6}, option_values=[("Color", color)]), actor=ACTOR
        ).variant.id
        for color in colors
    ]
    for n in range(HOT - RE_OPTIONED):
        other = products.create(products.NewProduct(f"Storm {n}"), actor=ACTOR)
        made = variants.create_or_reactivate(variants.NewVariant(other.id, attributes={"stock": 10**6}), actor=ACTOR)
        ids.append(made.variant.id)
    # Lines are stored in any order of their variants, as baskets are filled.
    rows = [(n, v) for n in range(checkouts) for v in rnd.sample(ids, rnd.randint(1, 5))]
    made_orders = [
        int(row[0])
        for row in connection.execute(
            "INSERT INTO orders (number) SELECT 'S' || %s::text || '-' || g FROM generate_series(1, %s) g RETURNING id",
            [product.id, checkouts],
        )
    ]
    connection.execute(
        "INSERT INTO order_items (order_id, variant_id, product_id, quantity) "
        "SELECT l.o, v.id, v.product_id, 1 FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS l (o, v, n) "
        "JOIN variants v ON v.id = l.v ORDER BY l.n",
        [[made_orders[n] for n, _ in rows], [v for _, v in rows]],
    )
    confirmed = made_orders[: checkouts // 10]
    for order in confirmed:
        checkout.finalize(checkout.FinalizeOrder(order), actor=ACTOR)
    pending = made_orders[len(confirmed) :]
    return Ground(product.id, colors, tuple(ids), tuple(confirmed), tuple(pending), _doomed(connection, rnd, pending))


def _doomed(connection: psycopg.Connection[Any], rnd: random.Random, pending: Sequence[int]) -> tuple[int, ...]:
    on = rnd.sample(pending, max(1, len(pending) // 10))
    rows = connection.execute(
        "WITH p AS (INSERT INTO products (name, handle) SELECT 'Doomed', gen_random_uuid() "
        "FROM generate_series(1, %s) RETURNING id) "
        "INSERT INTO variants (product_id, sku, price, stock, status) "
        "SELECT id, 'D' || id, 5, 9, 0 FROM p RETURNING id",
        [len(on)],
    ).fetchall()
    doomed = [int(row[0]) for row in rows]
    connection.execute(
        "INSERT INTO order_items (order_id, variant_id, product_id, quantity) "
        "SELECT l.o, v.id, v.product_id, 1 FROM unnest(%s::bigint[], %s::bigint[]) AS l (o, v) "
        "JOIN variants v ON v.id = l.v",
        [on, doomed],
    )
    return tuple(doomed)


def _work(ground: Ground, rnd: random.Random, mixed: bool) -> list[Callable[[], Any]]:
    """One checkout an order, and beside every ten of them one of each other kind."""
    work: list[Callable[[], Any]] = [partial(_finalize, order) for order in ground.pending]
    if not mixed:
        return work
    some = max(1, len(ground.pending) // 10)
    work += [partial(_cancel, order) for order in rnd.sample(ground.confirmed, min(some, len(ground.confirmed)))]
    for n in range(some):
        variant = rnd.choice(ground.variants)
        work += [
            partial(_adjust, variant, rnd.choice((-3, -1, 2, 5))),
            partial(_rename, variant, n),
            partial(_options, ground, rnd.random() < 0.5),
            partial(_finalize_many, tuple(rnd.sample(ground.pending, min(3, len(ground.pending))))),
            partial(_reprice, variant, n),
            partial(_add_item, rnd.choice(ground.pending), variant),
            partial(_change_variant, rnd.choice(ground.pending), variant),
            partial(_take_back, rnd.choice(ground.confirmed)),
            partial(_delete, ground.doomed[n % len(ground.doomed)]),
        ]
    rnd.shuffle(work)
    return work


def _finalize(order: int) -> None:
    checkout.finalize(checkout.FinalizeOrder(order), actor=ACTOR)


def _finalize_many(order_ids: tuple[int, ...]) -> None:
    checkout_in_bulk.finalize_many(checkout_in_bulk.FinalizeOrders(order_ids), actor=ACTOR)


def _reprice(variant: int, number: int) -> None:
    variants.edit(variants.EditVariant(variant, {"price": Decimal(number + 1)}), actor=ACTOR)


def _cancel(order: int) -> None:
    restock.cancel(restock.CancelOrder(order), actor=ACTOR)


def _adjust(variant: int, delta: int) -> None:
    stock.adjust(stock.AdjustStock(variant, "storm", delta=delta), actor=ACTOR)


def _rename(variant: int, number: int) -> None:
    variants.edit(variants.EditVariant(variant, {"sku": f"R{variant}-{number}"}), actor=ACTOR)


def _add_item(order: int, variant: int) -> None:
    orders.add_item(orders.AddItem(order, orders.NewItem(1, variant_id=variant)), actor=ACTOR)


def _change_variant(order: int, variant: int) -> None:
    """The order's first line becomes this variant."""
    [line] = db.session.scalars(select(OrderItem.id).where(OrderItem.order_id == order).order_by(OrderItem.id).limit(1))
    db.session.rollback()
    orders.change_item_variant(orders.ChangeItemVariant(order, line, variant), actor=ACTOR)


def _take_back(order: int) -> None:
    """Everything that is still out."""
    restock.restock(restock.RestockOrder(order, "storm"), actor=ACTOR)


def _delete(variant: int) -> None:
    variants.delete_for_good(variant, actor=ACTOR)


def _options(ground: Ground, extra: bool) -> None:
    """Take an option type on or off: every digest of the product is looked at, and its variants locked."""
    options = [OptionInput("Color", ground.colors), *([OptionInput(ADDED, ("Wood",))] if extra else [])]
    products.set_options(products.SetOptions(ground.product, options), actor=ACTOR)


def storm(app: Flask, ground: Ground, rnd: random.Random, *, connections: int = 12, mixed: bool = True) -> Counter[str]:
    """Let it blow. Returns how often each answer came; everything that is no documented answer is raised."""
    todo: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
    for piece in _work(ground, rnd, mixed):
        todo.put(piece)
    answers: Counter[str] = Counter()
    faults: list[Exception] = []
    barrier = threading.Barrier(connections)

    def till() -> None:
        with app.app_context():
            barrier.wait()
            while not faults:
                try:
                    todo.get_nowait()()
                except queue.Empty:
                    return
                except errors.Refused as refused:
                    kind = refused.cause if isinstance(refused, errors.RetryLater) else refused.code
                    answers[kind] += 1
                except Exception as fault:  # noqa: BLE001 - shown by the thread that waits for us
                    faults.append(fault)
                else:
                    answers["ok"] += 1

    threads: Sequence[threading.Thread] = [threading.Thread(target=till) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return answers
