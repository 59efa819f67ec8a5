"""The simulator over HTTP: the API behind its door, limits and faults; the control surface on a port of its own."""

import base64
import binascii
import contextlib
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from magflow.simulator import control
from magflow.simulator.api import serve
from magflow.simulator.envelopes import Reply, envelope
from magflow.simulator.world import Fault, SimAccount, World

PREFIX: Final = "/api-3/"
LARGEST_BODY: Final = 8 * 1024 * 1024
LIMITS: Final = {"orders": ((1.0, 12), (60.0, 720)), "others": ((1.0, 3), (60.0, 180)), "eans": ((1.0, 5), (60.0, 200))}
REFUSED: Final = "You are not allowed to use this API."


class Handler(BaseHTTPRequestHandler, ABC):
    """One connection; HTTP/1.1 so that it stays open."""

    protocol_version = "HTTP/1.1"
    server_version = "kong"
    sys_version = ""
    world: World

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Requests are kept in the world's log, not printed."""

    def handle_any(self) -> None:
        """Answer, with everything that can go wrong on the way."""
        try:
            length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
            raw = self.rfile.read(length) if length else b""
            reply = self.answer(raw)
            if reply is None:
                self.close_connection = True
                return
            self.send(reply)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    @abstractmethod
    def answer(self, raw: bytes) -> Reply | None:
        """What is said to the request; None cuts the line."""

    def send(self, reply: Reply) -> None:
        """Write the answer."""
        if isinstance(reply.body, bytes):
            content, kind = reply.body, "text/html"
        else:
            content = b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False, default=str).encode()
            kind = "application/json"
        headers = {"Content-Type": kind} | dict(reply.headers or {})
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 - the standard library's names


class Api(Handler):
    """eMAG's side."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The world's clock, which may have been moved."""
        return super().date_time_string(self.world.now.timestamp() if timestamp is None else timestamp)

    def answer(self, raw: bytes) -> Reply | None:
        """The door, the limits, the fault of the day, then the route."""
        world, split = self.world, urlsplit(self.path)
        path = split.path.removeprefix(PREFIX).strip("/")
        account = self._account()
        fault = take_fault(world, account, path)
        if world.latency or (fault and fault.kind == "slow"):
            time.sleep(fault.seconds if fault and fault.kind == "slow" else world.latency)
        body = _json(raw)
        reply = self._reply(account, split.path, path, body, parse_qs(split.query), fault)
        with world.lock:
            world.note({"account": account.name if account else None, "method": self.command, "route": path,
                        "body": body, "status": reply.status if reply else None,
                        "fault": fault.kind if fault else None})  # fmt: skip
        if fault and fault.kind == "timeout_after":
            time.sleep(fault.seconds)
            return None
        return reply

    def _account(self) -> SimAccount | None:
        scheme, _, coded = (self.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user = base64.b64decode(coded, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self.world.accounts.get(user)

    def _reply(
        self, account: SimAccount | None, full: str, path: str, body: Any, query: Mapping[str, list[str]],
        fault: Fault | None,
    ) -> Reply | None:  # fmt: skip
        world = self.world
        if fault is not None and (broken := _broken(fault)) is not None:
            return broken if isinstance(broken, Reply) else None
        with world.lock:
            world.catch_up()
            if world.outage_until is not None and world.now < world.outage_until:
                return Reply(502, b"<html>Bad Gateway</html>")
        if not full.startswith(PREFIX):
            return Reply(404, {"message": "Invalid URL"})
        if account is None or not self._password_fits(account):
            return envelope(None, REFUSED, error=True, status=403)
        address = self.client_address[0]
        if account.allowed is not None and address not in account.allowed:
            return envelope(None, f"ERROR: Invalid vendor ip [{address}]", error=True)
        if not account.rights:
            return envelope(None, f"ERROR: {REFUSED.rstrip('.')}", error=True)
        with world.lock:
            if over_limit(world, account, path):
                headers = {"X-RateLimit-Limit-3second": "3", "X-RateLimit-Remaining-3second": "0"}
                return Reply(429, {"message": "API rate limit exceeded"}, headers)
            return serve(world, account, self.command, path, body, query)

    def _password_fits(self, account: SimAccount) -> bool:
        coded = (self.headers.get("Authorization") or "").partition(" ")[2]
        return base64.b64decode(coded).decode().partition(":")[2] == account.password


def _broken(fault: Fault) -> Reply | str | None:
    if fault.kind in {"500", "502", "504"}:
        return Reply(int(fault.kind), b"<html>Bad Gateway</html>")
    if fault.kind == "429":
        headers = {"X-RateLimit-Limit-3second": "3", "X-RateLimit-Remaining-3second": "0"}
        if fault.seconds:
            headers["Retry-After"] = str(int(fault.seconds))
        return Reply(429, {"message": "API rate limit exceeded"}, headers)
    if fault.kind == "drop":
        return "drop"
    if fault.kind == "address":
        return envelope(None, "ERROR: Invalid vendor ip [203.0.113.7]", error=True)
    if fault.kind == "rights":
        return envelope(None, f"ERROR: {REFUSED.rstrip('.')}", error=True)
    return None


def take_fault(world: World, account: SimAccount | None, path: str) -> Fault | None:
    """The next fault that waits for this route, used up by one."""
    with world.lock:
        for fault in world.faults:
            if fault.times > 0 and fault.route in path and fault.account in {"", account.name if account else ""}:
                fault.times -= 1
                return fault
    return None


def over_limit(world: World, account: SimAccount, path: str) -> bool:
    """Whether the account has used up its second or its minute; refused requests count too."""
    if not world.limits:
        return False
    kind = "orders" if path.startswith("order/") else "eans" if path.startswith("documentation/") else "others"
    now = time.monotonic()
    calls = account.calls.setdefault(kind, [])
    calls.append(now)
    while calls and calls[0] <= now - 60:
        calls.pop(0)
    return any(sum(1 for call in calls if call > now - seconds) > most * world.limits for seconds, most in LIMITS[kind])


class Control(Handler):
    """The other side: what a test or a demonstration does to the world."""

    def answer(self, raw: bytes) -> Reply | None:
        """Do it."""
        return control.serve(self.world, urlsplit(self.path).path.strip("/"), _json(raw))


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Running:
    """A simulator that serves: where its API and its control surface are."""

    world: World
    api_url: str
    control_url: str


class Quiet(ThreadingHTTPServer):
    """A server whose lines may be cut without a word."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news here."""


@contextlib.contextmanager
def running(world: World, *, host: str = "127.0.0.1", port: int = 0, control_port: int = 0) -> Iterator[Running]:
    """Serve a world in threads of this process until the block ends."""
    servers = [
        Quiet((host, number), type(kind.__name__, (kind,), {"world": world}))
        for kind, number in ((Api, port), (Control, control_port))
    ]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        addresses = [f"http://{host}:{server.server_address[1]}" for server in servers]
        yield Running(world, addresses[0] + PREFIX.rstrip("/"), addresses[1])
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
