"""What the start of a web process leaves behind, seen from inside the processes that serve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from magflow.simulator import keeping
from magflow.simulator.catalogue import demo_offers
from magflow.simulator.making import demo_world
from tests.ground.test_cli import taken_port
from tests.ground.test_up import eventually, running

__all__ = ["taken_port"]
ROOT = Path(__file__).parents[2]
AN_APPLICATION = 100_000
"""Objects that an application has at least; a bare interpreter has fewer than 20,000."""
AT_ITS_END = """
import atexit, gc, json, os, pathlib, sys
def tell(home=pathlib.Path(os.environ["MAGFLOW_HOME"])):
    told = {"ran": sys.orig_argv, "kept": gc.get_freeze_count()}
    (home / f"seen.{os.getpid()}").write_text(json.dumps(told))
atexit.register(tell)
"""


def test_every_web_process_keeps_its_start_out_of_the_collector(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python runs a module of this name in each process of `magflow up` before anything else.
    (tmp_path / "sitecustomize.py").write_text(AT_ITS_END)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(home, "--workers", "2") as up:
        assert up.get("/readyz")[0] == 200
    seen = [json.loads(file.read_text()) for file in home.glob("seen.*")]
    kept = [process["kept"] for process in seen if "magflow.up.web" in process["ran"]]
    assert len(kept) == 2 and min(kept) > AN_APPLICATION


def test_an_application_under_another_server_does_too(home: Path) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAGFLOW_") and k != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-c", "import gc, wsgi; print(gc.get_freeze_count())"],
        env={**inherited, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > AN_APPLICATION


def test_a_demo_shop_runs_although_the_ports_of_its_marketplace_are_taken(home: Path, taken_port: int) -> None:
    place = keeping.Place(taken_port, taken_port)
    keeping.write(demo_world(demo_offers()), place, home / keeping.NAME)
    with running(home, "--no-worker") as up:
        eventually(lambda: f"its ports {taken_port} and {taken_port} cannot be used" in (home / "output").read_text())
        assert up.get("/healthz")[0] == 200
    assert "starts again in" not in (home / "output").read_text()
