"""Every example of docs/api.md, run in its order: the request as it is written, the answer as it is shown."""

from __future__ import annotations

import io
import json
import re
import shlex
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from magflow.domain.roles import SCOPES
from tests.api.conftest import Program
from tests.api.operations import operations
from tests.pictures import picture_file

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
EXAMPLE = re.compile(r"```sh\n(curl .*?)```\n```json\n(.*?)```", re.DOTALL)
ANY = "…"


def answer_to(command: str, variables: dict[str, str]) -> tuple[int, Any]:
    """What a curl command of the page gets."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    url, method, data = "", None, None
    headers: dict[str, str] = {}
    form: dict[str, Any] = {}
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(words).encode()
        elif word == "-F":
            name, _, value = next(words).partition("=")
            form[name] = FileStorage(io.BytesIO(picture_file()), value[1:]) if value.startswith("@") else value
        else:
            assert not word.startswith("-"), f"the test does not know {word}"
            url = word
    if form:
        boundary, data = encode_multipart(form)
        headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
    request = urllib.request.Request(url, data, headers, method=method or ("POST" if data else "GET"))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def assert_shows(shown: Any, given: Any, where: str) -> None:
    """Everything that is shown is there."""
    if shown == ANY:
        return
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in given, f"{where}.{name} is not in the answer"
            assert_shows(value, given[name], f"{where}.{name}")
    elif isinstance(shown, list):
        assert len(shown) == len(given), where
        for n, value in enumerate(shown):
            assert_shows(value, given[n], f"{where}[{n}]")
    else:
        assert shown == given, where


def test_the_examples_do_what_they_show(program: Program, live: str) -> None:
    examples = EXAMPLE.findall(PAGE.read_text())
    assert len(examples) >= 15
    assert len(examples) == PAGE.read_text().count("curl "), "an example without an answer"
    variables = {"MAGFLOW": f"{live}/api/v1", "TOKEN": program.token or ""}
    for command, shown in examples:
        status, given = answer_to(command, variables)
        assert_shows(json.loads(shown), given, command.splitlines()[0])
        assert (status < 400) == (given["status"] == "success")
        # What a preview answered is agreed to by the example behind it.
        if isinstance(given.get("data"), dict) and "fingerprint" in given["data"]:
            variables["FINGERPRINT"] = given["data"]["fingerprint"]


def test_every_scope_and_filter_is_on_the_page(program: Program) -> None:
    page = PAGE.read_text()
    assert not [scope for scope in SCOPES if f"`{scope}`" not in page]
    for operation in operations(program.app):
        if str(operation) in {"GET /products", "GET /variants", "GET /orders"}:
            row = next(line for line in page.splitlines() if line.startswith(f"| `{operation.path}`"))
            missing = [name for name in operation.query if name not in {"limit", "cursor"} and f"`{name}`" not in row]
            assert not missing, operation
