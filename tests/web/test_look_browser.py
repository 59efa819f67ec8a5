"""The look in Chromium with the policy on: nothing is refused, what asks asks, the keys work, nothing overflows."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from magflow.settings import Settings
from tests.conftest import ShopDatabase
from tests.web.look_shop import close, cookie_for, fill, make_look_app

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@dataclass
class Shop:
    address: str
    session: str
    browser: Browser

    def page(self, width: int = 1440, height: int = 900, **options: Any) -> Page:
        """A signed-in window that notes what the policy refused and what broke."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, base_url=self.address, **options
        )
        context.add_cookies([{"name": "magflow", "value": self.session, "url": self.address}])
        page = context.new_page()
        page.complaints = []  # type: ignore[attr-defined]
        page.on("console", lambda message: message.type in {"error", "warning"} and complain(page, message.text))
        page.on("pageerror", lambda error: complain(page, str(error)))
        return page


def complain(page: Any, text: str) -> None:
    page.complaints.append(text)


def go(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_selector("html[data-ready]")


@pytest.fixture(scope="module")
def shop(database: ShopDatabase, settings: Settings) -> Iterator[Shop]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: the look was not opened in a browser. Name one with CHROMIUM=/path/to/it")
    app = make_look_app(settings, database.app_dsn)
    fill(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield Shop(f"http://127.0.0.1:{server.server_port}", cookie_for(app, "owner"), browser)
            browser.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        close(app)


def test_an_action_asks_first_and_does_nothing_when_told_no(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/")
    page.check(".pick >> nth=0")
    page.check(".pick >> nth=2")
    page.click("[data-bulk] button[value=drop]")

    assert page.inner_text("#confirm-title") == "Drop these variants?"
    assert page.inner_text("#confirm-body").splitlines() == [
        "Selected: 2",
        "They leave the list.",
        "Nothing else happens.",
    ]
    page.click("#confirm >> text=Cancel")
    assert page.url.endswith("/look/") and not page.is_visible(".toast")

    page.click("[data-bulk] button[value=drop]")
    page.click("#confirm [data-verb]")
    page.wait_for_selector(".toast")
    assert "dropped 2" in page.inner_text(".toast")
    assert page.complaints == []  # type: ignore[attr-defined]


def test_escape_answers_a_question_with_no(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/thing")
    page.fill("[name=name]", "typed")
    page.click("text=Archive")
    page.wait_for_selector("#confirm[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#confirm", state="hidden")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Archive"

    page.click("text=Archive")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast")
    assert "did archive" in page.inner_text(".toast")


def test_without_scripts_nothing_that_asks_can_be_done_unasked(shop: Shop) -> None:
    page = shop.page(java_script_enabled=False)
    page.goto("/look/thing")

    assert page.is_disabled("button[value=archive]")
    page.click("button[value=save]", no_wait_after=True)


def test_the_keys_move_pick_and_find(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/?sort=0")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.inner_text("tr.is-here [data-main]") == "LOOK-01"
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    assert page.inner_text("[data-bulk-count]") == "3"
    page.keyboard.press("k")
    page.keyboard.press("Control+a")
    assert page.inner_text("[data-bulk-count]") == "25"

    page.keyboard.press("/")
    page.keyboard.type("jkx?g")
    assert page.input_value("#finder") == "jkx?g", "in a field the letters are letters"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.is_visible("#keys-help")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/look/thing")
    page.keyboard.press("Escape")
    page.wait_for_url("**/look/")


def test_enter_opens_the_row_and_back_leads_to_the_same_place(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/?sort=0&search=LOOK-1")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=LOOK-10")
    page.click(".page-back")
    page.wait_for_selector("tr[data-row]")
    assert "search=LOOK-1" in page.url and "sort=0" in page.url


def test_a_filter_is_added_and_taken_away_by_hand(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/")
    page.click("text=Add filter")
    page.click(".filter-group summary >> text=SKU")
    form = page.locator(".filter-group[open] form")
    form.locator("[data-operation]").select_option(label="equals")
    form.locator("input.input:visible").fill("LOOK-07")
    form.locator("text=Apply filter").click()
    page.wait_for_selector(".chip >> text=LOOK-07")
    assert page.locator("tr[data-row]").count() == 1

    page.click(".chip-off")
    page.wait_for_selector("tr[data-row] >> nth=24")
    assert page.complaints == []  # type: ignore[attr-defined]


def test_the_colours_are_kept_without_a_flash(shop: Shop) -> None:
    page = shop.page(color_scheme="light")
    go(page, "/look/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("summary:has(.avatar)")
    page.click("[data-theme-choice=dark]")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    go(page, "/look/thing")

    assert light != dark
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.get_attribute("html", "data-theme") == "dark"


@pytest.mark.parametrize("path", ["/look/", "/look/thing", "/look/?search=nothing-like-it"])
def test_nothing_sticks_out_of_the_window(shop: Shop, path: str) -> None:
    page = shop.page()
    go(page, path)

    for width in (320, 390, 641, 700, 761, 900, 1101, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []  # type: ignore[attr-defined]


def test_the_first_row_stands_high(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/")
    top = "document.querySelector('{}').getBoundingClientRect().top"

    assert page.evaluate(f"{top.format('tr[data-row]')} - {top.format('main')}") <= 120


SMALL = """least => [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select')].filter(e => {
  if (!e.checkVisibility({checkVisibilityCSS: true}) || e.closest('.only-read, p, [hidden]')) return false;
  let {width, height} = e.getBoundingClientRect();
  if (!width || !height) return false;
  if (e.matches('[type=checkbox], [type=radio]')) {
    const grown = -parseFloat(getComputedStyle(e, '::after').inset) || 0;
    const label = e.closest('label')?.getBoundingClientRect();
    width = Math.max(width + 2 * grown, label?.width ?? 0); height = Math.max(height + 2 * grown, label?.height ?? 0);
  }
  if (e.matches('td a, th a')) height = Math.max(height, e.closest('td, th').getBoundingClientRect().height);
  return width < least || height < least;
}).map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("path", ["/look/", "/look/thing"])
def test_what_is_pressed_is_large_enough(shop: Shop, path: str) -> None:
    page = shop.page()
    go(page, path)
    assert page.evaluate(SMALL, 24) == []


def test_focus_is_seen_on_everything_that_takes_it(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/thing")
    for _ in range(25):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const e = document.activeElement; if (e === document.body) return true;
            const ringed = (x) => x && parseFloat(getComputedStyle(x).outlineWidth) >= 1
              && getComputedStyle(x).outlineStyle !== 'none';
            return ringed(e) || ringed(e.closest('.finder-field')) || e.outerHTML.slice(0, 80) }"""
        )
        assert seen is True


def test_a_form_is_not_left_by_accident_and_sent_once(shop: Shop) -> None:
    page = shop.page()
    go(page, "/look/thing")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.fill("[name=name]", "typed")
    page.evaluate("location.assign('/look/')")
    page.wait_for_timeout(200)
    assert asked == ["beforeunload"] and page.url.endswith("/look/thing")

    page.fill("[name=name]", "typed again")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".toast")
    assert "did save" in page.inner_text(".toast")
