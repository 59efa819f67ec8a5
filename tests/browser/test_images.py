"""One variant in the browser: pictures uploaded, put in order by the keyboard, described; its draft swapped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from magflow.db import db
from tests.browser.conftest import Person
from tests.pictures import picture_file
from tests.shop import make_product, make_variant

pytestmark = pytest.mark.browser


@pytest.fixture
def mugs(module_app: Flask) -> tuple[int, int]:
    """The ids of a variant and of its draft."""
    with module_app.app_context():
        product = make_product(name="Mug", options={"Color": ["Red", "Blue"]})
        red = [("Color", "Red")]
        sold = make_variant(product, values=red, sku="MUG-RED", price="20.00", stock=3)
        draft = make_variant(product, values=red, sku="MUG-RED-NEW", price="25.00", active=False)
        ids = sold.id, draft.id
        db.session.remove()
    return ids


def test_pictures_of_a_variant_and_the_swap_of_its_draft(ana: Person, mugs: tuple[int, int], tmp_path: Path) -> None:
    sold, draft = mugs
    files = []
    for name, colour in (("front.jpg", "#c03020"), ("back.jpg", "#3020c0"), ("logo.svg", None)):
        files.append(tmp_path / name)
        files[-1].write_bytes(picture_file(colour=colour, size=(400, 300)) if colour else b"<svg/>")

    page = ana.go(f"/products/variants/{sold}")
    page.fill("[name=title]", "typed and not saved")
    page.set_input_files("#pictures-file", files)
    expect(page.locator(".picture")).to_have_count(2)
    expect(page.locator("[data-images-said]")).to_contain_text("logo.svg: This is not a JPEG")
    page.wait_for_function(
        "[...document.querySelectorAll('.picture img')].every(i => i.complete && i.naturalWidth > 0)"
    )

    first, second = (page.locator(".picture").nth(n).get_attribute("data-image") for n in range(2))
    page.focus(f"#later-{first}")
    page.keyboard.press("Enter")
    expect(page.locator(".picture").first).to_have_attribute("data-image", second or "")
    expect(page.locator("#toasts")).to_contain_text("The picture is number 2 now.")
    # At the end of the row the other button of the same picture keeps the focus: back again with one key.
    expect(page.locator(f"#earlier-{first}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".picture").first).to_have_attribute("data-image", first or "")
    page.locator(".picture").nth(1).drag_to(page.locator(".picture").nth(0))
    expect(page.locator(".picture").first).to_have_attribute("data-image", second or "")

    page.fill(f"#alt-{second}", "The mug from behind")
    page.keyboard.press("Tab")
    expect(page.locator(".picture img").first).to_have_attribute("alt", "The mug from behind")
    page.click(".picture:nth-child(2) [data-confirm]")
    page.click("#confirm [data-verb]")
    expect(page.locator(".picture")).to_have_count(1)
    expect(page.locator("[name=title]")).to_have_value("typed and not saved")

    page.evaluate("document.querySelector('form[data-guard]').dataset.dirty = ''")
    ana.go(f"/products/variants/{draft}")
    page.click("text=Activate")
    ana.agree()
    expect(page.locator(".versus .differs")).to_have_count(2)
    expect(page.locator(".versus .differs th").first).to_contain_text("Price")
    ana.press("text=Swap: sell MUG-RED-NEW instead")
    expect(page.locator("tr", has_text="MUG-RED-NEW")).to_contain_text("Active")
    expect(page.locator("tr", has=page.locator("small", has_text=re.compile("^MUG-RED$")))).to_contain_text("Draft")
    expect(page.locator("tr .thumb[src]")).to_have_count(1)

    ana.go(page.url.removeprefix(ana.address).split("?")[0] + "/grid")
    expect(page.locator(f"#cell-{sold}-picture img")).to_have_attribute("src", re.compile("/thumbnail$"))
    expect(page.locator(f"#cell-{draft}-picture")).to_have_text("no picture")
    # A block is copied and pasted as if the column were not there.
    page.locator(f"#cell-{sold}-sku").click()
    page.evaluate(
        r"""() => {
          const data = new DataTransfer();
          data.setData("text/plain", "MUG-1\tRed\tOne\t21\nMUG-2\tRed\tTwo\t22");
          document.querySelector("[data-editor]").dispatchEvent(new ClipboardEvent("paste", {clipboardData: data}));
        }"""
    )
    expect(page.locator("[data-sum]")).to_contain_text("Outside of the grid, left out: 2")
    page.click("[data-paste] [data-apply]")
    expect(page.locator(f"#cell-{draft}-title .grid-text")).to_have_text("Two")
    expect(page.locator(f"#cell-{draft}-price .grid-text")).to_have_text("22.00")
    page.click("[data-discard]")
    expect(page.locator("[data-save]")).to_be_disabled()
