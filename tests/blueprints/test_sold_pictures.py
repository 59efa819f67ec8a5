"""What a line showed when it was written: it stays, whatever becomes of the variant's pictures, and of the variant."""

from __future__ import annotations

import re

from flask import Flask

from magflow.domain.pictures import picture
from magflow.models import Order
from magflow.services import images, orders, stock, variants
from magflow.services.images import NewImage
from magflow.services.orders import ChangeItemVariant
from tests.blueprints.conftest import Clerk, words
from tests.pictures import opened, picture_file
from tests.services.looking import rows
from tests.shop import ANA, finalize, items_of, make_order, make_product, make_variant
from tests.web.conftest import make_token

RED, BLUE, GREEN = (picture(picture_file(colour=colour)) for colour in ("#c00000", "#0000c0", "#00c000"))


def shown(clerk: Clerk, order: Order) -> list[tuple[int, int, int]]:
    """The colours of the pictures on an order's page, in the order of its lines."""
    page = clerk.browser.get(f"/orders/{order.id}").get_data(as_text=True)
    colours = []
    for address in re.findall(r'src="(/orders/pictures/\d+)"', page):
        answer = clerk.browser.get(address)
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
        colours.append(opened(answer.get_data()).convert("RGB").getpixel((5, 5)))
    return [tuple(round(part / 64) for part in colour) for colour in colours]  # type: ignore[misc]


def test_a_line_shows_what_it_showed(app: Flask, owner_page: Clerk) -> None:
    product = make_product(options={"Size": ["S", "L"]})
    small = make_variant(product, values=[("Size", "S")], stock=3)
    large = make_variant(product, values=[("Size", "L")], stock=3)
    images.add(NewImage(RED, product_id=product.id), actor=ANA)
    own = images.add(NewImage(BLUE, variant_id=large.id), actor=ANA).image
    plain = make_variant(stock=3)
    order = make_order((small, 1), (large, 1), (plain, 1))
    red, blue, green = (3, 0, 0), (0, 0, 3), (0, 3, 0)
    assert shown(owner_page, order) == [red, blue]
    finalize(order)

    images.remove(own.id, actor=ANA)
    images.add(NewImage(GREEN, variant_id=large.id), actor=ANA)
    assert shown(owner_page, make_order((large, 1))) == [green]
    assert shown(owner_page, order) == [red, blue], "its own picture is gone from the catalogue, not from the order"
    answer = owner_page.browser.get(f"/orders/pictures/{own.id}")
    again = owner_page.browser.get(f"/orders/pictures/{own.id}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_picture_goes_with_its_variant_and_stays_with_what_was_sold(app: Flask, owner_page: Clerk) -> None:
    mug, cup = make_variant(stock=1), make_variant(stock=1)
    sold = images.add(NewImage(RED, variant_id=mug.id), actor=ANA).image
    unsold = images.add(NewImage(BLUE, variant_id=cup.id), actor=ANA).image
    order = make_order((cup, 1))
    [line] = items_of(order)
    orders.change_item_variant(ChangeItemVariant(order.id, line.id, mug.id), actor=ANA)
    assert shown(owner_page, order) == [(3, 0, 0)], "another variant, another picture"
    finalize(order)
    stock.adjust(stock.AdjustStock(cup.id, "gone", set_to=0, expected=1), actor=ANA)
    for variant in (mug, cup):
        variants.delete_for_good(variant.id, actor=ANA)
    assert shown(owner_page, order) == [(3, 0, 0)]
    told = owner_page.get(f"/orders/{order.id}")
    assert f"The variant of a line was removed for good: {mug.sku}" in words(told)
    kept = "SELECT image_id FROM sold_pictures WHERE image_id IN (:sold, :unsold)"
    assert rows(kept, sold=sold.id, unsold=unsold.id) == [(sold.id,)], "nobody was sold the other"
    assert owner_page.browser.get(f"/orders/pictures/{unsold.id}").status_code == 404


def test_the_api_names_the_picture_of_a_line(app: Flask) -> None:
    mug, plain = make_variant(stock=3), make_variant(stock=3)
    own = images.add(NewImage(RED, variant_id=mug.id), actor=ANA).image
    order = make_order((mug, 1), (plain, 1))
    client, head = app.test_client(), {"Authorization": f"Bearer {make_token(app, 'orders:read', 'orders:write')}"}
    read = client.get(f"/api/v1/orders/{order.id}", headers=head).get_json()["data"]["items"]
    done = client.post(f"/api/v1/orders/{order.id}/finalize", headers=head).get_json()["data"]["items"]
    address = f"/api/v1/orders/pictures/{own.id}"
    assert [[line["image_url"] for line in items] for items in (read, done)] == [[address, None]] * 2
    images.remove(own.id, actor=ANA)
    kept = client.get(address, headers=head)
    assert (kept.status_code, opened(kept.get_data()).convert("RGB").getpixel((5, 5))[0] > 128) == (200, True)
    assert client.get(address).status_code == 401
    assert client.get("/api/v1/orders/pictures/999999999", headers=head).status_code == 404
