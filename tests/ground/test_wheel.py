"""What `pip wheel .` builds runs where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline with the locked build tools."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, "."]
    subprocess.run(command, cwd=CHECKOUT, check=True, timeout=120)
    return next(folder.glob("magflow-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents where an installation would put them, away from the checkout."""
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)
    return site


def run(installed: Path, home: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"}
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=home, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


@pytest.mark.parametrize("folder", ["templates", "static", "migrations"])
def test_it_carries_every_template_static_file_and_migration(installed: Path, folder: str) -> None:
    assert names(installed / "magflow" / "share" / folder) == names(CHECKOUT / folder)


def test_it_carries_the_package_and_nothing_of_the_tests(installed: Path) -> None:
    assert names(CHECKOUT / "magflow") <= names(installed / "magflow")
    assert not (installed / "tests").exists()


def test_it_finds_its_own_folders_and_not_the_checkouts(installed: Path, home: Path) -> None:
    program = "import magflow.settings as s; print(s.__file__); print(s.share('templates'))"
    assert all(line.startswith(str(installed)) for line in run(installed, home, "-c", program).splitlines())


def test_it_makes_a_shop_by_itself(installed: Path, home: Path) -> None:
    assert "upgraded from nothing to" in run(installed, home, "-m", "magflow.cli", "db", "upgrade")
    assert "up to date" in run(installed, home, "-m", "magflow.cli", "db", "current")
