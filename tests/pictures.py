"""Picture files for tests, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture_file(
    kind: str = "JPEG", size: tuple[int, int] = (60, 40), colour: str = "#c04020", mode: str = "RGB", **options: Any
) -> bytes:
    """A small file of one colour; `options` are the writer's."""
    to = io.BytesIO()
    Image.new(mode, size, colour).save(to, kind, **options)
    return to.getvalue()


def opened(data: bytes) -> Image.Image:
    """What a browser would see."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose head promises this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"\0")) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
