"""The database comes and goes; MagFlow starts without it, says so, and recovers by itself."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
import pytest
from flask import Flask

from magflow.app import create_app
from magflow.settings import Settings
from tests.conftest import ShopDatabase
from tests.web.conftest import Browser, close, make_token, make_user, signed_in
from tests.web.probe import probe_area


class Wire:
    """A wire between MagFlow and its database that can be cut and mended."""

    def __init__(self, folder: Path, target: str) -> None:
        self.target = target
        self.folder = folder
        self.path = folder / Path(target).name
        self.listening: socket.socket | None = None
        self.open: list[socket.socket] = []

    def mend(self) -> None:
        """Let connections through."""
        self.path.unlink(missing_ok=True)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        self.listening.listen(64)
        threading.Thread(target=self._serve, args=(self.listening,), daemon=True).start()

    def cut(self) -> None:
        """End every connection and take no new one."""
        if self.listening is not None:
            self.listening.shutdown(socket.SHUT_RDWR)
            self.listening.close()
            self.listening = None
        for end in self.open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.open.clear()
        self.path.unlink(missing_ok=True)

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.target)
            self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(database: ShopDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    parts = dict(parse_qsl(urlsplit(database.app_dsn).query))
    if not parts.get("host", "").startswith("/"):
        pytest.skip("the server listens on no socket in the file system")
    short = Path(f"/tmp/mfw{threading.get_native_id()}")
    short.mkdir(exist_ok=True)
    wire = Wire(short, f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}")
    yield wire
    wire.cut()
    short.rmdir()


@pytest.fixture
def cut_off(wire: Wire, database: ShopDatabase, settings: Settings) -> Iterator[Flask]:
    """An application that was started while the database was away."""
    from magflow.blueprints.home import area as home
    from magflow.blueprints.settings import area as own_settings

    parts = urlsplit(database.app_dsn)
    query = {**dict(parse_qsl(parts.query)), "host": str(wire.folder)}
    dsn = urlunsplit(parts._replace(query=urlencode(query)))
    app = create_app(replace(settings, database_url=dsn), areas=[home, own_settings, probe_area()])
    yield app
    close(app)


def test_it_starts_without_a_database_and_recovers_by_itself(cut_off: Flask, wire: Wire, site: Flask):
    boss, token = make_user(site), make_token(site)
    headers = {"Authorization": f"Bearer {token}"}
    client = cut_off.test_client()

    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["reason"]) == (503, "the database does not answer")
    assert client.get("/sign-in").status_code == 200
    answer = client.get("/api/v1/notes", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (503, "retry_later")
    assert answer.headers["Retry-After"]

    assert 'magflow_waiting{what="database"} 0.0' in client.get("/metrics").get_data(as_text=True)

    wire.mend()

    assert client.get("/readyz").json == {"status": "ready"}
    assert client.get("/api/v1/notes", headers=headers).status_code == 200
    browser = Browser(cut_off)
    assert browser.sign_in(boss.email).status_code == 303
    assert browser.get("/").status_code == 200

    wire.cut()

    for path in ("/", "/settings/profile"):
        page = browser.get(path)
        assert page.status_code == 503
        assert "The database does not answer" in page.get_data(as_text=True)
        assert "psycopg" not in page.get_data(as_text=True)
    posted = client.post("/api/v1/notes", json={"key": "cut"}, headers=headers)
    assert (posted.status_code, posted.json["code"]) == (503, "retry_later")

    wire.mend()

    assert browser.get("/").status_code == 200
    assert client.post("/api/v1/notes", json={"key": "cut"}, headers=headers).json["data"]["times"] == 1


def test_connections_that_the_server_ended_are_not_noticed_by_anybody(site: Flask, owner, database: ShopDatabase):
    token = make_token(site)
    browser = signed_in(site, make_user(site))
    headers = {"Authorization": f"Bearer {token}"}
    client = site.test_client()
    for n in range(3):
        assert client.post("/api/v1/notes", json={"key": "ended"}, headers=headers).status_code == 201
        assert browser.get("/").status_code == 200
        with psycopg.connect(database.admin_dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'magflow-web' AND datname = current_database()"
            )
        answer = client.post("/api/v1/notes", json={"key": "ended"}, headers=headers)
        assert answer.status_code == 201, n
        assert answer.json["data"]["times"] == 2 * n + 2
        assert browser.get("/").status_code == 200
