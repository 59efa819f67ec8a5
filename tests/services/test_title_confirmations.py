"""Thousands of titles confirmed by a worker, exactly as they were shown; or nothing."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text

from magflow.blueprints.variants import tasks
from magflow.db import db
from magflow.domain.errors import StaleVersion
from magflow.models import Product, TitleConfirmation
from magflow.services import title_confirmations, title_reading
from magflow.services.title_confirmations import confirmation, suggested
from magflow.services.title_reading import ConfirmByConfidence, Confirmed
from tests.services.looking import rows
from tests.shop import ANA, make_product

BARE = "SELECT count(*) FROM variants WHERE product_id = :id AND options_digest IS NULL"


def bottles(count: int) -> Product:
    """A product with so many drafts that came without options; each title names a volume that is offered."""
    product = make_product(options={"Volume": [f"{n} ml" for n in range(1, count + 1)]})
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO variants (product_id, sku, title, status) "
                "SELECT :id, 'B-' || n, 'Bottle ' || n || ' ml', 1 FROM generate_series(1, :count) n"
            ),
            {"id": product.id, "count": count},
        )
    return product


def ask(product: Product) -> ConfirmByConfidence:
    taken, looked = suggested(db.session(), product.id, "likely")
    db.session.rollback()
    assert len(taken) == looked
    return ConfirmByConfidence("likely", product.id, False, title_reading.fingerprint(taken))


def test_thousands_are_confirmed_as_they_were_shown(app: Flask) -> None:
    product = bottles(1_050)
    command = ask(product)
    queued = title_confirmations.start(command, actor=ANA)
    assert isinstance(queued, TitleConfirmation)
    assert rows(BARE, id=product.id) == [(1_050,)]

    tasks.confirm_titles(confirmation_id=queued.id, actor="ana@shop.example")
    tasks.confirm_titles(confirmation_id=queued.id, actor="a job that came late changes nothing")

    done = confirmation(db.session(), queued.id)
    assert (done.status, done.confirmed, done.done, done.refused) == ("done", 1_050, 1_050, [])
    db.session.rollback()
    assert rows(BARE, id=product.id) == [(0,)]


def test_what_changed_meanwhile_stops_it_and_nothing_is_confirmed(app: Flask) -> None:
    product = bottles(1_020)
    queued = title_confirmations.start(ask(product), actor=ANA)
    assert isinstance(queued, TitleConfirmation)
    with db.engine.begin() as connection:
        renamed = (
            "UPDATE variants SET title = 'Bottle 7 ml', version = version + 1 WHERE product_id = :id AND sku = 'B-9'"
        )
        connection.execute(text(renamed), {"id": product.id})
    tasks.confirm_titles(confirmation_id=queued.id, actor="ana@shop.example")
    failed = confirmation(db.session(), queued.id)
    assert (failed.status, (failed.error or {}).get("code")) == ("failed", "stale_version")
    db.session.rollback()
    assert rows(BARE, id=product.id) == [(1_020,)]


def test_a_few_are_confirmed_at_once(app: Flask) -> None:
    product = bottles(5)
    with pytest.raises(StaleVersion):
        title_confirmations.start(ConfirmByConfidence("likely", product.id, False, "0"), actor=ANA)
    done = title_confirmations.start(ask(product), actor=ANA)
    assert isinstance(done, Confirmed)
    assert (done.confirmed, rows(BARE, id=product.id)) == (5, [(0,)])


def test_what_nobody_looked_at_is_confirmed_a_thousand_at_a_time(app: Flask) -> None:
    """A program asks: the job goes through everything, and one that was cut off goes on where it stood."""
    product = bottles(2_050)
    with db.engine.begin() as connection:
        unclear = "UPDATE variants SET title = 'Bottle' WHERE product_id = :id AND sku LIKE 'B-_'"
        connection.execute(text(unclear), {"id": product.id})
    queued = title_confirmations.start(ConfirmByConfidence("likely", product.id), actor=ANA)
    assert isinstance(queued, TitleConfirmation) and queued.total == 2_050

    title_confirmations.begin(queued.id, actor=ANA)
    title_confirmations.confirm_some(queued.id, 0, actor=ANA)
    assert rows(BARE, id=product.id) == [(1_059,)]
    tasks.confirm_titles(confirmation_id=queued.id, actor="ana@shop.example")
    tasks.confirm_titles(confirmation_id=queued.id, actor="a job that came late changes nothing")

    done = confirmation(db.session(), queued.id)
    assert (done.status, done.confirmed, done.done, done.total) == ("done", 2_041, 1_059, 1_059)
    db.session.rollback()
    assert rows(BARE, id=product.id) == [(9,)]
