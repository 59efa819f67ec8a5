"""Products and variants by their forms: shown before, told after, and two people never overwrite each other."""

from __future__ import annotations

import re

from flask import Flask
from sqlalchemy import select

from magflow.blueprints.variants.forms import listed_values, typed_values
from magflow.db import db
from magflow.models import Product, Variant
from magflow.queries import catalogue, picker, product_views
from magflow.services import products, stock, variants
from magflow.services.options import OptionInput
from tests.blueprints.conftest import Clerk, words
from tests.shop import ANA, make_product, make_variant, movements_of, stock_of

COLORS = {"Color": ["Red", "Blue"], "Size": ["S", "M"]}


def of(variant: Variant, column: str) -> object:
    """A column of a variant as it stands now."""
    value = db.session.scalar(select(getattr(Variant, column)).where(Variant.id == variant.id))
    db.session.remove()
    return value


def version_of_product(product: Product) -> int:
    version = db.session.scalar(select(Product.version).where(Product.id == product.id)) or 0
    db.session.remove()
    return version


def the_plan(html: str) -> str:
    """The fingerprint that the button to save carries."""
    found = re.search(r'name="plan" value="([0-9a-f]{64})"', html)
    assert found, "nothing to save on the page"
    return found.group(1)


def test_a_product_without_options_gets_what_it_is_sold_as(app: Flask, owner_page: Clerk) -> None:
    done = owner_page.send("/products/new", name="Teapot", sku="TEA-1", price="49.90", stock="4")

    assert done.status_code == 303
    pot = db.session.scalars(select(Variant).where(Variant.sku == "TEA-1")).one()
    assert (str(pot.price), pot.stock, pot.status, pot.options_digest) == ("49.90", 4, 0, None)
    db.session.remove()


def test_a_wrong_price_loses_nothing_that_was_typed(app: Flask, owner_page: Clerk) -> None:
    refused = owner_page.send("/products/new", name="Kettle", brand="Ana & Co", price="cheap", description="Old\nred")

    html = refused.get_data(as_text=True)
    assert refused.status_code == 422 and "Price with VAT: A number is expected" in words(html)
    for typed in ('value="Kettle"', 'value="Ana &amp; Co"', "Old\nred", 'value="cheap"'):
        assert typed in html


def test_money_is_read_as_the_person_writes_it(app: Flask, owner_page: Clerk) -> None:
    owner_page.browser.client.set_cookie("magflow_locale", "ro")
    try:
        done = owner_page.send("/products/new", name="Vaza", sku="VAZA-1", price="1.249,50")
    finally:
        owner_page.browser.client.delete_cookie("magflow_locale")
    assert done.status_code == 303
    price = db.session.scalar(select(Variant.price).where(Variant.sku == "VAZA-1"))
    db.session.remove()
    assert str(price) == "1249.50"


def test_options_are_changed_only_as_they_were_shown(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options=COLORS)
    small = make_variant(shirt, values=[("Color", "Red"), ("Size", "S")], sku="KEEP-ME")
    medium = make_variant(shirt, values=[("Color", "Red"), ("Size", "M")], sku="LOSE-ME", stock=4)
    path, form = f"/products/{shirt.id}/options", {"option_name": "Color", "option_values": "Red, Blue"}
    version = version_of_product(shirt)

    shown = owner_page.send(path, **form, version=version)
    said = words(shown)
    assert shown.status_code == 200 and "1 variant is deactivated" in said
    assert re.search(r"LOSE-ME \(Red, M\) – KEEP-ME stays active · its stock of 4 stays on it", said)
    assert of(medium, "status") == 0 and version_of_product(shirt) == version

    # Somebody deactivates the one that was to stay: the plan that was agreed to is no longer what would happen.
    variants.set_active(small.id, False, actor=ANA)
    plan = the_plan(shown.get_data(as_text=True))
    again = owner_page.send(path, **form, version=version, plan=plan)
    assert again.status_code == 422 and "It would do something else by now" in words(again)
    assert of(medium, "status") == 0

    done = owner_page.send(path, **form, version=version, plan=the_plan(again.get_data(as_text=True)))
    assert done.status_code == 303 and of(medium, "status") == 0
    assert "No variant was deactivated" in words(owner_page.get(done.location))


def test_the_report_names_who_went_and_who_stayed(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options=COLORS)
    for size in ("S", "M"):
        make_variant(shirt, values=[("Color", "Red"), ("Size", size)], sku=f"REPORT-{size}")
    path, form = f"/products/{shirt.id}/options", {"option_name": "Color", "option_values": "Blue"}
    shown = owner_page.send(path, **form, version=version_of_product(shirt))
    done = owner_page.send(path, **form, version=version_of_product(shirt), plan=the_plan(shown.get_data(as_text=True)))

    said = words(owner_page.get(done.location))
    assert "1 variant was deactivated" in said and re.search(r"REPORT-M.{0,20}– REPORT-S stays active", said)
    assert "2 variants are orphans" in said and "Red is no longer offered." in said


def test_an_old_page_cannot_change_options(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options=COLORS)
    path, form = f"/products/{shirt.id}/options", {"option_name": "Color", "option_values": "Red"}
    seen = version_of_product(shirt)
    plan = the_plan(owner_page.send(path, **form, version=seen).get_data(as_text=True))
    products.edit(products.EditProduct(shirt.id, {"name": "Renamed"}), actor=ANA)
    late = owner_page.send(path, **form, version=seen, plan=plan)

    assert late.status_code == 409 and "Somebody changed this product meanwhile" in words(late)
    assert version_of_product(shirt) == seen + 1


def test_wrong_options_are_told_at_their_row(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options=COLORS)
    twice = owner_page.send(
        f"/products/{shirt.id}/options",
        version=version_of_product(shirt), option_name="Color", option_values="Red, red",
    )  # fmt: skip
    nameless = owner_page.send(
        f"/products/{shirt.id}/options", version=version_of_product(shirt), option_name="", option_values="Red"
    )
    assert (twice.status_code, nameless.status_code) == (422, 422)
    assert "“red” stands here twice" in words(twice) and "These values belong to no option" in words(nameless)


def test_the_preview_is_what_then_happens(app: Flask) -> None:
    shirt = make_product(options=COLORS)
    for color in ("Red", "Blue"):
        for size in ("S", "M"):
            make_variant(shirt, values=[("Color", color), ("Size", size)])
    wanted = products.SetOptions(shirt.id, [OptionInput("Color", ["Red"]), OptionInput("Cut", ["Slim"])])
    plan = products.preview_options(db.session(), wanted)
    db.session.remove()
    assert plan.deactivate and plan.incomplete and plan.orphans

    done = products.set_options(products.SetOptions(shirt.id, wanted.options, seen_plan=plan.fingerprint), actor=ANA)
    assert (list(done.deactivated), list(done.incomplete), list(done.orphans)) == (
        plan.deactivate, plan.incomplete, plan.orphans
    )  # fmt: skip


def test_activating_a_taken_combination_shows_both_and_lets_them_swap(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options=COLORS)
    red = [("Color", "Red"), ("Size", "S")]
    sold = make_variant(shirt, values=red, sku="SOLD-NOW", price="11.00")
    draft = make_variant(shirt, values=red, sku="THE-DRAFT", price="22.00", active=False)
    form = {"version": of(draft, "version"), "back": "product"}

    asked = owner_page.send(f"/products/variants/{draft.id}/activate", **form)
    assert asked.status_code == 200 and "Activate THE-DRAFT?" in words(asked)
    taken = owner_page.send(f"/products/variants/{draft.id}/activate", **form, agreed="yes")
    said = words(taken)
    assert taken.status_code == 409 and "SOLD-NOW is active and has the same combination as THE-DRAFT" in said
    assert "RON 11.00" in said and "RON 22.00" in said
    assert (of(sold, "status"), of(draft, "status")) == (0, 1)

    swapped = owner_page.send(
        f"/products/variants/{draft.id}/swap",
        version=of(draft, "version"), other=sold.id, other_version=of(sold, "version"),
    )  # fmt: skip
    assert swapped.status_code == 303 and (of(sold, "status"), of(draft, "status")) == (1, 0)


def test_a_swap_of_what_has_changed_since_is_refused_whole(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options=COLORS)
    red = [("Color", "Red"), ("Size", "S")]
    sold = make_variant(shirt, values=red)
    draft = make_variant(shirt, values=red, active=False)
    seen = of(sold, "version")
    variants.edit(variants.EditVariant(sold.id, {"title": "Changed"}), actor=ANA)
    owner_page.send(
        f"/products/variants/{draft.id}/swap", version=of(draft, "version"), other=sold.id, other_version=seen
    )

    assert (of(sold, "status"), of(draft, "status")) == (0, 1)


def test_a_taken_combination_can_still_be_saved_as_a_draft(app: Flask, owner_page: Clerk) -> None:
    shirt = make_product(options={"Color": ["Red"]})
    make_variant(shirt, values=[("Color", "Red")], sku="FIRST-RED")
    html = owner_page.get(f"/products/{shirt.id}/variants/new")
    option, value = re.search(r'name="(option_\d+)">.*?<option value="(\d+)"', html, re.DOTALL).groups()  # type: ignore[union-attr]
    form = {option: value, "price": "5", "sku": "SECOND-RED"}

    refused = owner_page.send(f"/products/{shirt.id}/variants/new", **form)
    assert refused.status_code == 409
    assert "The active variant FIRST-RED has this combination" in words(refused)
    assert 'value="SECOND-RED"' in refused.get_data(as_text=True)
    assert owner_page.send(f"/products/{shirt.id}/variants/new", **form, draft="true").status_code == 303


def test_two_editors_see_both_values_and_the_second_decides(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(price="10.00", sku="BOTH")
    path, seen = f"/products/variants/{mug.id}", of(mug, "version")
    form = {"sku": "BOTH", "version": seen}
    owner_page.send(path, **form, price="11.00")
    late = owner_page.send(path, **form, price="12.00")

    html = late.get_data(as_text=True)
    assert late.status_code == 409 and "Now: 11.00" in words(html) and 'value="12.00"' in html
    assert str(of(mug, "price")) == "11.00"
    again = re.search(r'name="version" value="(\d+)"', html)
    assert again and owner_page.send(path, sku="BOTH", version=again.group(1), price="12.00").status_code == 303
    assert str(of(mug, "price")) == "12.00"


def test_a_count_made_before_a_sale_is_refused_and_kept(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    path = f"/products/variants/{mug.id}/stock"
    stock.adjust(stock.AdjustStock(mug.id, "sold by hand", delta=-1), actor=ANA)
    form = {"how": "count", "counted": "9", "expected": "9", "reason": "inventory"}
    late = owner_page.send(path, **form)

    assert late.status_code == 409 and "you saw 9, now it is 8" in words(late)
    assert 'value="inventory"' in late.get_data(as_text=True) and stock_of(mug) == 8
    assert owner_page.send(path, **{**form, "expected": "8"}).status_code == 303 and stock_of(mug) == 9


def test_a_difference_is_booked_once_and_never_below_zero(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=3)
    path, form = f"/products/variants/{mug.id}/stock", {"how": "delta", "expected": "3", "reason": "torn"}
    for _click in range(2):
        assert owner_page.send(path, **form, delta="−2", form_key="d" * 24).status_code == 303
    assert movements_of(mug) == [-2]
    below = owner_page.send(path, **form, delta="-9")
    assert below.status_code == 409 and "The stock is 1; it cannot fall below zero." in words(below)
    missing = owner_page.send(path, **form)
    assert missing.status_code == 422 and stock_of(mug) == 1


def test_why_is_the_stock_this_number(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=5)
    stock.adjust(stock.AdjustStock(mug.id, "found behind the shelf", delta=2), actor=ANA)
    said = words(owner_page.get(f"/products/variants/{mug.id}/stock"))

    assert "Why is the stock 7?" in said
    assert said.index("found behind the shelf") < said.index("Opening stock")
    assert "ana@shop.example" in said and "+2 7" in said and "+5 5" in said


def test_archiving_asks_and_turns_variants_into_drafts(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant()
    asked = owner_page.send(f"/products/{mug.product_id}/archive")
    assert asked.status_code == 200 and "1 active variant becomes a draft" in words(asked) and of(mug, "status") == 0
    assert owner_page.send(f"/products/{mug.product_id}/archive", agreed="yes").status_code == 303
    assert of(mug, "status") == 1
    assert f'/products/{mug.product_id}"' in owner_page.get("/products?view=archived")


def test_only_the_owner_deletes_for_good(owner_page: Clerk, module_app: Flask) -> None:
    # Two browsers: the application's context is pushed for each look only, because a form's token is kept in it.
    with module_app.app_context():
        mug = make_variant(stock=2)
    path = f"/products/variants/{mug.id}/delete"

    def there() -> bool:
        with module_app.app_context():
            return of(mug, "id") == mug.id

    assert Clerk(module_app, "manager").send(path, agreed="yes").status_code == 403
    assert owner_page.send(path).status_code == 200 and there()
    assert owner_page.send(path, agreed="yes").status_code == 303 and not there()


def test_the_views_of_products_hold_what_they_say(app: Flask, owner_page: Clerk) -> None:
    empty = make_product(name="View empty")
    with_draft = make_product(name="View drafts")
    make_variant(with_draft, active=False)
    lacking = make_product(name="View lacking", options={"Color": ["Red"]})
    make_variant(lacking)
    sold = make_product(name="View sold out")
    make_variant(sold, stock=0)
    there = {empty.id: "empty", with_draft.id: "drafts", lacking.id: "troubled"}
    for product_id, view in there.items():
        for other in ("empty", "drafts", "troubled"):
            html = owner_page.get(f"/products?view={other}&q=View")
            assert (f'href="/products/{product_id}" data-main' in html) == (other == view), (view, other)
    html = owner_page.get("/products?sold_out=true&q=View")
    assert f'href="/products/{sold.id}" data-main' in html and f'href="/products/{empty.id}"' not in html


def test_garbage_in_the_address_of_a_list_is_left_out(app: Flask, owner_page: Clerk) -> None:
    for garbage in ("at=x", "at=99999999999999999999", "at=1-2-3", "view=nope", "brand=" + "x" * 999, "sold_out=maybe"):
        assert owner_page.browser.get(f"/products?{garbage}").status_code == 200
    for path in ("/orders?at=9.9.9", "/audit/stock?at=1", "/audit/stock?at=9999999999999999999.1.1", "/audit?since=x"):
        assert owner_page.browser.get(path).status_code == 200


def test_values_are_listed_as_they_are_read_back() -> None:
    for values in (["Red", "Blue"], ["1,5 l"], ["1,5 l", "2 l"], ["S"], ['15"'], ["a;b"], ["Red; green", "x"]):
        assert typed_values(listed_values(values)) == values
    assert typed_values("38,39,40") == ["38", "39", "40"] and typed_values(" Red ,, Blue ;") == ["Red", "Blue"]


def test_both_ways_to_find_trouble_agree(app: Flask) -> None:
    """The list of the whole shop asks in another way than the page of one product; the answer must be the same."""
    shirt = make_product(options=COLORS)
    for color in ("Red", "Blue"):
        for size in ("S", "M"):
            make_variant(shirt, values=[("Color", color), ("Size", size)])
    make_variant(shirt, values=[("Color", "Red")], active=False)
    make_variant(make_product(options={"Color": ["Red"]}))
    wanted = products.SetOptions(shirt.id, [OptionInput("Size", ["S"]), OptionInput("Cut", ["Slim"])])
    products.set_options(wanted, actor=ANA)

    session = db.session()
    lacking = set(session.scalars(select(Variant.id).where(~catalogue.complete())))
    holding = set(session.scalars(select(Variant.id).where(catalogue.orphaned())))
    assert set(session.scalars(product_views.incomplete_variants())) == lacking and len(lacking) > 4
    assert set(session.scalars(product_views.orphaned_variants())) == holding and holding
    db.session.remove()


def test_the_picker_finds_by_every_word_and_offers_only_what_can_be_bought(app: Flask) -> None:
    lamp = make_product(name="Lampă de birou", options={"Culoare": ["Roșu", "Alb"]})
    red = make_variant(lamp, values=[("Culoare", "Roșu")], stock=2, sku="LAMP-R", ean="5941234567899")
    white = make_variant(lamp, values=[("Culoare", "Alb")], stock=0, sku="LAMP-A")
    incomplete = make_variant(lamp, stock=5, sku="LAMP-X")

    def found(typed: str) -> list[int]:
        ids = [row.variant.id for row in picker.suggestions(db.session(), typed)]
        db.session.remove()
        return ids

    assert found("lamp rosu") == found("LAMP-R") == found("5941234567899") == found("birou Roșu") == [red.id]
    assert found("lamp alb") == [] and incomplete.id not in found("lamp") and found("   ") == []
    exact = [row.variant.id for row in picker.exactly(db.session(), "lamp-a")]
    db.session.remove()
    assert exact == [white.id]
