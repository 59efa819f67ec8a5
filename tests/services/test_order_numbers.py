"""Order numbers: unique, in series, drawn by many at once without waiting; what is missing among them is known."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.errors import AlreadyTaken, Invalid, NotFound
from magflow.queries import order_numbers
from magflow.services import order_intake, order_series, orders
from magflow.services.order_series import AddSeries
from magflow.services.orders import NewItem, NewOrder
from tests.gates import scenarios
from tests.shop import ANA, make_order, make_variant

pytestmark = pytest.mark.usefixtures("app")


def test_a_source_has_its_own_series_and_gaps_are_known(app: Flask) -> None:
    assert order_series.add(AddSeries("em", "eMAG", "emag"), actor=ANA) == "EM"
    first = make_order(source="emag")
    with pytest.raises(NotFound):
        orders.create(NewOrder([NewItem(1, 987654321)], source="emag"), actor=ANA)
    many = [NewOrder([NewItem(1, make_variant().id)], source="emag", external_id=str(n % 2)) for n in range(3)]
    taken = order_intake.take(order_intake.TakeOrders(many), actor=ANA)
    own = make_order()
    assert first.number.startswith("EM-") and first.number.endswith("-000001") and own.number.startswith("MF-")
    assert [str(one.number)[:3] for one in taken] == ["EM-"] * 3 and taken[2].known
    found = {one.code: one for one in order_numbers.series(db.session())}
    db.session.remove()
    there = {first.number, *(one.number for one in taken)}
    last = {int(str(number).rsplit("-", 1)[1]) for number in there}
    assert set(found["EM"].gaps) == set(range(1, found["EM"].given + 1)) - last
    with pytest.raises(AlreadyTaken):
        order_series.add(AddSeries("EM", "again"), actor=ANA)
    with pytest.raises(Invalid):
        order_series.add(AddSeries("1", "no"), actor=ANA)


def test_many_at_once_get_different_numbers(app: Flask) -> None:
    taken = scenarios.side_by_side(app, *[lambda: [make_order().number for _ in range(10)]] * 6)
    numbers = [number for some in taken for number in some]
    assert len(set(numbers)) == 60
