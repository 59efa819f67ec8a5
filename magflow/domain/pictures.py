"""Uploaded pictures: checked before they are decoded, then made anew; nothing of the file itself is ever served.

A file is recognised by its first bytes, never by its name. What it claims to measure is looked at before a pixel is
decoded; what is decoded is turned upright, brought to sRGB, made smaller where it is large, and written again without
anything that came along: camera data, places, comments, other files behind the picture.
"""

import hashlib
import io
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageCms

from magflow.domain.errors import FieldError, Invalid

LARGEST_FILE: Final = 20 * 2**20
MOST_PIXELS: Final = 40_000_000
LARGE: Final = 2_000
"""The longest side of what is kept."""
THUMBNAIL: Final = 320

MAGIC: Final = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"))

# What Pillow's readers raise on files that are cut off, damaged, or made to hurt.
BROKEN: Final = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, struct.error, zlib.error,
)  # fmt: skip

# Pillow's own limit warns instead of refusing; ours is asked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

_ONE_AT_A_TIME: Final = threading.Semaphore()
"""A picture of forty million pixels takes some 200 MB while it is made smaller."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is kept. `sha256` is of the file that was sent: by it the same file is recognised."""

    content_type: str
    width: int
    height: int
    large: bytes
    thumbnail: bytes
    sha256: str


def picture(data: bytes) -> Picture:
    """An uploaded file as a picture of ours. Raises Invalid at the field `file`."""
    if not data:
        raise refused("image_empty")
    if len(data) > LARGEST_FILE:
        raise refused("image_too_large", limit=LARGEST_FILE // 2**20)
    kind = _kind(data[:16])
    if kind is None:
        raise refused("not_an_image")
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # Camera data that is damaged is dropped with the rest; nobody needs to read about it in the log.
        warnings.simplefilter("ignore")
        try:
            return _made(data, kind)
        except BROKEN as broken:
            raise refused("image_broken") from broken


def refused(code: str, **params: object) -> Invalid:
    """The refusal of a file."""
    return Invalid([FieldError("file", code, params or None)])


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise refused("image_too_many_pixels", limit=MOST_PIXELS // 1_000_000)


def _kind(start: bytes) -> str | None:
    """What a file is, by its first bytes."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in MAGIC if start.startswith(magic)), None)


def _made(data: bytes, kind: str) -> Picture:
    if kind == "WEBP":
        # Its reader asks for the memory of the whole picture as soon as it is opened.
        _check_pixels(*_webp_size(data[:30]))
    with Image.open(io.BytesIO(data), formats=(kind,)) as sent:
        _check_pixels(*sent.size)
        # A camera's JPEG may carry a second view of the same moment; what else has several frames moves.
        if sent.format != "MPO" and getattr(sent, "is_animated", False):
            raise refused("image_moves")
        large = _plain(sent)
        large.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        large = _in_srgb(_upright(large, sent.getexif().get(ORIENTATION)), sent.info.get("icc_profile"))
    # What a writer finds there it would write along: comments, profiles.
    large.info = {}
    small = large.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return Picture(
        "image/webp" if large.mode == "RGBA" else "image/jpeg",
        large.width,
        large.height,
        _written(large, quality=88),
        _written(small, quality=80),
        hashlib.sha256(data).hexdigest(),
    )


ORIENTATION: Final = 0x0112


def _webp_size(head: bytes) -> tuple[int, int]:
    """What a WebP claims to measure, by the first of its chunks: extended, lossless or plain."""
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _plain(sent: Image.Image) -> Image.Image:
    """The same picture in a mode that can be made smaller well; transparent ones as RGBA."""
    if "transparency" in sent.info or sent.mode in {"LA", "PA"}:
        return sent.convert("RGBA")
    # Made smaller as it is: that takes no second copy, and a JPEG is decoded at a half or a quarter of its size.
    return sent if sent.mode in {"RGB", "RGBA", "L", "CMYK", "YCbCr"} else sent.convert("RGB")


TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def _upright(picture: Image.Image, orientation: object) -> Image.Image:
    """As it was held when it was taken."""
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


_SRGB: Final = ImageCms.createProfile("sRGB")


def _in_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """Colours as browsers read them when no profile says otherwise; RGB, or RGBA where something shines through."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if isinstance(profile, bytes) and picture.mode in {"RGB", "RGBA", "L", "CMYK"}:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, given, _SRGB, outputMode=mode)
        except (ImageCms.PyCMSError, *BROKEN):
            converted = None  # a profile that does not fit is no reason to refuse the picture
        picture = converted or picture
    picture = picture.convert(mode)
    if mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255:
        return picture.convert("RGB")
    return picture


def _written(picture: Image.Image, *, quality: int) -> bytes:
    to = io.BytesIO()
    if picture.mode == "RGBA":
        picture.save(to, "WEBP", quality=quality, method=4)
    else:
        picture.save(to, "JPEG", quality=quality, optimize=True, progressive=True)
    return to.getvalue()
