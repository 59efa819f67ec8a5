"""Pages of pictures: served, uploaded, put in order, described and taken away, beside their product or variant."""

from typing import Any, Final, cast

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from magflow.blueprints.variants import image_requests as requests
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid, NotFound, StaleVersion
from magflow.domain.pictures import Picture
from magflow.queries import images as pictures
from magflow.queries import product_details
from magflow.services import images
from magflow.web import border
from magflow.web.forms import Form, Landing, ask_first
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires
from magflow.web.security import largest_body
from magflow.web.sentences import field_sentence

blueprint = Blueprint("images", __name__)

# Whoever may see it keeps it: at this address there is never another picture.
KEPT: Final = "private, max-age=31536000, immutable"
ENDINGS: Final = {"image/jpeg": "jpg", "image/webp": "webp"}


class MoveForm(border.Query):
    to = border.Integer(required=True, least=0, most=images.MOST_IMAGES)


class AltForm(border.Query):
    alt_text = border.Text(most=images.LONGEST_ALT)
    version = border.Integer(required=True, least=1)


@blueprint.get("/products/images/<int:image_id>/<sha256>/<size>")
@requires("catalog:read")
def file(image_id: int, sha256: str, size: str) -> ResponseReturnValue:
    """A picture, to be kept by the browser for ever: another picture has another address."""
    if size not in pictures.SIZES:
        raise NotFound("image", image_id)
    image, data = pictures.content(db.session(), image_id, size, sha256)
    answer = Response(data, mimetype=image.content_type)
    answer.headers["Cache-Control"] = KEPT
    answer.headers["Content-Disposition"] = f'inline; filename="image-{image.id}.{ENDINGS[image.content_type]}"'
    answer.set_etag(f"{sha256}-{size}")
    return answer.make_conditional(request.environ)


# --- uploads ----------------------------------------------------------------------------------------------------------


@blueprint.post("/products/<int:product_id>/images")
@requires("catalog:write")
@largest_body(requests.LARGEST_FORM)
def add_to_product(product_id: int) -> ResponseReturnValue:
    """Pictures that all variants of a product share."""
    product_details.check_product(db.session(), product_id)
    return _upload(url_for("products.page", product_id=product_id, _anchor="images"), product_id=product_id)


@blueprint.post("/products/variants/<int:variant_id>/images")
@requires("catalog:write")
@largest_body(requests.LARGEST_FORM)
def add_to_variant(variant_id: int) -> ResponseReturnValue:
    """Pictures of one variant."""
    product_details.check_variant(db.session(), variant_id)
    return _upload(url_for("variants.page", variant_id=variant_id, _anchor="images"), variant_id=variant_id)


def _upload(back: str, *, product_id: int | None = None, variant_id: int | None = None) -> ResponseReturnValue:
    """Take every file that is a picture, and say of each other one why not."""
    good, complaints = _read()
    for said in complaints:
        flash(said, "error")
    if not good:
        if not complaints:
            flash(_("Choose a picture first."), "error")
        return redirect(back, 303)

    def work(session: Session, actor: Actor) -> Landing:
        commands = [images.NewImage(sent, product_id, variant_id) for sent in good]
        new = sum(images.add.within(session, command, actor=actor).created for command in commands)
        if not new:
            return Landing(back, _("This picture is here already."), "info")
        return Landing(back, ngettext("%(num)d picture added.", "%(num)d pictures added.", new))

    form = Form()
    return form.once(work, files_sha256=requests.digest_of(good)) or _told(form, back)


def _read() -> tuple[list[Picture], list[str]]:
    good, complaints = [], []
    files = requests.sent_files()
    for sent in files[: requests.MOST_FILES]:
        try:
            good.append(requests.read(sent))
        except Invalid as invalid:
            complaints.append(f"{sent.filename}: {field_sentence(invalid.errors[0])}")
    if len(files) > requests.MOST_FILES:
        complaints.append(_("At most %(limit)s are taken at once.", limit=requests.MOST_FILES))
    return good, complaints


# --- one picture ------------------------------------------------------------------------------------------------------


def _back(image: pictures.Image) -> str:
    if image.variant_id is not None:
        return url_for("variants.page", variant_id=image.variant_id, _anchor="images")
    return url_for("products.page", product_id=image.product_id, _anchor="images")


def _told(form: Form, back: str) -> Response:
    """Refused: why, on the page that it came from."""
    if isinstance(form.refused, StaleVersion):
        flash(_("Somebody changed this text meanwhile. It stands here as it is now."), "error")
    else:
        flash(" ".join(said for _field, said in form.summary()), "error")
    return redirect(back, 303)


@blueprint.post("/products/images/<int:image_id>/move")
@requires("catalog:write")
def move(image_id: int) -> ResponseReturnValue:
    """Give a picture another place among its own; the first one stands for the whole in lists."""
    image = pictures.one(db.session(), image_id)
    back = _back(image)
    form = Form.sent(MoveForm())
    if not form.ok:
        return _told(form, back)

    def work(session: Session, actor: Actor) -> Landing:
        moved = images.edit.within(session, images.EditImage(image_id, {"position": form["to"]}), actor=actor)
        return Landing(back, _("The picture is number %(place)s now.", place=moved.position + 1))

    return form.once(work) or _told(form, back)


@blueprint.post("/products/images/<int:image_id>/alt")
@requires("catalog:write")
def describe(image_id: int) -> ResponseReturnValue:
    """Say what is to be seen on a picture."""
    back = _back(pictures.one(db.session(), image_id))
    form = Form.sent(AltForm())
    if not form.ok:
        return _told(form, back)

    def work(session: Session, actor: Actor) -> Landing:
        command = images.EditImage(image_id, {"alt_text": form["alt_text"]}, seen_version=form["version"])
        images.edit.within(session, command, actor=actor)
        return Landing(back, _("The alternative text is saved."))

    return form.once(work) or _told(form, back)


@blueprint.post("/products/images/<int:image_id>/delete")
@requires("catalog:write")
def delete(image_id: int) -> ResponseReturnValue:
    """Take a picture away, once that was agreed to."""
    back = _back(pictures.one(db.session(), image_id))
    question = _("Delete this picture?")
    if (asking := ask_first(question, [consequence()], _("Delete"), back, tone="bad")) is not None:
        return asking
    form = Form.sent(border.Query())

    def work(session: Session, actor: Actor) -> Landing:
        images.remove.within(session, image_id, actor=actor)
        return Landing(back, _("The picture is deleted."))

    return form.once(work) or _told(form, back)


def consequence() -> str:
    """What deleting a picture does."""
    return _("It is gone for good; upload it again to have it back.")


def gallery(product_id: int, variant_id: int | None = None) -> dict[str, Any]:
    """What the template `images/parts.html` shows of a product or a variant."""
    session = cast("Session", db.session)
    own = pictures.of_place(session, product_id, variant_id)
    return {
        "images": own,
        "shared": pictures.of_place(session, product_id) if variant_id is not None else (),
        "room": images.MOST_IMAGES - len(own),
        "most_files": requests.MOST_FILES,
        "most_alt": images.LONGEST_ALT,
        "consequence": consequence(),
    }
