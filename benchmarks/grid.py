"""The grid of a product of 2,048 variants in Chromium: `python -m benchmarks.grid` prints how soon it is there and how
smoothly it scrolls, as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any, Final

from playwright.sync_api import sync_playwright

from benchmarks.ground import Ground, ground
from benchmarks.served import served

ROWS: Final = 2_048
SECONDS: Final = 4

SCROLL: Final = """async seconds => {
    const box = document.querySelector('.grid-scroll'), times = [], began = performance.now();
    const most = box.scrollHeight - box.clientHeight;
    await new Promise(done => requestAnimationFrame(function frame(now) {
        times.push(now);
        const part = (now - began) / (1000 * seconds);
        box.scrollTop = most * Math.min(1, part);
        part < 1 ? requestAnimationFrame(frame) : done();
    }));
    const gaps = times.slice(1).map((time, n) => time - times[n]).sort((a, b) => a - b);
    return {
        frames_per_s: 1000 * gaps.length / (times.at(-1) - times[0]),
        median_ms: gaps[gaps.length >> 1], p95_ms: gaps[Math.floor(gaps.length * 0.95)], longest_ms: gaps.at(-1),
        lines_in_the_page: document.querySelectorAll('.grid-body .grid-line').length,
    };
}"""
PAINTED: Final = """() => ({
    first_paint_ms: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    loaded_ms: performance.getEntriesByType('navigation')[0].loadEventEnd,
})"""


def prepare(place: Ground) -> tuple[int, str]:
    """A product with its variants, and somebody who is signed in: the product's id and the cookie."""
    from magflow.app import create_app
    from magflow.db import db
    from magflow.domain.actors import SYSTEM
    from magflow.domain.roles import OWNER
    from magflow.services import generation, options, products, sign_in, users

    app = create_app(place.settings(), areas=())
    with app.app_context():
        axes = [options.OptionInput(f"Option {n}", [f"{n}-{v}" for v in range(size)]) for n, size in ((1, 32), (2, 64))]
        product = products.create(products.NewProduct(name="Grid", options=axes), actor=SYSTEM)
        generation.generate(generation.Generate(product.id, stock=5), actor=SYSTEM)
        person = users.create_user(users.CreateUser("grid@shop.example", OWNER, "velvet harbour lantern"), actor=SYSTEM)
        cookie = sign_in.open_browser(sign_in.OpenFor(person.id, sign_in.Browser("127.0.0.1")), actor=SYSTEM)
        product_id = product.id
        db.session.remove()
        db.engine.dispose()
    return product_id, cookie


def measure(place: Ground) -> dict[str, Any]:
    """Open the grid twice, the second time with what a browser keeps, and scroll through it."""
    place.new_shop()
    product_id, cookie = prepare(place)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with served(place) as at, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        address = f"http://{at.host}:{at.port}"
        context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
        context.add_cookies([{"name": "magflow", "value": cookie, "url": address}])
        page = context.new_page()
        visits = []
        for _ in range(2):
            page.goto(f"/products/{product_id}/grid")
            page.wait_for_selector("[data-grid][data-state=ready]")
            ready = page.evaluate("performance.now()")
            visits.append({**page.evaluate(PAINTED), "rows_there_ms": ready})
        scrolled = page.evaluate(SCROLL, SECONDS)
        browser.close()
    return {"rows": ROWS, "first_visit": visits[0], "second_visit": visits[1], "scrolled": scrolled}


def main() -> None:
    """Measure and print."""
    with ground() as place:
        report = measure(place)
    report["load"] = os.getloadavg()[0]
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    sys.exit(main())
