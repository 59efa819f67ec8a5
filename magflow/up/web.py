"""A web process: waitress on the listening socket that it inherits, stopped only when its requests are answered."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, Final

from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from magflow.settings import Settings
from magflow.up.lifeline import Lifeline, in_words
from magflow.up.start import keep_what_was_made

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LISTEN: Final = "MAGFLOW_LISTEN_FD"
FIRST: Final = "MAGFLOW_FIRST_WEB_PROCESS"
DRAIN_SECONDS: Final = 25.0
IDLE_SECONDS: Final = 0.3
LARGEST_BODY: Final = 2**30 + 2**20  # an import of 1 GiB and its form; each route sets its own, smaller limit


class WebServer:
    """Serves until told to stop; then takes nothing new, finishes what runs, and returns."""

    def __init__(self, app: WSGIApplication, listening: socket.socket, threads: int) -> None:
        self._connections: dict[int, Any] = {}
        self._stopping = False
        server = create_server(
            app,
            map=self._connections,
            sockets=[listening],
            threads=threads,
            ident="MagFlow",
            # The application looks at forwarded headers itself and believes trusted proxies only.
            clear_untrusted_proxy_headers=False,
            max_request_body_size=LARGEST_BODY,
            # More than there are threads: browsers keep idle connections open.
            connection_limit=1000,
            channel_timeout=60,
        )
        if not isinstance(server, BaseWSGIServer):
            raise TypeError("one socket makes one server")
        self._server: Any = server

    def stop(self, *_: object) -> None:
        """Ask for the end; fit for a signal handler."""
        if not self._stopping:
            self._stopping = True
            self._server.pull_trigger()

    def run(self) -> None:
        """Serve, then drain."""
        while not self._stopping:
            self._turn(1.0)
        self._take_waiting()
        self._server.accepting = False
        self._server.del_channel()
        self._server.socket.close()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._busy() and time.monotonic() < deadline:
            self._turn(0.1)
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        self._server.trigger.close()

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout=timeout, map=self._connections, use_poll=True, count=1)

    def _take_waiting(self) -> None:
        """Accept who already stands in the queue: closing the socket would turn them away without an answer."""
        before = -1
        while len(self._server.active_channels) > before:
            before = len(self._server.active_channels)
            self._server.handle_accept()

    def _busy(self) -> bool:
        """Close the connections that have been silent for a moment; tell whether others are left."""
        channels: list[HTTPChannel] = list(self._server.active_channels.values())
        now = time.time()
        for channel in channels:
            working = channel.requests or channel.request is not None or channel.total_outbufs_len
            if not working and now - channel.last_activity > IDLE_SECONDS:
                channel.will_close = True
        return bool(channels)


def main() -> None:
    """Run by the supervisor, which passes the listening socket and the settings in the environment."""
    line = Lifeline.inherited()
    listening = socket.socket(fileno=int(os.environ.pop(LISTEN)))
    # Until there is something to drain, stopping is simply ending.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    settings = Settings.from_environment()

    from magflow.app import create_app

    app = create_app(settings)
    server = WebServer(app, listening, settings.threads)
    signal.signal(signal.SIGTERM, server.stop)
    keep_what_was_made()
    line.say_ready(_owner_link(app) if FIRST in os.environ else "")
    server.run()


def _owner_link(app: Flask) -> str:
    """The path of the one-time link to create the owner's account; empty when the shop has users."""
    from magflow.services.users import owner_setup_link

    with app.app_context():
        return owner_setup_link() or ""


if __name__ == "__main__":
    in_words(main)
