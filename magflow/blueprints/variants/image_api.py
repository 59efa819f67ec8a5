"""The API of pictures: of a product for all its variants, and of one variant."""

from typing import Any, Final, cast

from flask import Response
from marshmallow import fields
from sqlalchemy.orm import Session

from magflow.blueprints.variants import image_requests as requests
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import images as pictures
from magflow.queries import product_details
from magflow.services import images
from magflow.web.answers import Answer, Count, Time, Word
from magflow.web.api import PREFIX, ApiBlueprint, PageQuery, page_meta, perform, success
from magflow.web.permissions import requires
from magflow.web.security import largest_body

api = ApiBlueprint("api_images", __name__, description="Pictures of products and variants")

IMAGE: Final[dict[int, Any]] = {
    200: {
        "description": "The picture",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/webp")},
    }
}


class ImageOut(Answer):
    """A picture. Measures and size are of the large one; `sha256` is of the file that was sent."""

    id = fields.Integer(required=True)
    product_id = fields.Integer(required=True)
    variant_id = fields.Integer(required=True, allow_none=True)
    position = Count(required=True)
    alt_text = fields.String(required=True, allow_none=True)
    content_type = Word("image/jpeg", "image/webp", required=True)
    width = Count(required=True)
    height = Count(required=True)
    byte_size = Count(required=True)
    sha256 = fields.String(required=True)
    url = fields.String(required=True)
    thumbnail_url = fields.String(required=True)
    version = Count(required=True)
    created_at = Time(required=True)


class AddedImageOut(ImageOut):
    action = Word("created", "no_change", required=True)


class DeletedImageOut(Answer):
    id = fields.Integer(required=True)
    deleted = fields.Boolean(required=True)


def image_json(image: pictures.Image) -> dict[str, Any]:
    """A picture; its bytes stand at `url` and `thumbnail_url`, for the same token."""
    return {
        "id": image.id,
        "product_id": image.product_id,
        "variant_id": image.variant_id,
        "position": image.position,
        "alt_text": image.alt_text,
        "content_type": image.content_type,
        "width": image.width,
        "height": image.height,
        "byte_size": image.byte_size,
        "sha256": image.sha256,
        "url": f"{PREFIX}/images/{image.id}/large",
        "thumbnail_url": f"{PREFIX}/images/{image.id}/thumbnail",
        "version": image.version,
        "created_at": image.created_at,
    }


def _list(query: dict[str, Any], where: Any) -> Response:
    keys = query["cursor"]
    if keys is not None and (len(keys) != 3 or not all(isinstance(key, int) for key in keys)):
        raise Invalid([FieldError("cursor", "invalid")])
    after = pictures.Key(*keys) if keys is not None else None
    page = pictures.listed(db.session(), where, after=after, limit=query["limit"])
    return success([image_json(image) for image in page.rows], meta=page_meta(page.total, page.next_key))


def _add(*, product_id: int | None = None, variant_id: int | None = None) -> Response:
    sent, alt_text = requests.uploaded()
    return perform(
        images.add,
        images.NewImage(sent, product_id, variant_id, alt_text),
        present=lambda _session, added: {
            **image_json(added.image),
            "action": "created" if added.created else "no_change",
        },
        created=lambda added: added.created,
        file_sha256=requests.digest_of([sent], alt_text),
    )


@api.get("/products/<int:product_id>/images")
@requires("catalog:read")
@api.filters(PageQuery)
@api.answers(ImageOut, many=True, description="The shared pictures in their order, then those of its variants")
def list_product_images(query: dict[str, Any], product_id: int) -> Response:
    """List the pictures of a product and of its variants."""
    product_details.check_product(db.session(), product_id)
    return _list(query, pictures.Image.product_id == product_id)


@api.post("/products/<int:product_id>/images")
@requires("catalog:write")
@largest_body(requests.LARGEST_UPLOAD)
@requests.takes_image
@api.answers(AddedImageOut, status=(200, 201), description="The picture; 200 when this file was there already")
def add_product_image(product_id: int) -> Response:
    """Upload a picture that all variants of a product share: JPEG, PNG or WebP, at most 20 MB and 40 million pixels.

    It is made anew: upright, in sRGB, at most 2,000 pixels long, without anything else that the file carries.
    """
    return _add(product_id=product_id)


@api.get("/variants/<int:variant_id>/images")
@requires("catalog:read")
@api.filters(PageQuery)
@api.answers(ImageOut, many=True, description="Its own pictures, in their order")
def list_variant_images(query: dict[str, Any], variant_id: int) -> Response:
    """List the pictures of one variant."""
    product_details.check_variant(db.session(), variant_id)
    return _list(query, pictures.Image.variant_id == variant_id)


@api.post("/variants/<int:variant_id>/images")
@requires("catalog:write")
@largest_body(requests.LARGEST_UPLOAD)
@requests.takes_image
@api.answers(AddedImageOut, status=(200, 201), description="The picture; 200 when this file was there already")
def add_variant_image(variant_id: int) -> Response:
    """Upload a picture of one variant, as for a product."""
    return _add(variant_id=variant_id)


@api.get("/images/<int:image_id>")
@requires("catalog:read")
@api.answers(ImageOut, description="The picture")
def get_image(image_id: int) -> Response:
    """Read what is known of a picture."""
    return success(image_json(pictures.one(db.session(), image_id)))


@api.patch("/images/<int:image_id>")
@requires("catalog:write")
@api.reads(requests.ImageChangesBody)
@api.answers(ImageOut, description="The picture as it stands now")
def change_image(data: dict[str, Any], image_id: int) -> Response:
    """Change the alt text of a picture, or its place among the others of its product or variant."""
    changes: dict[str, Any] = {name: data[name] for name in ("alt_text", "position") if name in data}
    command = images.EditImage(image_id, changes, seen_version=data.get("version"))
    return perform(images.edit, command, present=_present)


def _present(_session: Session, image: pictures.Image) -> dict[str, Any]:
    return image_json(image)


@api.delete("/images/<int:image_id>")
@requires("catalog:write")
@api.answers(DeletedImageOut, description="It is gone")
def delete_image(image_id: int) -> Response:
    """Delete a picture for good."""
    return perform(images.remove, image_id, present=lambda _session, _done: {"id": image_id, "deleted": True})


def _sends_image(view: Any) -> Any:
    return api.doc(responses=IMAGE)(view)


@api.get("/images/<int:image_id>/large")
@requires("catalog:read")
@_sends_image
def get_large_image(image_id: int) -> Response:
    """The picture itself, at most 2,000 pixels long."""
    return _bytes(image_id, "large")


@api.get("/images/<int:image_id>/thumbnail")
@requires("catalog:read")
@_sends_image
def get_thumbnail(image_id: int) -> Response:
    """The picture itself, at most 320 pixels long."""
    return _bytes(image_id, "thumbnail")


def _bytes(image_id: int, size: pictures.Size) -> Response:
    image, data = pictures.content(cast("Session", db.session), image_id, size)
    return Response(data, mimetype=image.content_type)
