"""Pictures and external ids through the API."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Program
from tests.pictures import opened, picture_file, png_that_claims


def form(data: bytes, name: str = "mug.jpg", **fields: str) -> dict[str, Any]:
    return {"data": {"file": (io.BytesIO(data), name), **fields}, "content_type": "multipart/form-data"}


def upload(program: Program, path: str, colour: str = "#c04020", **fields: str) -> Any:
    return program.data("POST", path, **form(picture_file(colour=colour), **fields))


def places(program: Program, path: str) -> list[tuple[int, int | None, int]]:
    return [(image["id"], image["variant_id"], image["position"]) for image in program.data("GET", path)]


def test_pictures_are_uploaded_read_ordered_described_and_deleted(program: Program) -> None:
    variant = program.variant()
    shared, own = f"/products/{variant['product_id']}/images", f"/variants/{variant['id']}/images"
    first = upload(program, shared, "#111111", alt_text=" A red mug ")
    assert (first["action"], first["alt_text"], first["position"]) == ("created", "A red mug", 0)
    assert (first["width"], first["height"], first["content_type"]) == (60, 40, "image/jpeg")
    second, third = upload(program, shared, "#222222"), upload(program, own, "#111111")
    assert places(program, shared) == [(first["id"], None, 0), (second["id"], None, 1), (third["id"], variant["id"], 0)]
    assert places(program, own) == [(third["id"], variant["id"], 0)]

    moved = program.data("PATCH", f"/images/{second['id']}", {"position": 0, "alt_text": "Back", "version": 1})
    assert (moved["position"], moved["alt_text"], moved["version"]) == (0, "Back", 2)
    assert [id_ for id_, *_ in places(program, shared)] == [second["id"], first["id"], third["id"]]
    program.refused(
        "PATCH", f"/images/{second['id']}", {"alt_text": "B", "version": 1}, status=409, code="stale_version"
    )
    assert program.data("PATCH", f"/images/{second['id']}", {"alt_text": None})["alt_text"] is None

    assert program.data("DELETE", f"/images/{second['id']}") == {"id": second["id"], "deleted": True}
    program.refused("GET", f"/images/{second['id']}", status=404, code="not_found")
    assert places(program, shared)[0] == (first["id"], None, 0)


def test_the_bytes_stand_at_their_addresses(program: Program) -> None:
    image = upload(program, f"/products/{program.product()['id']}/images")
    for name in ("url", "thumbnail_url"):
        answer = program.call("GET", image[name].removeprefix("/api/v1"))
        assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert opened(answer.data).size == (60, 40)


def test_the_same_file_again_is_recognised(program: Program) -> None:
    path = f"/products/{program.product()['id']}/images"
    first = upload(program, path)
    again = program.call("POST", path, **form(picture_file()))
    assert (again.status_code, again.get_json()["data"]["action"]) == (200, "no_change")
    assert again.get_json()["data"]["id"] == first["id"]


def test_a_repeated_key_gives_the_first_answer_and_another_file_is_told(program: Program) -> None:
    path = f"/products/{program.product()['id']}/images"
    key = {"Idempotency-Key": f"picture of {path}"}
    first = program.call("POST", path, headers=key, **form(picture_file()))
    again = program.call("POST", path, headers=key, **form(picture_file()))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replay"] == "true"
    other = program.call("POST", path, headers=key, **form(picture_file(colour="#000")))
    assert other.get_json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_empty"),
        (b"<svg xmlns='x'/>", "not_an_image"),
        (picture_file(size=(600, 400))[:-500], "image_broken"),
        (png_that_claims(50_000, 50_000), "image_too_many_pixels"),
    ],
)
def test_what_is_no_picture_is_refused_at_its_field(program: Program, data: bytes, code: str) -> None:
    path = f"/products/{program.product()['id']}/images"
    problem = program.refused("POST", path, status=422, code="validation_error", **form(data, "cat.jpg"))
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("file", code)]
    assert program.data("GET", path) == []


def test_the_form_around_the_file_is_checked(program: Program) -> None:
    path = f"/products/{program.product()['id']}/images"
    cases: list[tuple[dict[str, Any], tuple[str, str]]] = [
        ({"alt_text": "Red"}, ("file", "required")),
        ({"file": (io.BytesIO(picture_file()), "a.jpg"), "colour": "red"}, ("colour", "unknown_field")),
        ({"file": (io.BytesIO(picture_file()), "a.jpg"), "alt_text": "x" * 501}, ("alt_text", "too_long")),
        ({"picture": (io.BytesIO(picture_file()), "a.jpg")}, ("picture", "unknown_field")),
    ]
    for data, expected in cases:
        sent = {"data": data, "content_type": "multipart/form-data"}
        problem = program.refused("POST", path, status=422, code="validation_error", **sent)
        assert expected in [(error["field"], error["code"]) for error in problem["errors"]]
    program.refused("POST", "/products/999999999/images", status=404, code="not_found", **form(picture_file()))
    huge = program.call("POST", path, environ_overrides={"CONTENT_LENGTH": str(21 * 2**20)}, **form(picture_file()))
    assert huge.status_code == 413


def test_pages_of_pictures_follow_each_other(program: Program) -> None:
    product = program.product()
    ids = [upload(program, f"/products/{product['id']}/images", f"#{n * 40:02x}4020")["id"] for n in range(5)]
    seen: list[int] = []
    cursor = ""
    while True:
        answer = program.call("GET", f"/products/{product['id']}/images?limit=2{cursor}").get_json()
        assert answer["meta"]["total"] == 5
        seen += [image["id"] for image in answer["data"]]
        if answer["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['meta']['next_cursor']}"
    assert seen == ids
    program.refused("GET", f"/products/{product['id']}/images?cursor=WzFd", status=422, code="validation_error")


def test_a_narrow_token_may_look_and_not_touch(program: Program, program_with: Callable[..., Program]) -> None:
    product = program.product()
    image = upload(program, f"/products/{product['id']}/images")
    reader = program_with("catalog:read")
    assert reader.data("GET", f"/images/{image['id']}")["id"] == image["id"]
    for method, path in (
        ("POST", f"/products/{product['id']}/images"),
        ("PATCH", f"/images/{image['id']}"),
        ("DELETE", f"/images/{image['id']}"),
    ):
        reader.refused(method, path, status=403, code="forbidden")


def test_external_ids_are_given_and_taken_back(program: Program) -> None:
    variant, other = program.variant(), program.variant()
    path = f"/variants/{variant['id']}/external-ids"
    body = {"source": "emag", "source_account": "main", "external_id": f"X-{variant['id']}"}
    named = program.data("POST", path, body, status=201)
    assert (named["action"], named["external_id"]) == ("created", body["external_id"])
    assert program.data("POST", path, body, status=200)["action"] == "no_change"
    program.refused("POST", f"/variants/{other['id']}/external-ids", body, status=409, code="external_id_taken")
    assert [known["id"] for known in program.data("GET", path)] == [named["id"]]
    program.refused(
        "DELETE", f"/variants/{other['id']}/external-ids/{named['id']}", status=404, code="not_found"
    )  # fmt: skip
    assert program.data("DELETE", f"{path}/{named['id']}") == {"id": named["id"], "deleted": True}
    assert program.data("POST", f"/variants/{other['id']}/external-ids", body, status=201)["action"] == "created"
