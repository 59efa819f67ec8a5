"""Forwarded headers, believed only from the proxies that the settings name (reliability 4.1).

The client is the right-most address that is not a trusted proxy: everything left of it was written by the client.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED: Final = (
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED",
)  # fmt: skip


class TrustedProxies:
    """WSGI middleware: applies X-Forwarded-For, -Proto and -Host of trusted proxies, and drops everybody else's."""

    def __init__(self, app: "WSGIApplication", networks: Sequence[Network]) -> None:
        self.app = app
        self.networks = tuple(networks)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle one request."""
        given = {name: environ.pop(name) for name in FORWARDED if name in environ}
        if given and self._trusted(environ.get("REMOTE_ADDR", "")):
            self._apply(environ, given)
        return self.app(environ, start_response)

    def _apply(self, environ: "WSGIEnvironment", given: Mapping[Any, Any]) -> None:
        for hop in reversed(str(given.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
            address = _address(hop)
            if address is None:
                break
            environ["REMOTE_ADDR"] = str(address)
            if not self._trusted(str(address)):
                break
        scheme = str(given.get("HTTP_X_FORWARDED_PROTO", "")).rpartition(",")[2].strip().lower()
        if scheme in {"http", "https"}:
            environ["wsgi.url_scheme"] = scheme
        host = str(given.get("HTTP_X_FORWARDED_HOST", "")).rpartition(",")[2].strip()
        if host:
            environ["HTTP_HOST"] = host

    def _trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self.networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
