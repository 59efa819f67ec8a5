"""A package from outside adds an area without a changed line in MagFlow; a broken one is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Blueprint

from magflow.app import create_app
from magflow.settings import Settings
from magflow.web.areas import Area, AreaBroken, check_names, load_areas
from tests.conftest import ShopDatabase
from tests.web.conftest import Browser, close, make_token, make_user, signed_in

PLUGIN = '''
import click
from flask import Blueprint
from flask_admin import BaseView, expose
from magflow.web.api import ApiBlueprint, success
from magflow.web.areas import Area, MenuEntry
from magflow.web.permissions import requires

pages = Blueprint("parcels", __name__)
api = ApiBlueprint("api_parcels", __name__, description="Parcels")

@pages.get("/parcels")
@requires("orders:read")
def index():
    """Every parcel."""
    return "<p>parcels</p>"

@api.get("/parcels")
@requires("orders:read")
@api.answers(None, many=True)
def list_parcels():
    """Every parcel."""
    return success([{"id": 1}], meta={"total": 1, "next_cursor": None})

class ParcelView(BaseView):
    permission = "orders:read"
    @expose("/")
    def index(self):
        return "admin parcels"

@click.command("parcels")
def command():
    """Print the parcels."""
    click.echo("no parcels")

area = Area(
    "parcels", blueprints=(pages,), api=(api,), commands=(command,), tasks=("weigh",),
    admin_views=lambda: [ParcelView(name="Parcels", endpoint="admin_parcels", url="/admin/parcels")],
    menu=(MenuEntry("Parcels", "parcels.index", permission="orders:read", icon="truck"),),
)
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Put a distribution where Python finds it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(name: str, module: str, source: str, entry: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[magflow.areas]\n{entry}\n")
        made.append(module)

    yield make
    for module in made:
        sys.modules.pop(module, None)


def test_a_plugin_brings_pages_api_lists_commands_jobs_and_a_line_of_the_menu(
    install, database: ShopDatabase, settings: Settings
):
    install("shop-parcels", "shop_parcels", PLUGIN, "parcels = shop_parcels:area")
    app = create_app(replace(settings, database_url=database.app_dsn))
    try:
        clerk = signed_in(app, make_user(app, "clerk"))
        assert clerk.get("/parcels").get_data(as_text=True) == "<p>parcels</p>"
        assert clerk.get("/admin/parcels/").get_data(as_text=True) == "admin parcels"
        assert 'href="/parcels"' in clerk.get("/").get_data(as_text=True)
        assert Browser(app).get("/parcels").status_code == 302
        token = make_token(app, "orders:read")
        answer = app.test_client().get("/api/v1/parcels", headers={"Authorization": f"Bearer {token}"})
        assert answer.json["data"] == [{"id": 1}]
        spec = app.test_client().get("/api/v1/openapi.json").json
        assert spec["paths"]["/api/v1/parcels"]["get"]["security"] == [{"bearer": ["orders:read"]}]
        [area] = [area for area in app.extensions["magflow.areas"] if area.name == "parcels"]
        assert [command.name for command in area.commands] == ["parcels"]
        assert area.tasks == ("weigh",)
        assert area.source == "shop-parcels 1.2"
    finally:
        close(app)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no wheels')", "RuntimeError: no wheels"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("x = 1", "has no attribute 'area'"),
        ("area = 5", "is not an Area but int"),
    ],
)
def test_a_broken_plugin_is_named(install, source, reason):
    install("broken-area", "broken_area", source, "broken = broken_area:area")
    with pytest.raises(AreaBroken, match=r"broken-area 1\.2") as caught:
        load_areas()
    assert reason in str(caught.value)


def test_two_areas_of_one_name_are_both_named(install):
    source = "from magflow.web.areas import Area\narea = Area('twins')\n"
    install("first-twin", "first_twin", source, "a = first_twin:area")
    install("second-twin", "second_twin", source, "b = second_twin:area")
    with pytest.raises(AreaBroken, match="first-twin") as caught:
        load_areas()
    assert "second-twin" in str(caught.value)


def test_two_blueprints_of_one_name_are_refused_with_their_areas():
    first = Area("one", blueprints=(Blueprint("same", __name__),), source="one-package 1.0")
    second = Area("two", blueprints=(Blueprint("same", __name__),), source="two-package 1.0")
    with pytest.raises(AreaBroken, match=r"'same'.*one-package.*two-package"):
        check_names([first, second])


def test_magflow_s_own_areas_are_found_the_same_way():
    assert {"home", "variants", "orders", "stock_sync", "imports", "settings"} <= {area.name for area in load_areas()}
