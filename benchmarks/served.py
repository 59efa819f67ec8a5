"""A running MagFlow for the measurements through HTTP: what `magflow up` starts, with two web processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.ground import Ground

WEB_PROCESSES: Final = 2
START_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Served:
    """Where MagFlow answers, and a token for it."""

    host: str
    port: int
    token: str


@contextlib.contextmanager
def served(place: Ground) -> Iterator[Served]:
    """Start MagFlow on the shop, wait until it is ready, stop it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, **place.environment(MAGFLOW_PORT=str(port))}
    magflow = [sys.executable, "-c", "import sys; from magflow.cli import run; sys.exit(run())"]
    token = subprocess.run(
        [*magflow, "token", "create", "--name", "bench", "--scopes", "all"],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    # A file, not a pipe: a log that nobody reads would stop who writes it.
    said = Path(place.folder) / "served.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*magflow, "up", "--workers", str(WEB_PROCESSES), "--no-worker"],
            env=environment, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_ready(process, port, said)
        yield Served("127.0.0.1", port, token)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while True:
        if process.poll() is not None:
            said = log.read_text(errors="replace")
            raise RuntimeError(f"magflow up ended: {said[-2000:]}")
        with (
            contextlib.suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        if time.monotonic() > deadline:
            process.kill()
            raise RuntimeError("magflow up did not become ready")
        time.sleep(0.05)
