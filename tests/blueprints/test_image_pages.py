"""Pictures on the pages of products and variants, and what else the page of a variant tells."""

from __future__ import annotations

import io
import re
from typing import Any

from flask import Flask

from magflow.db import db
from magflow.domain.pictures import picture
from magflow.models import Image
from magflow.queries import images as shown
from magflow.services import images, variants
from magflow.services.images import NewImage
from tests.blueprints.conftest import Clerk, words
from tests.pictures import opened, picture_file
from tests.shop import ANA, finalize, make_order, make_product, make_variant


def add(product_id: int | None = None, variant_id: int | None = None, colour: str = "#c04020") -> Image:
    sent = picture(picture_file(colour=colour))
    return images.add(NewImage(sent, product_id, variant_id), actor=ANA).image


def address(image: Image, size: str = "large") -> str:
    return f"/products/images/{image.id}/{image.sha256}/{size}"


def upload(clerk: Clerk, path: str, *files: tuple[bytes, str], **fields: str) -> Any:
    return clerk.send(path, file=[(io.BytesIO(data), name) for data, name in files], **fields)


def of_place(product_id: int, variant_id: int | None = None) -> list[Image]:
    db.session.rollback()
    return list(shown.of_place(db.session(), product_id, variant_id))


def test_a_picture_is_served_by_magflow_itself_to_be_kept_for_ever(app: Flask, owner_page: Clerk) -> None:
    image = add(make_product().id)
    for size in ("large", "thumbnail"):
        answer = owner_page.browser.get(address(image, size))
        assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == f'inline; filename="image-{image.id}.jpg"'
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert opened(answer.data).size == (60, 40)
    again = owner_page.browser.get(
        address(image), headers={"If-None-Match": answer.headers["ETag"].replace("thumbnail", "large")}
    )
    assert again.status_code == 304
    assert owner_page.browser.get(address(image).replace(image.sha256, "0" * 64)).status_code == 404
    assert owner_page.browser.get(address(image) + "r").status_code == 404


def test_several_pictures_are_uploaded_at_once_and_the_wrong_ones_are_named(app: Flask, owner_page: Clerk) -> None:
    product = make_product()
    good = [(picture_file(colour=colour), f"{colour}.jpg") for colour in ("#102030", "#302010")]
    answer = upload(owner_page, f"/products/{product.id}/images", *good, (b"<svg/>", "logo.svg"), (b"", "empty.png"))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/products/{product.id}#images"
    assert len(of_place(product.id)) == 2
    said = words(owner_page.get(f"/products/{product.id}"))
    assert "2 pictures added." in said
    assert "logo.svg: This is not a JPEG, PNG or WebP picture" in said
    assert "empty.png: The file is empty." in said


def test_nothing_chosen_is_told_and_the_same_picture_is_recognised(app: Flask, owner_page: Clerk) -> None:
    variant = make_variant()
    path = f"/products/variants/{variant.id}/images"
    upload(owner_page, path)
    assert "Choose a picture first." in words(owner_page.get(f"/products/variants/{variant.id}"))
    for _ in range(2):
        upload(owner_page, path, (picture_file(), "mug.jpg"))
    assert "This picture is here already." in words(owner_page.get(f"/products/variants/{variant.id}"))
    assert len(of_place(variant.product_id, variant.id)) == 1


def test_the_key_of_a_form_stands_for_its_files_too(app: Flask, owner_page: Clerk) -> None:
    """Back in the browser, another file chosen, sent again: the second file is not taken for the first."""
    product = make_product()
    for colour in ("#102030", "#302010", "#302010"):
        upload(owner_page, f"/products/{product.id}/images", (picture_file(colour=colour), "a.jpg"), form_key="k" * 24)
    assert len(of_place(product.id)) == 1
    assert "sent before with other values" in words(owner_page.get(f"/products/{product.id}"))


def test_pictures_are_moved_described_and_deleted(app: Flask, owner_page: Clerk) -> None:
    product = make_product()
    first, second = add(product.id, colour="#102030"), add(product.id, colour="#302010")
    owner_page.send(f"/products/images/{first.id}/move", to=1)
    assert [image.id for image in of_place(product.id)] == [second.id, first.id]
    owner_page.send(f"/products/images/{first.id}/alt", alt_text="A mug", version=1)
    owner_page.send(f"/products/images/{first.id}/alt", alt_text="Another", version=1)
    assert of_place(product.id)[1].alt_text == "A mug"
    page = owner_page.get(f"/products/{product.id}")
    assert "Somebody changed this text meanwhile" in words(page)
    assert 'alt="A mug"' in page

    asked = owner_page.send(f"/products/images/{second.id}/delete")
    assert asked.status_code == 200 and "Delete this picture?" in words(asked)
    assert owner_page.send(f"/products/images/{second.id}/delete", agreed="yes").status_code == 303
    assert [image.position for image in of_place(product.id)] == [0]


def test_lists_show_the_first_picture(app: Flask, owner_page: Clerk) -> None:
    product = make_product(options={"Color": ["Red", "Blue"]})
    red = make_variant(product, values=[("Color", "Red")])
    make_variant(product, values=[("Color", "Blue")])
    shared, own = add(product.id, colour="#102030"), add(variant_id=red.id, colour="#302010")
    assert address(shared, "thumbnail") in owner_page.get("/products")
    page = owner_page.get(f"/products/{product.id}")
    assert page.count(f'class="thumb" src="{address(shared, "thumbnail")}"') == 1
    assert page.count(f'class="thumb" src="{address(own, "thumbnail")}"') == 1


def test_who_may_only_look_sees_pictures_and_changes_none(app: Flask, viewer: Clerk) -> None:
    product = make_product()
    image = add(product.id)
    page = viewer.get(f"/products/{product.id}")
    assert address(image, "thumbnail") in page
    assert "data-upload " not in page and f"/products/images/{image.id}/delete" not in page
    for path in (f"/products/{product.id}/images", f"/products/images/{image.id}/delete"):
        assert viewer.send(path, agreed="yes").status_code == 403
    assert len(of_place(product.id)) == 1


def test_the_page_of_a_variant_tells_its_story(app: Flask, owner_page: Clerk) -> None:
    product = make_product(options={"Color": ["Red", "Blue"]})
    red = make_variant(product, values=[("Color", "Red")], price="10.00", stock=5)
    variants.edit(variants.EditVariant(red.id, {"title": "Rosso", "ean": "5901234123457"}), actor=ANA)
    order = make_order((red, 2))
    finalize(order)
    path = f"/products/variants/{red.id}"
    said = words(owner_page.get(path))
    assert "Title Red → Rosso" in said
    assert "Barcode (EAN) — → 5901234123457" in said
    assert f"{order.number} × 2 Confirmed" in said
    assert "Still free: Blue" in said

    owner_page.send(f"{path}/external-ids", source="emag", source_account="main", external_id="X-77")
    page = owner_page.get(path)
    assert "emag · main X-77" in words(page)
    known = re.search(rf"{path}/external-ids/(\d+)/delete", page)
    assert known is not None
    assert "no longer finds this variant" in words(owner_page.send(known[0]))
    owner_page.send(known[0], agreed="yes")
    assert "Known under no other id" in words(owner_page.get(path))


def test_a_free_combination_is_chosen_by_its_address(app: Flask, owner_page: Clerk) -> None:
    product = make_product(options={"Color": ["Red", "Blue"], "Size": ["S", "M"]})
    make_variant(product, values=[("Color", "Red"), ("Size", "S")])
    page = owner_page.get(f"/products/{product.id}/variants/new")
    links = re.findall(r'class="chip" href="([^"]+)"', page)
    assert len(links) == 3
    chosen = owner_page.get(links[-1].replace("&amp;", "&"))
    assert re.findall(r"<option[^>]* selected>([^<]+)<", chosen) == ["Blue", "M"]


def test_a_taken_combination_marks_every_field_that_differs(app: Flask, owner_page: Clerk) -> None:
    product = make_product(options={"Color": ["Red"]})
    red = [("Color", "Red")]
    make_variant(product, values=red, sku="NOW", price="11.00", stock=3, title="Same")
    draft = make_variant(product, values=red, sku="THEN", price="11.00", title="Same", vat_rate=9, active=False)
    taken = owner_page.send(
        f"/products/variants/{draft.id}/activate", version=draft.version, back="product", agreed="yes"
    )
    page = taken.get_data(as_text=True)
    differing = re.findall(r'<tr class="differs">\s*<th scope="row">([^<]+?) <', page)
    assert differing == ["Stock", "VAT rate"]
