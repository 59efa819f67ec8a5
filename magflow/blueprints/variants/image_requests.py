"""What uploads of pictures send, through the API and the pages alike."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

from flask import request
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.pictures import LARGEST_FILE, Picture, picture
from magflow.services.images import LONGEST_ALT, MOST_IMAGES
from magflow.web import border
from magflow.web.bodies import version
from magflow.web.border import Body, Integer, Query, Text
from magflow.web.locale import _l
from magflow.web.sentences import add_sentences

View = TypeVar("View", bound=Callable[..., Any])

LARGEST_UPLOAD: Final = LARGEST_FILE + 2**16
"""One file, and the form around it."""
MOST_FILES: Final = 10
LARGEST_FORM: Final = 3 * LARGEST_FILE
"""Several files of a page without scripts; with them each file travels by itself."""

PICTURES: Final = {
    "image_empty": _l("The file is empty."),
    "image_too_large": _l("A picture can have at most %(limit)s MB; save it smaller, then send it again."),
    "not_an_image": _l("This is not a JPEG, PNG or WebP picture; save it as one of them."),
    "image_too_many_pixels": _l("A picture can have at most %(limit)s million pixels; save it smaller."),
    "image_moves": _l("This picture moves; send one that stands still."),
    "image_broken": _l("The picture is damaged or incomplete; open and save it anew, then send it again."),
    "images_full": _l("There are %(limit)s pictures here already; delete one first."),
}
"""What can be wrong with a sent picture."""
add_sentences(PICTURES)


class File(fields.Field[Any]):
    """An uploaded file; for the description only."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"type": "string", "format": "binary"})


class ImageForm(Query):
    """The fields beside the file."""

    alt_text = Text(
        most=LONGEST_ALT, least=0, metadata={"description": "What is to be seen, for those who do not see it"}
    )


class ImageUploadBody(ImageForm):
    """The same with the file, for the description."""

    file = File()


class ImageChangesBody(Body):
    """Only what is given is changed."""

    alt_text = Text(most=LONGEST_ALT, allow_none=True)
    position = Integer(
        least=0, most=MOST_IMAGES, metadata={"description": "Its new place among the others; 0 is the first"}
    )
    version = version()


def takes_image(view: View) -> View:
    """Describe the multipart body of an upload."""
    notes = getattr(view, "_apidoc", {})
    part = {"in": "files", "required": True, "schema": ImageUploadBody}
    notes.setdefault("arguments", {}).setdefault("parameters", []).append(part)
    cast("Any", view)._apidoc = notes
    return view


def uploaded() -> tuple[Picture, str | None]:
    """The one picture that a program sends, and its alt text. Raises Invalid."""
    errors = [FieldError(name[:60], "unknown_field") for name in request.files if name != "file"]
    sent = request.files.getlist("file")
    if len(sent) > 1:
        errors.append(FieldError("file", "repeated", {"value": "file"}))
    if not sent:
        errors.append(FieldError("file", "required"))
    errors += [
        FieldError(name[:60], "repeated", {"value": name[:60]})
        for name, values in request.form.lists()
        if len(values) > 1
    ]
    if errors:
        raise Invalid(errors)
    values = border.load(ImageForm(), dict(request.form.items()))
    return read(sent[0]), values.get("alt_text") or None


def read(file: FileStorage) -> Picture:
    """A sent file as a picture of ours. Raises Invalid."""
    return picture(file.stream.read(LARGEST_FILE + 1))


def sent_files() -> Sequence[FileStorage]:
    """The files of a page's form; a field that was left empty sends one without a name."""
    return [file for file in request.files.getlist("file") if file.filename]


def digest_of(pictures: Sequence[Picture], *more: str | None) -> bytes:
    """What makes two uploads the same: the bytes of every file, and what was said beside them."""
    digest = hashlib.sha256()
    for sent in pictures:
        digest.update(bytes.fromhex(sent.sha256))
    for said in more:
        digest.update(b"\0" + (said or "").encode())
    return digest.digest()
