"""Files behind addresses that a person typed; what may be called is decided where all outgoing requests are."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import httpx2

from magflow.marketplaces import outgoing

TIMEOUT: Final = 30.0
"""Seconds without a byte."""
LONGEST: Final = 900.0
"""Seconds in all."""
BLOCK: Final = 1 << 18


class Silent(Exception):
    """Nobody answers, or not to the end."""


@contextmanager
def download(url: str, *, allowed: Sequence[str] = ()) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Gives the status of the answer, and its body piece by piece. Raises AddressRefused, Silent."""
    target = outgoing.check(url, allowed=allowed)
    default = 443 if target.secure else 80
    named = target.host if target.port == default else f"{target.host}:{target.port}"
    try:
        with httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
            request = client.build_request(
                "GET",
                httpx2.URL(url).copy_with(host=target.address, port=target.port),
                headers={"Host": named, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": target.host},
            )
            response = client.send(request, stream=True)
            try:
                yield response.status_code, _pieces(response)
            finally:
                response.close()
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Silent(str(error)[:200]) from error


def _pieces(response: httpx2.Response) -> Iterator[bytes]:
    ends = time.monotonic() + LONGEST
    for piece in response.iter_raw(BLOCK):
        if time.monotonic() > ends:
            raise Silent("too slow")
        yield piece
