"""The simulator as a process: serves a world until it is told to stop, and keeps it for the next time."""

import contextlib
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from magflow.simulator import keeping
from magflow.simulator.keeping import Place
from magflow.simulator.making import USERS
from magflow.simulator.server import running
from magflow.simulator.world import World


def serve(world: World, place: Place, file: Path | None, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. `file`: where the world is kept. Raises OSError when a port is taken."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with running(world, port=place.port, control_port=place.control_port) as served:
        say(f"eMAG simulator: {served.api_url}  control: {served.control_url}")
        for name, (who, password) in USERS.items():
            say(f"account {name}: user {who}, password {password}")
        with keeping.kept(world, place, file) if file else contextlib.nullcontext():
            ended.wait()
