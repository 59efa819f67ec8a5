"""The grid on the screen: how a test opens it, presses keys, and sees what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from magflow.db import db
from magflow.models import Variant
from tests.shop import make_product, make_variant, movements_of
from tests.web.look_shop import cookie_for

MANY = 2_048
"""Variants of the large product."""


@dataclass
class Shop:
    address: str
    app: Flask
    browser: Browser

    def page(
        self, product_id: int, *, role: str = "owner", locale: str = "en", width: int = 1440, **options: Any
    ) -> Page:
        """The grid of a product, its rows loaded; what the policy refused and what broke is noted."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, base_url=self.address, locale=locale, **options
        )
        context.set_default_timeout(10_000)
        session = {"name": "magflow", "value": cookie_for(self.app, role), "url": self.address}
        context.add_cookies([session, {"name": "magflow_locale", "value": locale, "url": self.address}])
        page = context.new_page()
        page.complaints = []  # type: ignore[attr-defined]
        page.on("console", lambda said: said.type in {"error", "warning"} and complain(page, said.text))
        page.on("pageerror", lambda error: complain(page, str(error)))
        page.goto(f"/products/{product_id}/grid")
        page.wait_for_selector("[data-grid][data-state=ready]")
        return page

    def tees(self) -> list[Variant]:
        """A product of three variants: S, M, L; price 10.00, stock 10."""
        with self.app.app_context():
            product = make_product(options={"Size": ["S", "M", "L"]})
            return [make_variant(product, values=[("Size", size)], price="10.00", stock=10) for size in "SML"]


def complain(page: Any, text: str) -> None:
    page.complaints.append(text)


def stored(shop: Shop, variant: Variant) -> Any:
    with shop.app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(Variant).where(Variant.id == variant.id)).one()


def cell(page: Page, variant: Variant, field: str) -> Any:
    return page.locator(f"#cell-{variant.id}-{field}")


def shows(page: Page, variants: Sequence[Variant], field: str, texts: Sequence[str]) -> None:
    """Wait until the cells show these: a cell is drawn with the next frame, not within the key press."""
    for variant, told in zip(variants, texts, strict=True):
        expect(cell(page, variant, field).locator(".grid-text")).to_have_text(told)


def go(page: Page, variant: Variant, field: str) -> None:
    cell(page, variant, field).click()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved(page: Page) -> None:
    expect(page.locator("[data-status]")).to_have_text("Everything is saved.")


def put_on_clipboard(page: Page, block: str) -> None:
    """A paste as the browser delivers it; the clipboard of the machine belongs to everybody."""
    page.evaluate(
        """block => { const data = new DataTransfer(); data.setData('text/plain', block);
        document.querySelector('[data-editor]').dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); }""",
        block,
    )


def hold_saves(page: Page) -> list[Route]:
    """Saves do not reach the server until they are let go."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route("**/grid", hold)
    return held


def first(page: Page, held: list[Route]) -> Route:
    """The first save that is held, as soon as it is there."""
    for _ in range(500):
        if held:
            return held.pop(0)
        page.wait_for_timeout(20)  # lets the browser's events arrive
    raise AssertionError("nothing was sent")


def movements_in(shop: Shop, variant: Variant) -> list[int]:
    with shop.app.app_context():
        return movements_of(variant)
