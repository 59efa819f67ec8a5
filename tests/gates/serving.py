"""A web process of its own, to be killed: `python -m tests.gates.serving DSN HOME` says its port and serves the API."""

from __future__ import annotations

import os
import socket
import sys

from magflow.app import create_app
from magflow.settings import Settings
from magflow.up.web import WebServer

CLIENTS = 16


def main(dsn: str, home: str) -> None:
    """Serve until we are killed."""
    os.environ.update(MAGFLOW_HOME=home, MAGFLOW_ENV="testing", DATABASE_URL=dsn, MAGFLOW_API_RATE="0")
    settings = Settings.from_environment()
    app = create_app(settings)
    listening = socket.create_server(("127.0.0.1", 0))
    server = WebServer(app, listening, CLIENTS)
    os.write(1, f"{listening.getsockname()[1]}\n".encode())
    server.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
