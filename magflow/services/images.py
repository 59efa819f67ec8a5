"""Pictures of products and variants: added, put in order, described, taken away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound, StaleVersion
from magflow.domain.pictures import Picture, refused
from magflow.models import Image, ImageFile, Product, Variant

MOST_IMAGES: Final = 50
"""Of one product, and of each variant."""
LONGEST_ALT: Final = 500

EDITABLE: Final = frozenset({"alt_text", "position"})


@dataclass(frozen=True)
class NewImage:
    """A picture for a product, or for one of its variants: exactly one of the two is named."""

    picture: Picture
    product_id: int | None = None
    variant_id: int | None = None
    alt_text: str | None = None


@dataclass(frozen=True)
class Added:
    image: Image
    created: bool
    """False when this very file was there already."""


@dataclass(frozen=True)
class EditImage:
    """`changes` holds only what was given: `alt_text`, `position` (0 is the first; one too high means the last)."""

    image_id: int
    changes: dict[str, Any]
    seen_version: int | None = None


@transactional
def add(session: Session, command: NewImage, *, actor: Actor) -> Added:
    """Put a picture behind the others. The same file in the same place again changes nothing.

    Raises NotFound, and Invalid when the place is full.
    """
    product_id = _place(session, command)
    _lock(session, product_id)
    there = _images(session, product_id, command.variant_id)
    for image in there:
        if image.sha256 == command.picture.sha256:
            return Added(image, created=False)
    if len(there) >= MOST_IMAGES:
        raise refused("images_full", limit=MOST_IMAGES)
    picture = command.picture
    image = Image(
        product_id=product_id,
        variant_id=command.variant_id,
        position=len(there),
        alt_text=command.alt_text,
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        byte_size=len(picture.large),
        sha256=picture.sha256,
    )
    session.add(image)
    session.flush()
    session.add(ImageFile(image_id=image.id, large=picture.large, thumbnail=picture.thumbnail))
    session.flush()
    session.refresh(image)
    return Added(image, created=True)


def _place(session: Session, command: NewImage) -> int:
    """The product whose picture it becomes."""
    if (command.product_id is None) == (command.variant_id is None):
        raise Invalid([FieldError("product_id", "one_of", {"fields": "product_id, variant_id"})])
    if command.variant_id is not None:
        found = session.scalar(select(Variant.product_id).where(Variant.id == command.variant_id))
    else:
        found = session.scalar(select(Product.id).where(Product.id == command.product_id))
    if found is None:
        kind = "variant" if command.variant_id is not None else "product"
        raise NotFound(kind, command.variant_id or command.product_id)
    return found


def _lock(session: Session, product_id: int) -> None:
    """One at a time for the pictures of a product. A name and not its row: orders and variants need not wait for it."""
    lock_names(session, [("images", str(product_id))])


def _images(session: Session, product_id: int, variant_id: int | None) -> Sequence[Image]:
    """The pictures of one place, in order."""
    return session.scalars(
        select(Image)
        .where(Image.product_id == product_id, Image.variant_id.is_not_distinct_from(variant_id))
        .order_by(Image.position, Image.id)
        .execution_options(populate_existing=True)
    ).all()


def _locked(session: Session, image_id: int) -> tuple[Image, list[Image]]:
    """A picture and all of its place, once nobody else can change them. Raises NotFound."""
    product_id = session.scalar(select(Image.product_id).where(Image.id == image_id))
    if product_id is None:
        raise NotFound("image", image_id)
    _lock(session, product_id)
    image = session.scalar(select(Image).where(Image.id == image_id).execution_options(populate_existing=True))
    if image is None:
        raise NotFound("image", image_id)
    return image, list(_images(session, product_id, image.variant_id))


@transactional
def edit(session: Session, command: EditImage, *, actor: Actor) -> Image:
    """Change its alt text, its place among the others, or both. Raises NotFound, StaleVersion."""
    if unknown := command.changes.keys() - EDITABLE:
        raise Invalid([FieldError(name, "unknown_field") for name in sorted(unknown)])
    image, place = _locked(session, command.image_id)
    if command.seen_version is not None and command.seen_version != image.version:
        raise StaleVersion(command.seen_version, image.version, {"alt_text": image.alt_text})
    if "alt_text" in command.changes and command.changes["alt_text"] != image.alt_text:
        image.alt_text = command.changes["alt_text"]
        image.version += 1
        session.flush()
    if "position" in command.changes:
        others = [other.id for other in place if other.id != image.id]
        others.insert(command.changes["position"], image.id)
        _write_order(session, others)
    session.refresh(image)
    return image


# One statement, and only for those that move: the audit log names each of them.
WRITE_ORDER: Final = """
UPDATE images i SET position = w.place - 1
FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS w (id, place)
WHERE i.id = w.id AND i.position <> w.place - 1"""


def _write_order(session: Session, ids: Sequence[int]) -> None:
    execute(session, WRITE_ORDER, {"ids": list(ids)})


@transactional
def remove(session: Session, image_id: int, *, actor: Actor) -> None:
    """Take a picture away for good; those behind it move up. Raises NotFound."""
    image, place = _locked(session, image_id)
    session.execute(delete(Image).where(Image.id == image.id))
    _write_order(session, [other.id for other in place if other.id != image_id])
