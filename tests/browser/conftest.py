"""Chromium against the real application, served by the real web server over a real database.

Debian's Chromium is used: the one that CHROMIUM names, or one on the path. Without any the browser tests FAIL and say
so; only MAGFLOW_WITHOUT_BROWSER=1 lets a run go on without them, and then its summary says what was not tested.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright
from waitress.server import create_server

from magflow.domain.actors import Actor
from magflow.services import users

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ALLOWED_WITHOUT = "MAGFLOW_WITHOUT_BROWSER"
NO_BROWSER = (
    "\n\n  NO CHROMIUM: the pages are NOT tested in a browser.\n"
    "  Install it (Debian: apt-get install chromium), or name one: CHROMIUM=/path/to/chromium make test\n"
    f"  To run everything else all the same: {ALLOWED_WITHOUT}=1 make test\n"
)

PASSWORD = "velvet harbour lantern"
OWNER = "ana@shop.example"

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`POLICY ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""

# What passes by is gone after some seconds; on a busy machine that may be before a test looks.
REMEMBER_WHAT_PASSES_BY = """
window.passedBy = [];
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes)
      if (node.nodeType === 1 && node.matches(".toast")) window.passedBy.push(node.innerText);
}).observe(document, { childList: true, subtree: true });
"""


def find_chromium() -> str | None:
    """The browser to use; the one that was named, and no other in its place."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module: other modules of the run start theirs, and a process can hold only one driver at a time.

    Without a browser the tests fail, loudly, unless that was allowed.
    """
    path = find_chromium()
    if path is None:
        if os.environ.get(ALLOWED_WITHOUT) == "1":
            pytest.skip(NO_BROWSER)
        pytest.fail(NO_BROWSER, pytrace=False)
    driver: Playwright
    with sync_playwright() as driver:
        # Root has no sandbox of its own in a container; what is opened here is our own pages alone.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(module_app: Flask) -> Iterator[str]:
    """The application behind waitress on a free port."""
    server: Any = create_server(module_app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(timeout=5)


@dataclass
class Person:
    """Somebody in front of a browser window. `complaints`: what the browser complained about, on any page."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the shop and wait until its scripts run."""
        answer = self.page.goto(self.address + path)
        assert answer is not None and answer.status < 400, f"{path}: {answer.status if answer else 'no answer'}"
        self.ready()
        return self.page

    def ready(self) -> None:
        """Wait until the scripts of the page run."""
        self.page.wait_for_selector("html[data-ready=yes]")

    def press(self, selector: str) -> None:
        """Press something that leads to another page."""
        with self.page.expect_navigation():
            self.page.click(selector)
        self.ready()

    def agree(self) -> None:
        """Press the verb of the question that is asked."""
        with self.page.expect_navigation():
            self.page.click("#confirm [data-verb]")
        self.ready()

    def said(self) -> str:
        """What passed by on this page, or stays above its content."""
        stays = self.page.locator(".flashes .flash, [role=alert]").all_inner_texts()
        return " ".join([*self.page.evaluate("window.passedBy ?? []"), *stays])

    def hears(self, sentence: str) -> None:
        """Wait until that passed by or stays above the content."""
        self.page.wait_for_function(
            """(sentence) => [...window.passedBy, ...[...document.querySelectorAll(
              ".flashes .flash, [role=alert]")].map((one) => one.innerText)].join(" ").includes(sentence)""",
            arg=sentence,
        )

    def listen(self) -> None:
        """Note whatever the browser complains about."""
        self.page.add_init_script(REPORT_VIOLATIONS)
        self.page.add_init_script(REMEMBER_WHAT_PASSES_BY)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        # The status of a refused form is reported as a failure to load; that it is refused is tested elsewhere.
        refused = "status of 409" in message.text or "status of 422" in message.text
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(f"{self.page.url}: {message.text}")


@pytest.fixture(scope="module")
def owner_account(module_app: Flask) -> str:
    """The owner's e-mail address, with an account behind it."""
    with module_app.app_context():
        command = users.CreateUser(OWNER, "owner", PASSWORD, "Ana")
        users.create_user(command, actor=Actor("cli", "tests", "cli"))
    return OWNER


def new_person(browser: Browser, address: str, **options: Any) -> tuple[Person, BrowserContext]:
    """A fresh window, in English unless told otherwise."""
    context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1440, "height": 900}, **options})
    context.set_default_timeout(30_000)
    person = Person(context.new_page(), address)
    person.listen()
    return person, context


def sign_in(person: Person, email: str = OWNER) -> Person:
    """Sign in by the form."""
    person.go("/sign-in")
    person.page.fill("[name=email]", email)
    person.page.fill("[name=password]", PASSWORD)
    person.press("main button[type=submit]")
    return person


@pytest.fixture(scope="module")
def session_cookies(chromium: Browser, address: str, owner_account: str) -> Any:
    """Signed in once a module; each test opens a window of its own with it."""
    person, context = new_person(chromium, address)
    sign_in(person)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def ana(chromium: Browser, address: str, session_cookies: Any) -> Iterator[Person]:
    """The owner, signed in. At the end of the test no page may have had anything to complain about."""
    person, context = new_person(chromium, address, storage_state=session_cookies)
    yield person
    context.close()
    assert person.complaints == []
