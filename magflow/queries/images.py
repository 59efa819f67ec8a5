"""Pictures of products and variants; and for a list, the first picture of each of its rows, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, func, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from magflow.db import any_of
from magflow.domain.errors import NotFound
from magflow.models import Image, ImageFile, Product, SoldPicture, Variant

__all__ = ["SIZES", "Cover", "Image", "Images", "Size", "content", "covers_of_products", "covers_of_variants",
           "listed", "of_place", "one", "sold"]  # fmt: skip

Size = Literal["large", "thumbnail"]
SIZES: Final[tuple[Size, ...]] = ("large", "thumbnail")


class Cover(NamedTuple):
    """The picture that stands for a product or a variant in a list."""

    id: int
    sha256: str
    alt_text: str | None


class Key(NamedTuple):
    """Where a page of pictures begins: variant (0 for a shared one), position, id."""

    variant: int
    position: int
    id: int


@dataclass(frozen=True)
class Images:
    """Some pictures. `next_key` is what to ask after for more, None at the end."""

    rows: Sequence[Image]
    total: int
    next_key: Key | None


def of_place(session: Session, product_id: int, variant_id: int | None = None) -> Sequence[Image]:
    """The pictures that a product's variants share, or those of one variant alone, in order."""
    return session.scalars(
        select(Image)
        .where(Image.product_id == product_id, Image.variant_id.is_not_distinct_from(variant_id))
        .order_by(Image.position, Image.id)
    ).all()


def listed(session: Session, where: ColumnElement[bool], *, after: Key | None = None, limit: int = 50) -> Images:
    """Pictures, the shared ones of a product first, then variant by variant, each place in its order."""
    statement = select(Image).where(where)
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    key: tuple[Any, ...] = (func.coalesce(Image.variant_id, 0), Image.position, Image.id)
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*after))
    rows = session.scalars(statement.order_by(*key).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    return Images(rows, total, Key(rows[-1].variant_id or 0, rows[-1].position, rows[-1].id) if more else None)


def one(session: Session, image_id: int) -> Image:
    """One picture. Raises NotFound."""
    found = session.get(Image, image_id, populate_existing=True)
    if found is None:
        raise NotFound("image", image_id)
    return found


def content(session: Session, image_id: int, size: Size, sha256: str | None = None) -> tuple[Image, bytes]:
    """A picture with its bytes; with `sha256` only that very one. Raises NotFound."""
    statement = (
        select(Image, getattr(ImageFile, size))
        .join(ImageFile, ImageFile.image_id == Image.id)
        .where(Image.id == image_id)
    )
    if sha256 is not None:
        statement = statement.where(Image.sha256 == sha256)
    found = session.execute(statement).first()
    if found is None:
        raise NotFound("image", image_id)
    return found[0], found[1]


def sold(session: Session, image_id: int) -> tuple[str, bytes]:
    """Content type and small form of a picture that a line of an order showed, whether or not it still stands.

    Raises NotFound.
    """
    there = (
        select(Image.content_type, ImageFile.thumbnail)
        .join(ImageFile, ImageFile.image_id == Image.id)
        .where(Image.id == image_id)
    )
    kept = select(SoldPicture.content_type, SoldPicture.thumbnail).where(SoldPicture.image_id == image_id)
    found = session.execute(there.union_all(kept).limit(1)).first()
    if found is None:
        raise NotFound("image", image_id)
    return found[0], found[1]


def covers_of_products(session: Session, product_ids: Sequence[int]) -> dict[int, Cover]:
    """The first picture of each of these products, a shared one before those of its variants; in one statement."""
    first = (
        select(Image.id, Image.sha256, Image.alt_text)
        .where(Image.product_id == Product.id)
        .order_by(Image.variant_id.nulls_first(), Image.position, Image.id)
        .limit(1)
        .lateral()
    )
    found = session.execute(
        select(Product.id, first.c.id, first.c.sha256, first.c.alt_text)
        .join(first, true())
        .where(Product.id == any_of(product_ids))
    )
    return {product_id: Cover(*cover) for product_id, *cover in found}


def covers_of_variants(session: Session, variant_ids: Sequence[int]) -> dict[int, Cover]:
    """The first picture of each of these variants, else the first that its product shares; in one statement."""
    own_image, shared_image = aliased(Image), aliased(Image)
    own = (
        select(own_image.id, own_image.sha256, own_image.alt_text)
        .where(own_image.variant_id == Variant.id)
        .order_by(own_image.position, own_image.id)
        .limit(1)
        .lateral()
    )
    shared = (
        select(shared_image.id, shared_image.sha256, shared_image.alt_text)
        .where(shared_image.product_id == Variant.product_id, shared_image.variant_id.is_(None), own.c.id.is_(None))
        .order_by(shared_image.position, shared_image.id)
        .limit(1)
        .lateral()
    )
    found = session.execute(
        select(
            Variant.id,
            func.coalesce(own.c.id, shared.c.id),
            func.coalesce(own.c.sha256, shared.c.sha256),
            func.coalesce(own.c.alt_text, shared.c.alt_text),
        )
        .outerjoin(own, true())
        .outerjoin(shared, true())
        .where(Variant.id == any_of(variant_ids), func.coalesce(own.c.id, shared.c.id).is_not(None))
    )
    return {variant_id: Cover(*cover) for variant_id, *cover in found}
