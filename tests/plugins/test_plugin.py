"""A package from outside adds an area: routes, a list, a command and a job, without a changed line in MagFlow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.api.conftest import make_token
from tests.conftest import ShopDatabase
from tests.shop import make_order, make_variant

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGES = ("/", "/parcels", "/parcel-returns/", "/api/v1/openapi.json")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed by pip into a folder of its own."""
    target = tmp_path_factory.mktemp("plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", target, HERE / "parcels"],
        check=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
        timeout=120,
    )
    return target


@pytest.fixture(scope="module")
def environment(installed: Path, database: ShopDatabase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A process that finds the package, on the module's database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAGFLOW_", "PYTEST"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)]),
        "MAGFLOW_HOME": str(tmp_path_factory.mktemp("home")),
        "MAGFLOW_ENV": "testing",
        "DATABASE_URL": database.app_dsn,
        "MAGFLOW_OWNER_DATABASE_URL": database.owner_dsn,
    }


@pytest.fixture(scope="module")
def order_id(module_app: Flask) -> int:
    """An order of six units."""
    with module_app.app_context():
        return make_order((make_variant(), 6)).id


@pytest.fixture(scope="module")
def seen(environment: dict[str, str], order_id: int) -> dict[str, Any]:
    """What the owner sees in an application that found the package."""
    return json.loads(_run(environment, sys.executable, "-m", "tests.plugins.look", *PAGES))


def _run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _magflow(environment: dict[str, str], *arguments: str) -> str:
    return _run(environment, sys.executable, "-c", "from magflow.cli import run; run()", *arguments)


def test_without_the_package_nothing_of_it_is_there(module_app: Flask) -> None:
    assert not [rule.rule for rule in module_app.url_map.iter_rules() if "parcel" in rule.rule]


def test_its_page_stands_in_the_frame_and_in_the_menu(seen: dict[str, Any]) -> None:
    status, page = seen["/parcels"]
    assert status == 200
    assert "<h1>Parcels</h1>" in page
    status, home = seen["/"]
    assert status == 200
    assert 'href="/parcels"' in home


def test_its_list_is_one_of_the_admins(seen: dict[str, Any]) -> None:
    status, page = seen["/parcel-returns/"]
    assert status == 200
    assert "Parcel returns" in page


def test_its_endpoints_are_described_with_the_others(seen: dict[str, Any]) -> None:
    _status, text = seen["/api/v1/openapi.json"]
    parcels = json.loads(text)["paths"]["/api/v1/parcels"]
    assert parcels["post"]["security"] == [{"bearer": ["orders:write"]}]
    assert "/api/v1/orders" in json.loads(text)["paths"]


@pytest.fixture
def weighed(
    environment: dict[str, str], module_app: Flask, order_id: int, owner: psycopg.Connection[tuple[object, ...]]
) -> Iterator[int]:
    """The API was asked to weigh, and a worker did it."""
    token = make_token(module_app, "orders:read", "orders:write")
    asked = _run(environment, sys.executable, "-m", "tests.plugins.ask", token, str(order_id))
    assert json.loads(asked)["order_id"] == order_id
    worker = subprocess.Popen(
        [sys.executable, "-c", "from magflow.cli import run; run()", "worker"], env=environment, cwd=ROOT
    )
    try:
        deadline = time.monotonic() + 60
        query = "SELECT (value #>> '{}')::int FROM settings WHERE key = %s"
        while (row := owner.execute(query, [f"parcels.{order_id}"]).fetchone()) is None:
            assert worker.poll() is None
            assert time.monotonic() < deadline, "the job was not done within a minute"
            time.sleep(0.1)
        assert isinstance(row[0], int)
        yield row[0]
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(40)


def test_its_job_is_done_by_the_worker_and_its_command_reads_it(
    environment: dict[str, str], order_id: int, weighed: int
) -> None:
    assert weighed == 6 * 250
    assert _magflow(environment, "parcels").split() == [str(order_id), "1500"]
    assert "parcels" in _magflow(environment, "--help")


def test_two_areas_of_one_name_are_refused_by_name(environment: dict[str, str], installed: Path) -> None:
    twin = installed / "twin_parcels-2.0.dist-info"
    twin.mkdir()
    (twin / "METADATA").write_text("Metadata-Version: 2.1\nName: twin-parcels\nVersion: 2.0\n")
    (twin / "entry_points.txt").write_text("[magflow.areas]\ntwin = shop_parcels:area\n")
    try:
        command = [sys.executable, "-c", "from magflow.cli import run; run()", "parcels"]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    finally:
        for path in twin.iterdir():
            path.unlink()
        twin.rmdir()
    assert done.returncode != 0
    assert "shop-parcels 1.0" in done.stderr
    assert "twin-parcels 2.0" in done.stderr
    assert "Traceback" not in done.stderr
