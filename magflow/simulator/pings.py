"""What the marketplace asks of its sellers, in the background, so that a slow one holds nothing up: callbacks are sent,
documents fetched."""

import contextlib
import queue
import threading
import urllib.error
import urllib.request
from typing import Any, Final
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


LARGEST_DOCUMENT: Final = 10 * 1024 * 1024


def fetch(url: str, into: list[dict[str, Any]]) -> None:
    """Fetch a document that was handed over by its address; what came of it is added to the list."""
    threading.Thread(target=lambda: into.append({"url": url} | _fetched(url)), name="document", daemon=True).start()


def _fetched(url: str) -> dict[str, Any]:
    if urlsplit(url).scheme not in {"http", "https"}:
        return {"status": None, "error": "no web address"}
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - http and https only, checked above
            content = answer.read(LARGEST_DOCUMENT)
            return {"status": answer.status, "pdf": content.startswith(b"%PDF"), "bytes": len(content)}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "error": error.reason}
    except (OSError, ValueError) as error:
        return {"status": None, "error": str(error)}
