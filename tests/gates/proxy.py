"""A wire between MagFlow and PostgreSQL that can be cut at a chosen word (gate G7's nemesis)."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

Cut = Literal["request", "answer"]
COMMIT = b"COMMIT\x00"
"""As psycopg sends it, in a message of its own or inside a Parse."""


class Wire:
    """Listens on loopback and passes everything on, until it is told to cut."""

    def __init__(self, dsn: str) -> None:
        self._parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._cut: Cut | None = None
        self._down = False
        self._stopped = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def dsn(self) -> str:
        """The server's address through this wire."""
        parts = self._parts | {"host": "127.0.0.1", "port": str(self._listening.getsockname()[1]), "sslmode": "disable"}
        login = f"{quote(parts.pop('user'), safe='')}:{quote(parts.pop('password', ''), safe='')}"
        database = parts.pop("dbname")
        return f"postgresql://{login}@/{database}?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in parts.items())

    def cut_next_commit(self, what: Cut, *, stay_down: bool = False) -> None:
        """The next COMMIT does not arrive ("request"), or its answer does not ("answer"). Then the wire is whole again,
        unless it stays down."""
        self._cut, self._stay_down = what, stay_down

    def mend(self) -> None:
        """New connections get through again."""
        self._down = False

    def close(self) -> None:
        """Stop listening."""
        self._stopped = True
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._down:
                client.close()
                continue
            threading.Thread(target=self._pass_on, args=(client, self._connect()), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._parts.get("host", "127.0.0.1"), int(self._parts.get("port", "5432"))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return server

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is client and self._cut and COMMIT in data:
                        self._do_cut(data, server)
                        return
                    target.sendall(data)

    def _do_cut(self, data: bytes, server: socket.socket) -> None:
        what, self._cut = self._cut, None
        self.cuts += 1
        self._down = self._stay_down
        if what == "answer":
            server.sendall(data)
            server.recv(1 << 16)  # it has happened; nobody will hear of it


@contextlib.contextmanager
def wire(dsn: str) -> Iterator[Wire]:
    """A wire for the length of a block."""
    made = Wire(dsn)
    try:
        yield made
    finally:
        made.close()
