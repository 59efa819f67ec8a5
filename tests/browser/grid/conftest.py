"""A shop with the grid open in Chromium under the strict policy."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from magflow.services import generation
from tests.browser.grid.screen import Shop
from tests.shop import ANA, make_product

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def shop(module_app: Flask) -> Iterator[Shop]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: the grid was not opened in a browser. Name one with CHROMIUM=/path/to/it")
    server = make_server("127.0.0.1", 0, module_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield Shop(f"http://127.0.0.1:{server.server_port}", module_app, browser)
            browser.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def close_windows(shop: Shop) -> Iterator[None]:
    """No window outlives its test."""
    yield
    for context in shop.browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def many(module_app: Flask) -> int:
    """A product of `MANY` variants."""
    with module_app.app_context():
        product = make_product(options={"A": [f"a{n}" for n in range(32)], "B": [f"b{n}" for n in range(64)]})
        generation.generate(generation.Generate(product.id, price=Decimal("10.00"), stock=5), actor=ANA)
        return product.id
