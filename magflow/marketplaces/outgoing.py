"""Requests to addresses that a person typed: never to this machine, its network, or a cloud's own services.

The name is looked up once, every address it has must be a public one, and the connection goes to an address that was
checked, so that a name which changes between look-ups changes nothing. No redirects; the answer is cut.
"""

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx2

PORTS: Final = frozenset({443, 8443})
TIMEOUT: Final = 10.0
LARGEST_ANSWER: Final = 1024 * 1024
SHOWN: Final = 200
NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """The address may not be called; `reason`: not_https, port, user, name, private."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """An address that was checked: where to connect, and what the host is called."""

    url: str
    host: str
    port: int
    address: str
    secure: bool


@dataclass(frozen=True)
class Reply:
    status: int
    text: str
    """The beginning of it."""
    retry_after: str


def check(url: str, *, allowed: Sequence[str] = ()) -> Target:
    """Look an address up and check everything about it. `allowed`: hosts, with ports, that may be called all the same:
    `127.0.0.1:9000`. Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("name") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("user")
    if not host or any(c.isspace() or ord(c) < 0x21 for c in url):
        raise AddressRefused("name")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    trusted = f"{host}:{port}" in allowed
    if parts.scheme != "https" and not (trusted and parts.scheme == "http"):
        raise AddressRefused("not_https")
    if port not in PORTS and not trusted:
        raise AddressRefused("port")
    addresses = _look_up(host, port)
    if not trusted and not all(is_public(address) for address in addresses):
        raise AddressRefused("private")
    return Target(url, host, port, str(addresses[0]), parts.scheme == "https")


def _look_up(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    except (OSError, UnicodeError, ValueError):
        raise AddressRefused("name") from None
    if not addresses:
        raise AddressRefused("name")
    return addresses


def is_public(address: Address) -> bool:
    """Whether it belongs to the internet; what is wrapped in it is looked at too."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address.teredo is not None:
            return False
        if any(address in network for network in NAT64):
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast and not address.is_reserved


def post(url: str, body: bytes, headers: Mapping[str, str], *, allowed: Sequence[str] = ()) -> Reply:
    """Send a body. Raises AddressRefused, and httpx2.TransportError when nobody answers in time."""
    target = check(url, allowed=allowed)
    parts = httpx2.URL(url)
    host = f"[{target.address}]" if ":" in target.address else target.address
    default = 443 if target.secure else 80
    named = target.host if target.port == default else f"{target.host}:{target.port}"
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
        request = client.build_request(
            "POST",
            parts.copy_with(host=host.strip("[]"), port=target.port),
            content=body,
            headers={**headers, "Host": named},
            extensions={"sni_hostname": target.host},
        )
        response = client.send(request, stream=True)
        try:
            return Reply(response.status_code, _beginning(response), response.headers.get("retry-after", ""))
        finally:
            response.close()


def _beginning(response: httpx2.Response) -> str:
    received = b""
    for piece in response.iter_raw(4096):
        received += piece
        if len(received) >= SHOWN * 4:
            break
    return received[: SHOWN * 4].decode("utf-8", "replace").replace("\x00", "")[:SHOWN]
