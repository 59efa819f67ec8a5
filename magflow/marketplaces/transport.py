"""One request to a marketplace: in turn, within limits of time and size, kept for thirty days without its secrets."""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2

from magflow.marketplaces.errors import Busy, Down
from magflow.marketplaces.protocol import Connection, Exchange, RouteClass

logging.getLogger("httpx2").setLevel(logging.WARNING)  # each request is kept in the database, with more of it

LARGEST_ANSWER: Final = 32 * 1024 * 1024
KEPT_TEXT: Final = 20_000
MOST_NAMES: Final = 1500
"""A page of a hundred orders names each of its lines."""
HIDDEN: Final = "***"
PERSONAL: Final = frozenset(
    {
        "customer", "billing", "shipping", "email", "phone", "sender", "receiver", "authorization", "password",
        "customer_name", "customer_phone", "customer_company", "customer_account_iban", "pickup_address",
        "billing_address", "shipping_address", "consumer_secret", "consumer_key", "observation",
    }
)  # fmt: skip
NAMES: Final = frozenset({"id", "product_id", "order_id", "part_number", "ext_part_number", "sku", "emag_id", "number"})
PAUSES: Final = (0.5, 1.0, 2.0)
"""Seconds between attempts of what may safely be repeated."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, or None when it is no JSON: gateways answer in HTML."""
        try:
            return json.loads(self.body, parse_constant=lambda _name: None)
        except (ValueError, RecursionError):
            return None


class Transport:
    """The wire of one account."""

    def __init__(self, connection: Connection, base_url: str) -> None:
        self.connection = connection
        self.skew = timedelta(0)
        """How far the marketplace's clock is ahead of ours, by its last answer."""
        self._client = httpx2.Client(
            base_url=base_url,
            auth=httpx2.BasicAuth(connection.username, connection.password),
            timeout=httpx2.Timeout(connection.timeout, connect=min(10.0, connection.timeout)),
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json", "User-Agent": "MagFlow"},
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def call(
        self,
        method: str,
        route: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        route_class: RouteClass = "others",
        repeatable: bool = False,
        urgent: bool = False,
    ) -> Answer:
        """Send a request and return the answer, whatever it says. Raises Down and Busy.

        `repeatable`: doing it twice is doing it once, so that a lost answer, a 5xx and a 429 are tried again.
        """
        for pause in (*(PAUSES if self.connection.patient else ()), None):
            try:
                return self._once(method, route, body, query, route_class, urgent)
            except Busy as error:
                if self.connection.pace is not None:
                    self.connection.pace.hold(route_class, error.after)
                if pause is None:
                    raise
                # The turn that is waited for next lies behind the pause that the marketplace asked for.
                if self.connection.pace is None:
                    time.sleep(min(error.after, 5.0))
            except Down as error:
                if pause is None or not (repeatable or not error.sent):
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(
        self, method: str, route: str, body: Any, query: Mapping[str, Any] | None, route_class: RouteClass, urgent: bool
    ) -> Answer:
        if self.connection.pace is not None:
            self.connection.pace.wait(route_class, urgent=urgent)
        content = b"" if body is None else json.dumps(body, ensure_ascii=False, default=str).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        began = time.monotonic()
        try:
            with self._client.stream(method, route, content=content, params=query, headers=headers) as response:
                received = _limited(response)
                answer = Answer(response.status_code, dict(response.headers), received)
        except httpx2.ConnectError as error:
            self._keep(method, route, body, None, began, f"{type(error).__name__}: {error}")
            raise Down(f"nobody answers at {self._client.base_url.host}", sent=False) from error
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            self._keep(method, route, body, None, began, f"{type(error).__name__}: {error}")
            raise Down(f"no answer to {route}: {type(error).__name__}") from error
        self._keep(method, route, body, answer, began, None)
        self._look_at_clock(answer)
        if answer.status == 429:
            raise Busy(f"{route}: too many requests", retry_after(answer.headers))
        if answer.status >= 500:
            raise Down(f"{route} answered {answer.status}")
        return answer

    def _look_at_clock(self, answer: Answer) -> None:
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except (TypeError, ValueError):
            return
        self.skew = theirs.astimezone(UTC) - datetime.now(UTC)

    def _keep(self, method: str, route: str, body: Any, answer: Answer | None, began: float, error: str | None) -> None:
        if self.connection.record is None:
            return
        parsed = answer.json() if answer else None
        said = json.dumps(cleaned(parsed), ensure_ascii=False, default=str) if parsed is not None else ""
        if answer is not None and parsed is None and answer.body:
            said = answer.body[:KEPT_TEXT].decode("utf-8", "replace").replace("\x00", "")
        refused = error or _refusal(answer, parsed)
        self.connection.record(
            Exchange(
                method=method,
                route=route,
                status=answer.status if answer else None,
                milliseconds=round((time.monotonic() - began) * 1000),
                ok=refused is None,
                error=refused,
                request=_cut("" if body is None else json.dumps(cleaned(body), ensure_ascii=False, default=str)),
                response=_cut(said),
                names=tuple(dict.fromkeys([*names_in(body), *names_in(parsed), *_last_part(route)]))[:MOST_NAMES],
            )
        )


def _cut(text: str) -> str:
    """As much of a text as is kept; where something is left out, it says so."""
    return text if len(text) <= KEPT_TEXT else f"{text[:KEPT_TEXT]} … ({len(text)})"


def _limited(response: httpx2.Response) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise httpx2.ReadError("the answer is too large")
        pieces.append(piece)
    return b"".join(pieces)


def _refusal(answer: Answer | None, parsed: Any) -> str | None:
    if answer is None:
        return "no answer"
    if answer.status >= 400:
        return f"HTTP {answer.status}"
    if isinstance(parsed, Mapping) and parsed.get("isError") is True:
        return "isError"
    return None


def _last_part(route: str) -> list[str]:
    last = route.rstrip("/").rpartition("/")[2]
    return [last] if last.isdigit() else []


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the marketplace asks us to wait: a number, a date, or one second."""
    lower = {name.lower(): value for name, value in headers.items()}
    asked = lower.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(min(int(asked[:6]), 3600))
    try:
        return max(0.0, min(3600.0, parsedate_to_datetime(asked).timestamp() - time.time()))
    except (TypeError, ValueError):
        return 1.0


def cleaned(value: Any) -> Any:
    """The value without people and secrets, as deep as it goes."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if inner and str(name).lower() in PERSONAL else cleaned(inner) for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [cleaned(inner) for inner in value]
    return value


def names_in(value: Any) -> Iterable[str]:
    """Ids and SKUs in a request or an answer."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in NAMES and isinstance(inner, str | int) and not isinstance(inner, bool):
                yield str(inner)[:60]
            elif name not in PERSONAL:
                yield from names_in(inner)
            if str(name).isdigit():
                yield str(name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names_in(inner)
