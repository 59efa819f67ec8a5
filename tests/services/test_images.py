"""Pictures of products and variants: in order, without gaps, recognised when they come again."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import event, select

from magflow.db import db
from magflow.domain.errors import Invalid, NotFound, StaleVersion
from magflow.domain.pictures import picture
from magflow.models import AuditEntry, Image, ImageFile
from magflow.queries import audit
from magflow.queries import images as shown
from magflow.services import external_ids, images, variants
from magflow.services.images import EditImage, NewImage
from tests.pictures import picture_file
from tests.shop import ANA, make_product, make_variant

COLOURS = ("#100000", "#200000", "#300000", "#400000")
PICTURES = [picture(picture_file(colour=colour)) for colour in COLOURS]

pytestmark = pytest.mark.usefixtures("app")


def add(number: int = 0, *, product_id: int | None = None, variant_id: int | None = None) -> Image:
    return images.add(NewImage(PICTURES[number], product_id, variant_id), actor=ANA).image


def order_of(product_id: int, variant_id: int | None = None) -> list[int]:
    """The ids of a place's pictures in order; their positions have no gaps."""
    db.session.rollback()
    rows = shown.of_place(db.session(), product_id, variant_id)
    assert [row.position for row in rows] == list(range(len(rows)))
    return [row.id for row in rows]


def test_shared_pictures_and_those_of_a_variant_are_apart() -> None:
    product = make_product()
    variant = make_variant(product)
    shared, own = add(product_id=product.id), add(variant_id=variant.id)
    assert (shared.variant_id, own.variant_id, own.product_id) == (None, variant.id, product.id)
    assert (shared.position, own.position) == (0, 0)
    assert order_of(product.id) == [shared.id]
    assert order_of(product.id, variant.id) == [own.id]


def test_the_same_file_again_changes_nothing() -> None:
    product = make_product()
    first = images.add(NewImage(PICTURES[0], product.id), actor=ANA)
    again = images.add(NewImage(PICTURES[0], product.id), actor=ANA)
    assert (first.created, again.created) == (True, False)
    assert again.image.id == first.image.id
    assert len(order_of(product.id)) == 1


@pytest.mark.parametrize(
    ("moved", "to", "expected"), [(0, 2, [1, 2, 0, 3]), (3, 0, [3, 0, 1, 2]), (1, 50, [0, 2, 3, 1])]
)
def test_a_picture_moves_and_the_others_close_up(moved: int, to: int, expected: list[int]) -> None:
    product = make_product()
    ids = [add(number, product_id=product.id).id for number in range(4)]
    image = images.edit(EditImage(ids[moved], {"position": to}), actor=ANA)
    assert order_of(product.id) == [ids[number] for number in expected]
    assert image.position == expected.index(moved)


def test_deleting_closes_the_gap_and_takes_the_bytes() -> None:
    product = make_product()
    ids = [add(number, product_id=product.id).id for number in range(3)]
    images.remove(ids[0], actor=ANA)
    assert order_of(product.id) == ids[1:]
    assert db.session.scalars(select(ImageFile.image_id).where(ImageFile.image_id.in_(ids))).all() == ids[1:]
    with pytest.raises(NotFound):
        images.remove(ids[0], actor=ANA)


def test_an_alt_text_of_somebody_else_is_not_written_over() -> None:
    image = add(product_id=make_product().id)
    images.edit(EditImage(image.id, {"alt_text": "A red mug"}, seen_version=1), actor=ANA)
    with pytest.raises(StaleVersion) as stale:
        images.edit(EditImage(image.id, {"alt_text": "A mug"}, seen_version=1), actor=ANA)
    assert stale.value.changed == {"alt_text": "A red mug"}


def test_a_place_has_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_IMAGES", 2)
    product = make_product()
    for number in range(2):
        add(number, product_id=product.id)
    with pytest.raises(Invalid) as full:
        add(2, product_id=product.id)
    assert full.value.errors[0].code == "images_full"


def test_pictures_belong_to_something_that_is_there() -> None:
    for place in ({"product_id": 10**9}, {"variant_id": 10**9}):
        with pytest.raises(NotFound):
            add(**place)
    with pytest.raises(Invalid):
        images.add(NewImage(PICTURES[0]), actor=ANA)


def test_the_audit_tells_of_pictures_without_their_bytes() -> None:
    variant = make_variant()
    image = add(variant_id=variant.id)
    images.edit(EditImage(image.id, {"alt_text": "Red"}), actor=ANA)
    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.table_name == "images", AuditEntry.row_id == str(image.id))
    ).all()
    assert [entry.action for entry in entries] == ["insert", "update"]
    assert "large" not in entries[0].new and entries[0].new["sha256"] == PICTURES[0].sha256  # type: ignore[operator, index]
    assert entries[1].new == {"alt_text": "Red", "version": 2}


def test_a_variants_history_has_its_pictures_and_names_also_those_that_are_gone() -> None:
    variant = make_variant()
    image = add(variant_id=variant.id)
    known = external_ids.add(external_ids.NewExternalId(variant.id, "feed", "main", f"X{variant.id}"), actor=ANA).known
    external_ids.remove(external_ids.ForgetExternalId(variant.id, known.id), actor=ANA)
    variants.edit(variants.EditVariant(variant.id, {"title": "Red"}), actor=ANA)
    images.edit(EditImage(add(1, variant_id=variant.id).id, {"position": 0}), actor=ANA)
    images.remove(image.id, actor=ANA)
    told = [(entry.table_name, entry.action) for entry in audit.history_of_variant(db.session(), variant.id)]
    assert told[:6] == [
        ("images", "delete"),
        ("images", "insert"),
        ("variants", "update"),
        ("variant_external_ids", "delete"),
        ("variant_external_ids", "insert"),
        ("images", "insert"),
    ]
    assert told[-1] == ("variants", "insert")


def test_the_first_pictures_of_a_list_are_one_statement(app: Flask) -> None:
    products = [make_product() for _ in range(4)]
    pairs = [(product, make_variant(product)) for product in products]
    shared = add(product_id=products[0].id)
    own = add(1, variant_id=pairs[1][1].id)
    both = [add(2, product_id=products[2].id), add(3, variant_id=pairs[2][1].id)]
    db.session.rollback()
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        covers = shown.covers_of_products(db.session(), [product.id for product in products])
        of_variants = shown.covers_of_variants(db.session(), [variant.id for _product, variant in pairs])
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len([statement for statement in sent if "images" in statement]) == 2
    assert [covers[p.id].id if p.id in covers else None for p in products] == [shared.id, own.id, both[0].id, None]
    assert [of_variants[v.id].id if v.id in of_variants else None for _p, v in pairs] == [
        shared.id, own.id, both[1].id, None,
    ]  # fmt: skip
