"""Homes and servers of their own: what is killed here must not be what other tests stand on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from magflow.postgres import embedded
from magflow.postgres.embedded import Server
from magflow.settings import Settings

Start = Callable[..., Server]


def settings_for(home: Path, **environment: str) -> Settings:
    """Settings that know nothing of the machine's environment."""
    return Settings.from_environment({"MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing", **environment})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder, still empty, that nobody else can look into."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Starts or joins the server of `home`; whatever still runs is stopped at the end."""
    held: list[Server] = []

    def starting(**environment: str) -> Server:
        held.append(embedded.start(settings_for(home, **environment)))
        return held[-1]

    yield starting
    for server in held:
        server.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a module may look at, but not harm."""
    with embedded.start(settings_for(tmp_path_factory.mktemp("home"))) as server:
        yield server


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account of the machine can reach: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="magflow-test-", dir="/var/tmp" if os.access("/var/tmp", os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
