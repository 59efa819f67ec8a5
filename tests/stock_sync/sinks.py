"""Where mails and short messages end up in tests: servers of their own on this machine, over the real protocols."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class MailSink:
    """A mail server. `answers`: what it says to a command instead of yes; `mute`: it hangs up after the data."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    mute: bool = False

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


class _Mail(socketserver.StreamRequestHandler):
    sink: MailSink

    def handle(self) -> None:
        self.say("220 sink")
        while line := self.rfile.readline():
            text = line.decode("utf-8", "replace").strip()
            word = text.split(" ")[0].upper()
            self.sink.said.append(text)
            if word == "EHLO":
                self.say("250-sink\r\n250 8BITMIME")
            elif word == "QUIT":
                self.say("221 bye")
                return
            elif word in self.sink.answers:
                self.say(self.sink.answers[word])
            elif word == "DATA":
                self.say("354 go on")
                if not self.data():
                    return
            else:
                self.say("250 fine")

    def data(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b"..") else line)
        content = b"".join(lines)
        self.sink.raw.append(content)
        parsed = email.message_from_bytes(content, policy=default)
        assert isinstance(parsed, EmailMessage)
        self.sink.mails.append(parsed)
        if self.sink.mute:
            return False
        self.say(self.sink.answers.get(".", "250 taken"))
        return True

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """A mail server on a free port."""
    sink = MailSink()
    handler = type("Handler", (_Mail,), {"sink": sink})
    with _Server(("127.0.0.1", 0), handler) as server:
        sink.port = server.server_address[1]
        with _running(server):
            yield sink


@dataclass
class SmsSink:
    """A gateway. `status`: what it answers."""

    port: int = 0
    status: int = 200
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/send"


class _Gateway(BaseHTTPRequestHandler):
    sink: SmsSink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        is_json = self.headers.get("Content-Type") == "application/json"
        self.sink.calls.append({"headers": dict(self.headers), "body": json.loads(body) if is_json else body})
        self.send_response(self.sink.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextmanager
def sms_sink() -> Iterator[SmsSink]:
    """A gateway on a free port."""
    sink = SmsSink()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Gateway,), {"sink": sink})) as server:
        sink.port = server.server_address[1]
        with _running(server):
            yield sink


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(timeout=5)


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content()), str(html.get_content())
