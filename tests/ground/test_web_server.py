"""The web process by itself: what it does with requests when it is told to stop."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from magflow.up.supervisor import listen
from magflow.up.web import WebServer


@dataclass
class SlowShop:
    """A WSGI application whose answers wait until they are let go."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        self.entered.release()
        if environ["PATH_INFO"] == "/slow":
            assert self.let_go.wait(20)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"sold " + body]


@dataclass
class Running:
    shop: SlowShop
    server: WebServer
    port: int
    thread: threading.Thread

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)


@pytest.fixture
def running() -> Iterator[Running]:
    shop = SlowShop()
    listening = listen("127.0.0.1", 0)
    server = WebServer(shop, listening, threads=2)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Running(shop, server, listening.getsockname()[1], thread)
    shop.let_go.set()
    server.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_running_and_waiting_requests_are_answered_before_the_end(running: Running) -> None:
    # Two run, two wait for a thread or stand at the door.
    askers = [running.connect() for _ in range(4)]
    for number, asker in enumerate(askers):
        asker.request("POST", "/slow", body=str(number))
    for _ in range(2):
        assert running.shop.entered.acquire(timeout=20)
    running.server.stop()
    running.shop.let_go.set()
    assert [asker.getresponse().read() for asker in askers] == [b"sold 0", b"sold 1", b"sold 2", b"sold 3"]
    for asker in askers:
        asker.close()


def test_a_request_that_is_still_arriving_is_answered_too(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
        other = running.connect()  # by its answer, the server has read what stands above
        other.request("GET", "/")
        other.getresponse().read()
        running.server.stop()
        client.sendall(b"lf")
        assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"sold half")  # head and body may come apart
        other.close()


def test_silent_connections_do_not_hold_up_the_end(running: Running) -> None:
    silent = running.connect()
    silent.request("GET", "/")
    silent.getresponse().read()
    running.server.stop()
    running.thread.join(5)
    assert not running.thread.is_alive()
    silent.close()


def test_after_the_end_nobody_is_let_in(running: Running) -> None:
    running.server.stop()
    running.thread.join(5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=5).close()


def test_the_answer_does_not_say_what_serves_it(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    assert answer.getheader("Server") == "MagFlow"
    connection.close()
