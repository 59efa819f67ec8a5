"""Callbacks leave in the background: a seller that answers slowly must not hold up the marketplace."""

import contextlib
import queue
import threading
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urlsplit

waiting: Final["queue.Queue[str]"] = queue.Queue(maxsize=1000)
_started = threading.Event()


def send(address: str, number: int) -> None:
    """GET the address with the number behind it."""
    url = f"{address}{number}" if address.endswith("=") else f"{address}?order_id={number}"
    if urlsplit(url).scheme not in {"http", "https"}:
        return
    with contextlib.suppress(queue.Full):  # a ping may get lost; that is what they are like
        waiting.put_nowait(url)
    if not _started.is_set():
        _started.set()
        threading.Thread(target=_deliver, name="pings", daemon=True).start()


def _deliver() -> None:
    while True:
        url = waiting.get()
        with contextlib.suppress(OSError, urllib.error.URLError, ValueError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - http and https only, checked above
