"""What the pages are made of: own files only, nothing that a strict policy would refuse, nothing that is missing."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from markupsafe import Markup

from magflow.settings import Settings, share
from tests.web.look_shop import make_bare_app

STATIC, TEMPLATES = share("static"), share("templates")
VENDOR = STATIC / "vendor"
OWN_FILES = sorted(
    path
    for path in [*STATIC.rglob("*"), *TEMPLATES.rglob("*")]
    if path.is_file() and VENDOR not in path.parents and path.suffix in {".html", ".css", ".js", ".svg"}
)
PAGES = sorted(TEMPLATES.rglob("*.html"))
SPRITE = STATIC / "img" / "icons.svg"


@pytest.fixture(scope="module")
def bare_app(settings: Settings) -> Flask:
    return make_bare_app(settings)


def name_of(path: Path) -> str:
    return path.relative_to(path.parents[1]).as_posix()


def test_vendored_files_are_those_of_the_manifest_to_the_byte() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    listed = {name: digest for package in manifest for name, digest in package["files"].items()}
    present = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}

    assert present - {"manifest.json"} == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


def test_every_vendored_package_brings_its_version_and_licence() -> None:
    for package in json.loads((VENDOR / "manifest.json").read_text()):
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]), package["name"]
        assert package["licence"] and any("LICENSE" in name for name in package["files"]), package["name"]


@pytest.mark.parametrize("path", OWN_FILES, ids=name_of)
def test_no_file_of_ours_names_an_outside_host(path: Path) -> None:
    hosts = re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}[^\s\"'<)]*", path.read_text(), re.IGNORECASE)
    assert [host for host in hosts if "www.w3.org/2000/svg" not in host] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_templates_hold_nothing_that_the_policy_refuses(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<[^>]*\sstyle\s*=", text), "a class in static/css, not a style attribute"
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", text), "a data- attribute that static/js reads, not an inline handler"
    assert "javascript:" not in text.lower()
    assert not re.search(r"\|\s*safe\b", text), "autoescape stays on"
    for script in re.findall(r"<(?:script|style)\b[^>]*>", text):
        assert any(word in script for word in ("nonce", "application/json", "url_for('static'")), script


@pytest.mark.parametrize("path", sorted((STATIC / "js").glob("*.js")), ids=name_of)
def test_scripts_build_no_code_and_no_markup_from_text(path: Path) -> None:
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "new Function", "document.write"):
        assert word not in text


def test_every_form_that_changes_something_carries_the_token() -> None:
    for path in PAGES:
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL):
            assert re.search(r"\b(csrf|sealed|caller|[a-z]+_fields)\(", form), f"{name_of(path)}: {form[:80]}"


def test_every_icon_that_is_used_is_drawn() -> None:
    drawn = {symbol.get("id") for symbol in ElementTree.fromstring(SPRITE.read_text()) if symbol.get("id")}
    used = set()
    for path in PAGES:
        used |= set(re.findall(r"\b(?:icon|draw)\('([a-z]+)'", path.read_text()))
        used |= set(re.findall(r"icons\.svg'\) }}#([a-z]+)", path.read_text()))
    assert used - drawn == set()
    assert {"home", "products", "orders", "sync", "imports", "settings", "audit"} <= drawn


def test_the_styles_stay_small() -> None:
    named = re.search(r"for sheet in \(([^)]*)\)", (TEMPLATES / "document.html").read_text())
    assert named
    shared = set(re.findall(r"'([a-z-]+)'", named[1]))
    sizes = {path.stem: path.stat().st_size for path in (STATIC / "css").glob("*.css")}
    assert shared <= sizes.keys()
    assert sum(size for name, size in sizes.items() if name in shared) < 60_000, "what every page loads"
    assert max(size for name, size in sizes.items() if name not in shared) < 10_000, "what a single page adds"


def test_every_template_is_sound(bare_app: Flask) -> None:
    names = bare_app.jinja_env.list_templates(extensions=["html"])
    assert len(names) > 100
    for name in names:
        assert bare_app.jinja_env.get_template(name).name == name


def test_flask_admin_falls_back_to_none_of_its_own_templates(bare_app: Flask) -> None:
    for path in (TEMPLATES / "admin").rglob("*.html"):
        template = bare_app.jinja_env.get_template(path.relative_to(TEMPLATES).as_posix())
        assert Path(str(template.filename)).is_relative_to(TEMPLATES)
    assert not [
        name for name in bare_app.jinja_env.list_templates() if "bootstrap" in name or name == "admin/file/list.html"
    ]


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_macros_show_foreign_text_as_text(bare_app: Flask, payload: str) -> None:
    source = """
      {% from 'macros/page.html' import page_head, facts, tile, timeline, stock_chain, empty_state %}
      {% from 'macros/page.html' import steps, change, secret %}
      {% from 'macros/forms.html' import field, select, textarea, checkbox, radios, error_summary %}
      {% from 'macros/list.html' import tabs, search_box, filter_chips, table, pick, main_cell, bulk_bar, stale %}
      {% from 'macros/badge.html' import badge, order_status %}
      {% from 'macros/dialog.html' import confirm_button, dialog %}
      {{ page_head(x, note=x) }}{{ facts([(x, x)]) }}{{ tile(x, x, note=x) }}
      {{ timeline([{'what': x, 'when': x, 'who': x}]) }}
      {{ stock_chain([(x, x)]) }}{{ empty_state('nothing', x, x) }}{{ steps([{'label': x, 'state': 'now'}]) }}
      {{ change(x, x) }}{{ secret(x, x) }}{{ field('n', x, x, hint=x, errors=[x]) }}{{ select('n', x, [(x, x)], x) }}
      {{ textarea('n', x, x) }}{{ checkbox('n', x) }}{{ radios('n', x, [(x, x, x)]) }}{{ error_summary([(none, x)]) }}
      {{ tabs([{'label': x, 'url': '/'}]) }}{{ search_box(x, x, {'k': x}) }}
      {{ filter_chips([{'label': x, 'value': x, 'url': '/'}]) }}
      {% call table(x, [{'label': x}]) %}<tr>{{ pick(x, x) }}{{ main_cell(x, '/', x) }}</tr>{% endcall %}
      {{ bulk_bar('b', '/', [{'name': x, 'label': x, 'question': x, 'consequences': x}]) }}{{ stale(x) }}
      {{ badge(x) }}{{ order_status(x) }}{{ confirm_button(x, x, x, x) }}{% call dialog('d', x) %}{{ x }}{% endcall %}
    """
    with bare_app.test_request_context("/"):
        html = bare_app.jinja_env.from_string(source).render(x=payload)

    assert str(Markup.escape(payload)) in html
    if "<" in payload or '"' in payload:
        assert payload not in html
