"""A shop with one list and a signed-in browser, for the tests of the look: the real application, a real database."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any, ClassVar

from flask import Blueprint, Flask, flash, redirect, render_template_string, request
from flask_admin.actions import action
from flask_admin.model.template import macro
from jinja2 import ChoiceLoader, DictLoader
from werkzeug.wrappers import Response

from magflow.app import create_app
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.models import Variant
from magflow.services import sign_in, users
from magflow.settings import Settings
from magflow.web.admin import ReadView
from magflow.web.areas import Area, MenuEntry
from magflow.web.list_page import ListTab
from magflow.web.permissions import public, requires
from tests.shop import make_product, make_variant

OWNER = Actor(kind="system", name="test", door="system")
HOST = "http://127.0.0.1"


class Variants(ReadView):
    """A list as an area writes one."""

    permission = "catalog:read"
    action_permissions: ClassVar = {"note": "catalog:write", "drop": "catalog:write"}
    action_looks: ClassVar = {"drop": ("bad", "trash")}
    column_list = ("sku", "title", "price", "stock", "updated_at")
    column_labels: ClassVar = {"sku": "SKU"}
    column_sortable_list = ("sku", "price", "stock")
    numeric_columns = ("price", "stock")
    column_searchable_list = ("sku", "title")
    column_filters = ("stock", "sku", "price", "updated_at")
    column_default_sort = ("price", True)
    page_size = 25
    list_tabs = (ListTab("", "All"), ListTab("zero", "Out of stock", lambda: Variant.stock == 0))
    column_formatters: ClassVar = {"title": macro("title_cell")}
    list_template = "look_list.html"
    empty_title = "No variants yet"

    @action("note", "Note")
    def note(self, ids: list[int]) -> None:
        flash(f"noted {sorted(ids)}", "success")

    @action("drop", "Drop", "Drop these variants?\nThey leave the list.\nNothing else happens.")
    def drop(self, ids: list[int]) -> None:
        flash(f"dropped {len(ids)}", "success")


class Cheap(ReadView):
    """A list that hides rows."""

    permission = "catalog:read"
    column_list = ("sku",)
    list_tabs = ()

    def visible_rows(self) -> Any:
        return super().visible_rows().filter(Variant.price < 10)


LIST = """{% extends 'admin/model/list.html' %}
{% macro title_cell(model, column) %}<em>{{ model.title or '—' }}</em>{% endmacro %}"""

PAGE = """{% extends 'base.html' %}{% from 'macros/forms.html' import csrf, field %}
{% from 'macros/dialog.html' import confirm_button, dialog, dialog_foot %}{% from 'macros/page.html' import page_head %}
{% block content %}{{ page_head('One thing', '/look/') }}
<form method="post" data-guard>{{ csrf() }}{{ field('name', 'Name', '') }}
{{ confirm_button('Archive', 'Archive this thing?', 'It leaves every list.', 'Archive it', tone='bad', name='do',
                  value='archive') }}
<button class="button" name="do" value="save" data-save>Save</button>
<button type="button" data-open="more">More</button></form>{% endblock %}
{% block dialogs %}{% call dialog('more', 'More of it') %}
<form method="post">{{ csrf() }}{{ dialog_foot('Go') }}</form>{% endcall %}{% endblock %}"""


def make_area() -> Area:
    """The list, a page with a form, and a bare page."""
    pages = Blueprint("look", __name__)

    @pages.get("/look/thing")
    @requires("self")
    def thing() -> str:
        return render_template_string(PAGE)

    @pages.post("/look/thing")
    @requires("self")
    def change() -> Response:
        flash(f"did {request.form.get('do')}", "success")
        return redirect("/look/thing")

    @pages.get("/look/stranger")
    @public
    def stranger() -> str:
        return render_template_string("{% extends 'base.html' %}{% block content %}hello{% endblock %}")

    return Area(
        "look",
        blueprints=(pages,),
        admin_views=lambda: (
            Variants(Variant, name="Variants", endpoint="look_variants", url="/look"),
            Cheap(Variant, name="Cheap", endpoint="look_cheap", url="/cheap"),
        ),
        menu=(
            MenuEntry("Products", "look_variants.index_view", "catalog:read", "products", 100),
            MenuEntry("Orders", "look.thing", "self", "orders", 200),
        ),
    )


def make_look_app(settings: Settings, dsn: str) -> Flask:
    """The application with that area alone."""
    app = create_app(replace(settings, database_url=dsn), areas=[make_area()])
    loader = app.jinja_env.loader
    assert loader is not None
    app.jinja_env.loader = ChoiceLoader([DictLoader({"look_list.html": LIST}), loader])
    return app


def make_bare_app(settings: Settings) -> Flask:
    """The application without areas and without a database: it starts all the same."""
    return create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"), areas=[])


def close(app: Flask) -> None:
    """Give the connections of an application back to the server."""
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def fill(app: Flask) -> list[int]:
    """Thirty variants of one price, so that only the key tells them apart, and three cheap ones; their ids."""
    with app.app_context():
        product = make_product(options={"Size": [str(n) for n in range(33)]})
        made = [
            make_variant(
                product, values=[("Size", str(n))], sku=f"LOOK-{n:02}", price="5.00" if n < 3 else "12.50", active=True
            )
            for n in range(33)
        ]
        return [variant.id for variant in made]


def cookie_for(app: Flask, role: str) -> str:
    """A session of a new person with this role."""
    with app.app_context():
        email = f"{role}-{secrets.token_hex(4)}@shop.example"
        person = users.create_user(users.CreateUser(email, role), actor=OWNER)
        user_id = person.id
        return sign_in.open_browser(sign_in.OpenFor(user_id, sign_in.Browser(None, None)), actor=OWNER)
