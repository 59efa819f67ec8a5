"""`magflow up` as a person runs it: started, asked, interrupted, killed, started again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.ground.test_cli import magflow, one_line


@dataclass
class Up:
    """A running `magflow up`."""

    process: subprocess.Popen[str]
    home: Path
    address: str
    said: list[str]

    def get(self, path: str) -> tuple[int, str]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def family(self) -> list[psutil.Process]:
        """The supervisor's living children and theirs, the database's processes aside."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.is_running() and "postgres" not in child.name()]

    def child(self, module: str) -> psutil.Process:
        """The child that runs this module."""
        return next(child for child in self.family() if module in child.cmdline())

    def servers(self) -> list[psutil.Process]:
        """The processes of the embedded database."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if Path(f"/proc/{process.pid}/cwd").samefile(self.home / "postgres" / "data"):
                    found.append(process)
        return found


def eventually(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Ask again until it is so."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, psutil.NoSuchProcess, StopIteration):
            if found := condition():
                return found
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@contextlib.contextmanager
def running(home: Path, *arguments: str) -> Iterator[Up]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAGFLOW_") and k != "DATABASE_URL"}
    command = [sys.executable, "-m", "magflow.cli", "up", "--port", "0", *arguments]
    with (
        (home / "output").open("a") as output,
        subprocess.Popen(
            command,
            env={**inherited, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"},
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        said: list[str] = []
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line.strip())
                if found := re.search(r"runs on (http://\S+)", line):
                    yield Up(process, home, found.group(1), said)
                    break
            else:
                raise AssertionError((home / "output").read_text())
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            process.stdout.read()
            process.wait(60)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running shop that the tests may visit, but not harm."""
    with running(tmp_path_factory.mktemp("shop"), "--no-worker") as up:
        yield up


def test_it_serves_and_is_ready(shop: Up) -> None:
    assert shop.get("/healthz")[0] == 200
    assert json.loads(shop.get("/readyz")[1]) == {"status": "ready"}


def test_a_new_shop_gets_a_one_time_link_that_opens(shop: Up) -> None:
    assert shop.process.stdout is not None
    line = shop.process.stdout.readline()
    link = re.search(r"once: (http://\S+)", line)
    assert link, line
    assert shop.get(urlsplit(link.group(1)).path)[0] == 200


def test_a_second_copy_is_told_where_the_first_one_is(shop: Up) -> None:
    said = one_line(magflow(shop.home, "up", "--port", "0"), 1)
    assert shop.address in said and str(shop.process.pid) in said
    assert "already running" in one_line(magflow(shop.home, "restore", __file__), 1)
    assert shop.get("/healthz")[0] == 200


def test_commands_work_beside_it_and_do_not_take_the_database_with_them(shop: Up) -> None:
    assert magflow(shop.home, "db", "current").code == 0
    token = magflow(shop.home, "token", "create", "--name", "till", "--scopes", "all")
    assert re.fullmatch(r"mgf_[\w-]{43}\n", token.out), token
    made = magflow(
        shop.home,
        "user",
        "create",
        "ana@shop.example",
        "--role",
        "clerk",
        "--password-stdin",
        given="a long passphrase\n",
    )
    assert made.code == 0, made
    assert shop.get("/readyz")[0] == 200


def test_what_is_killed_comes_back_and_the_end_leaves_nothing_behind(home: Path) -> None:
    with running(home) as up:
        assert len(up.family()) == 2
        for module in ("magflow.up.web", "magflow.up.job_worker"):
            victim = up.child(module)
            victim.kill()
            eventually(lambda module=module, victim=victim: up.child(module).pid != victim.pid)
        eventually(lambda: up.get("/readyz")[0] == 200)
        for server in up.servers():
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()
        eventually(lambda: up.get("/readyz")[0] == 200)
        family = up.family()
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(30) == 0
        assert not any(child.is_running() for child in family)
        assert up.servers() == []
    output = (home / "output").read_text()
    assert "the web process was ended by signal 9" in output
    assert "the database server died; starting it again" in output


def test_a_killed_supervisor_takes_its_children_along_and_the_next_start_is_quick(home: Path) -> None:
    with running(home) as up:
        family = up.family()
        up.process.kill()
        up.process.wait()
        eventually(lambda: not any(child.is_running() and child.status() != "zombie" for child in family))
    began = time.monotonic()
    with running(home, "--workers", "2", "--no-worker") as again:
        assert time.monotonic() - began < 20  # 4 s on an idle machine
        assert len([child for child in again.family() if "magflow.up.web" in child.cmdline()]) == 2
        assert {again.get("/readyz")[0] for _ in range(20)} == {200}
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(30) == 0
    assert up.servers() == []
    assert "Traceback" not in (home / "output").read_text()


@pytest.mark.parametrize("when", ["at once", "while it migrates"])
def test_an_interrupted_start_leaves_nothing_behind(home: Path, when: str) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAGFLOW_") and k != "DATABASE_URL"}
    with subprocess.Popen(
        [sys.executable, "-m", "magflow.cli", "up", "--port", "0"],
        env={**inherited, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        waited_for = home / "up.lock" if when == "at once" else home / "postgres" / "data" / "postmaster.pid"
        eventually(waited_for.exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in {0, 130}
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert Up(process, home, "", []).servers() == []
