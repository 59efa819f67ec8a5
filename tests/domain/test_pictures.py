"""Uploaded pictures at the border: what is taken is made anew, and everything else is refused with its reason."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from magflow.domain import pictures
from magflow.domain.errors import Invalid
from magflow.domain.pictures import Picture, picture
from tests.pictures import opened, picture_file, png_that_claims

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def code(data: bytes) -> str:
    """Why a file is refused."""
    with pytest.raises(Invalid) as refused:
        picture(data)
    [error] = refused.value.errors
    assert error.field == "file"
    return error.code


@pytest.mark.parametrize(
    ("kind", "mode", "content_type"),
    [
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "L", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("PNG", "RGB", "image/jpeg"),
        ("PNG", "P", "image/jpeg"),
        ("PNG", "1", "image/jpeg"),
        ("PNG", "I;16", "image/jpeg"),
        ("WEBP", "RGB", "image/jpeg"),
    ],
)
def test_every_kind_that_a_camera_or_a_shop_makes_is_taken(kind: str, mode: str, content_type: str) -> None:
    to = io.BytesIO()
    Image.new("RGB", (60, 40), "#c04020").convert("I" if mode == "I;16" else mode).convert(mode).save(to, kind)
    made = picture(to.getvalue())
    assert (made.content_type, made.width, made.height) == (content_type, 60, 40)
    assert opened(made.large).mode == "RGB"
    assert made.sha256 == hashlib.sha256(to.getvalue()).hexdigest()


def test_what_shines_through_stays_so_and_what_only_could_becomes_plain() -> None:
    glass = picture(picture_file("PNG", mode="RGBA", colour="#c0402080"))
    assert glass.content_type == "image/webp"
    assert opened(glass.large).mode == "RGBA"
    assert picture(picture_file("PNG", mode="RGBA", colour="#c04020ff")).content_type == "image/jpeg"


def test_a_large_picture_becomes_smaller_and_a_small_one_does_not_grow() -> None:
    made = picture(picture_file(size=(4_000, 1_000)))
    assert (made.width, made.height) == (2_000, 500) == opened(made.large).size
    assert opened(made.thumbnail).size == (320, 80)
    assert opened(picture(picture_file(size=(9, 7))).thumbnail).size == (9, 7)


def test_a_picture_that_was_taken_sideways_stands_upright_and_tells_nothing_else() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "taken at home"
    sent = picture_file(size=(60, 40), exif=exif, comment=b"secret", icc_profile=SRGB)
    made = picture(sent)
    assert (made.width, made.height) == (40, 60)
    for data in (made.large, made.thumbnail):
        assert not opened(data).getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & opened(data).info.keys()
        assert b"secret" not in data
        assert b"taken at home" not in data


def test_nothing_that_stands_behind_the_picture_is_kept() -> None:
    made = picture(picture_file("PNG") + b"<script>alert(1)</script>PK\x03\x04")
    assert b"script" not in made.large


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "image_empty"),
        (b"<svg xmlns='x' onload='alert(1)'/>", "not_an_image"),
        (b"GIF89a" + b"\0" * 40, "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (b"BM" + b"\0" * 60, "not_an_image"),
        (b"\xff\xd8\xff", "image_broken"),
        (b"\x89PNG\r\n\x1a\n", "image_broken"),
        (b"RIFF\x04\0\0\0WEBP", "image_broken"),
        (picture_file("JPEG", (600, 400))[:-500], "image_broken"),
        (picture_file("PNG", (600, 400))[:400], "image_broken"),
        (picture_file("WEBP", (600, 400))[:200], "image_broken"),
        (png_that_claims(100_000, 100_000), "image_too_many_pixels"),
        (png_that_claims(8_000, 5_001), "image_too_many_pixels"),
        (png_that_claims(0, 10), "image_broken"),
        (b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6, "image_too_many_pixels"),
        (b"RIFF\x1a\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f" + b"\0" * 9, "image_too_many_pixels"),
    ],
)
def test_what_is_no_picture_or_made_to_hurt_is_refused(data: bytes, why: str) -> None:
    assert code(data) == why


def test_a_bomb_of_one_colour_is_refused_by_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred million pixels in a few kilobytes: nothing of it is decoded."""
    bomb = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 20_000
    monkeypatch.setattr(Image.Image, "load", None)
    assert code(bomb.getvalue()) == "image_too_many_pixels"


def test_a_file_above_the_limit_is_not_looked_at() -> None:
    assert code(picture_file() + b"\0" * pictures.LARGEST_FILE) == "image_too_large"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_moves_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    to = io.BytesIO()
    frames[0].save(to, kind, save_all=True, append_images=frames[1:])
    assert code(to.getvalue()) == "image_moves"


def test_a_cameras_second_view_is_left_out() -> None:
    views = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    to = io.BytesIO()
    views[0].save(to, "MPO", save_all=True, append_images=views[1:])
    assert opened(picture(to.getvalue()).large).getpixel((5, 5))[0] > 200  # type: ignore[index]


def test_a_colour_profile_that_does_not_fit_does_not_refuse_the_picture() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert picture(picture_file(icc_profile=lab)).width == 60
    assert picture(picture_file(icc_profile=b"no profile")).width == 60


SEEDS = [
    picture_file("JPEG", icc_profile=SRGB),
    picture_file("PNG", icc_profile=SRGB),
    picture_file("WEBP", lossless=True),
    picture_file("PNG", mode="P", colour="#000", transparency=0),
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=0, max_size=4)), max_size=6))
def test_a_damaged_file_is_a_picture_or_a_refusal(seed: bytes, damage: list[tuple[int, bytes]]) -> None:
    data = bytearray(seed)
    for place, put in damage:
        at = place % len(data)
        data[at : at + max(1, len(put))] = put
    try:
        made = picture(bytes(data))
    except Invalid as refused:
        assert refused.errors[0].code in {"image_broken", "image_too_many_pixels", "not_an_image", "image_moves"}
    else:
        assert isinstance(made, Picture)
        assert opened(made.large).size == (made.width, made.height)
