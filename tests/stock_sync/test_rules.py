"""Every scenario of stock sync at its boundaries; and the same conditions in SQL, which must agree."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from magflow.db import db
from magflow.domain.stock_sync import (
    Analysis,
    OfferFacts,
    Thresholds,
    analyse,
    effect,
    is_stale,
)
from magflow.queries import stock_sync as reads
from magflow.services.stock_sync.evaluation import listed
from tests.shop import make_product, make_variant
from tests.stock_sync.market import make_accounts, offer, put_offers

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
FRESH = NOW - timedelta(hours=1)
IDS = {"main": 1, "fbe": 2, "third": 3}
POOLS = {"main": ("own", True), "fbe": ("emag-fbe", False), "third": ("own", True)}


def facts(code: str, stock: int, sellers: int | None = 2, **fields: Any) -> OfferFacts:
    pool, shared = POOLS[code]
    given = {"last_synced_at": FRESH, "pool": pool, "pool_shared": shared, **fields}
    return OfferFacts(IDS[code], code, stock, sellers, **given)


def analysed(*offers: OfferFacts, limits: Thresholds | None = None) -> Analysis:
    return analyse("MUG", 7, offers, limits or Thresholds(), NOW)


def told(analysis: Analysis) -> list[tuple[Any, ...]]:
    return [
        (one.type, one.giver and one.giver.code, one.receiver and one.receiver.code, one.amount)
        for one in analysis.recommendations
    ]


SCENARIOS = [
    ("the reference case", [facts("main", 0), facts("fbe", 26)], "high", [("stock_transfer", "fbe", "main", 10)]),
    ("half of what is spare", [facts("main", 0), facts("fbe", 7)], "high", [("stock_transfer", "fbe", "main", 3)]),
    ("half of two", [facts("main", 0), facts("fbe", 2, 1)], "high",
     [("stock_transfer", "fbe", "main", 1), ("reduce_stock", "fbe", "main", 1)]),
    ("one is not spare", [facts("main", 0), facts("fbe", 1)], "high",
     [("restock", None, "main", 10), ("restock", None, "fbe", 10)]),
    ("nobody has any", [facts("main", 0), facts("fbe", 0)], "high",
     [("restock", None, "main", 10), ("restock", None, "fbe", 10)]),
    ("one account alone", [facts("main", 0)], "high", [("restock", None, "main", 10)]),
    ("zero without competition", [facts("main", 0, 1), facts("fbe", 26)], "normal", []),
    ("zero, competition not known", [facts("main", 0, None), facts("fbe", 26)], "normal", []),
    ("one left", [facts("main", 1), facts("fbe", 26)], "medium", [("stock_transfer", "fbe", "main", 10)]),
    ("four left", [facts("main", 4), facts("fbe", 26)], "medium", [("stock_transfer", "fbe", "main", 10)]),
    ("five are enough", [facts("main", 5), facts("fbe", 26)], "normal", []),
    ("both low", [facts("main", 3), facts("fbe", 3)], "medium",
     [("restock", None, "main", 10), ("restock", None, "fbe", 10)]),
    ("both low, one of them less", [facts("main", 2), facts("fbe", 4)], "medium",
     [("restock", None, "main", 10), ("restock", None, "fbe", 10)]),
    ("low here, as low there without competition", [facts("main", 2), facts("fbe", 4, 1)], "medium",
     [("stock_transfer", "fbe", "main", 2), ("reduce_stock", "fbe", "main", 1)]),
    ("three accounts: two of them low", [facts("main", 2), facts("third", 4), facts("fbe", 9)], "medium",
     [("stock_transfer", "fbe", "main", 4), ("stock_transfer", "fbe", "third", 4)]),
    ("better rank, less stock", [facts("main", 6, rank=1), facts("fbe", 30, rank=2)], "medium",
     [("rebalance", "fbe", "main", 10)]),
    ("half of the difference", [facts("main", 6, rank=1), facts("fbe", 11, rank=2)], "medium",
     [("rebalance", "fbe", "main", 2)]),
    ("a difference of one cannot be halved", [facts("main", 6, rank=1), facts("fbe", 7, rank=2)], "normal", []),
    ("better rank, more stock", [facts("main", 30, rank=1), facts("fbe", 6, rank=2)], "normal", []),
    ("equal ranks", [facts("main", 6, rank=1), facts("fbe", 30, rank=1)], "normal", []),
    ("one rank not known", [facts("main", 6, rank=1), facts("fbe", 30)], "normal", []),
    ("no ranks known", [facts("main", 6), facts("fbe", 30)], "normal", []),
    ("no competition here, competition there", [facts("main", 6), facts("fbe", 30, 1)], "normal",
     [("reduce_stock", "fbe", "main", 10)]),
    ("nobody competes anywhere", [facts("main", 6, 1), facts("fbe", 30, 1)], "normal", []),
    ("competition here is not known", [facts("main", 6), facts("fbe", 30, None)], "normal", []),
    ("an offer that has ended", [facts("main", 0, active=False), facts("fbe", 26)], "normal", []),
    ("two product keys", [facts("main", 9, part_number_key="A"), facts("fbe", 9, part_number_key="B")], "medium",
     [("fix_part_number_key", None, None, None)]),
    ("one product key is not known", [facts("main", 9, part_number_key="A"), facts("fbe", 9)], "normal", []),
    ("sent and shown differ", [facts("main", 9, differs=True, sent_stock=5)], "high",
     [("correct_stock", None, None, None)]),
    ("the price is not valid there", [facts("main", 9, faults=("price",))], "medium",
     [("fix_offer", None, None, None)]),
    ("never sent", [facts("main", 9, last_synced_at=None)], "normal", [("offer_update", None, None, None)]),
    ("last sent six days and 23 hours ago", [facts("main", 9, last_synced_at=NOW - timedelta(days=6, hours=23))],
     "normal", []),
    ("last sent seven days ago", [facts("main", 9, last_synced_at=NOW - timedelta(days=7))], "normal",
     [("offer_update", None, None, None)]),
    ("three accounts: the fullest gives to the best rank",
     [facts("main", 8, rank=2), facts("fbe", 30, rank=3), facts("third", 6, rank=1)], "medium",
     [("rebalance", "fbe", "third", 10)]),
    ("three accounts: one of them ranks unknown",
     [facts("main", 8), facts("fbe", 30, rank=3), facts("third", 20, rank=1)], "medium",
     [("rebalance", "fbe", "third", 5)]),
    ("three accounts: two keys for one SKU",
     [facts("main", 9, part_number_key="A"), facts("fbe", 9, part_number_key="A"),
      facts("third", 9, part_number_key="B")], "medium", [("fix_part_number_key", None, None, None)]),
    ("three accounts: the one with most gives", [facts("main", 0), facts("fbe", 8), facts("third", 30)], "high",
     [("stock_transfer", "fbe", "main", 4)]),
    ("three accounts: nothing moves inside a shared pool", [facts("main", 0), facts("third", 30)], "high",
     [("restock", None, "main", 10)]),
]  # fmt: skip


@pytest.mark.parametrize(("offers", "priority", "advice"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_a_scenario(offers: list[OfferFacts], priority: str, advice: list[tuple[Any, ...]]) -> None:
    analysis = analysed(*offers)
    assert (analysis.priority, told(analysis)) == (priority, advice)
    assert analysis.action_required == (priority in {"high", "medium"})


@pytest.mark.parametrize(
    ("age", "stale"),
    [(timedelta(days=6, hours=23), False), (timedelta(days=7), True), (timedelta(days=8), True), (None, True)],
)
def test_an_offer_grows_old_on_the_seventh_day(age: timedelta | None, stale: bool) -> None:
    assert is_stale(None if age is None else NOW - age, NOW, 7) is stale


def test_our_second_account_is_no_rival_under_the_stricter_rule() -> None:
    offers = [facts("main", 0, 2, own_offers=1), facts("fbe", 26, 2, own_offers=1)]
    assert analysed(*offers).priority == "high"
    ours = [facts("main", 0, 2, own_offers=2), facts("fbe", 26, 2, own_offers=2)]
    assert analysed(*ours).priority == "high"
    assert analysed(*ours, limits=Thresholds(strict_competition=True)).priority == "normal"


def test_our_own_offers_alone_are_competition_by_the_plain_rule_only() -> None:
    ours = [facts("main", 6, 2, own_offers=2), facts("fbe", 30, 1, own_offers=1)]
    assert told(analysed(*ours)) == [("reduce_stock", "fbe", "main", 10)]
    assert [offer.other_sellers for offer in analysed(*ours).offers] == [0, 0]
    assert told(analysed(*ours, limits=Thresholds(strict_competition=True))) == []


def test_a_shared_pool_is_counted_once() -> None:
    assert analysed(facts("main", 9), facts("third", 9), facts("fbe", 5)).total_stock == 14


IMPACTS = [
    (26, 10, 2, 2, "Safe", "Will gain/maintain buy button", 0, "Proceed"),
    (26, 21, 2, 2, "Safe", "Will gain/maintain buy button", 0, "Proceed"),
    (26, 22, 2, 2, "Low stock", "Will gain/maintain buy button", 1, "Review"),
    (26, 25, 2, 1, "Low stock", "No competition - little gain", 1, "Review"),
    (26, 26, 2, 2, "Will lose buy button", "Will gain/maintain buy button", 1, "Review"),
    (26, 26, 1, 2, "Safe", "Will gain/maintain buy button", 0, "Proceed"),
    (26, 24, 1, 1, "Safe", "No competition - little gain", 0, "Proceed"),
]


@pytest.mark.parametrize(
    ("there", "amount", "rivals_from", "rivals_to", "giver", "receiver", "warnings", "say"), IMPACTS
)
def test_the_effect_of_a_transfer(
    there: int, amount: int, rivals_from: int, rivals_to: int, giver: str, receiver: str, warnings: int, say: str
) -> None:
    done = effect(facts("fbe", there, rivals_from), facts("main", 0, rivals_to), amount, Thresholds())
    assert (done.from_impact, done.to_impact, len(done.warnings), done.recommendation) == (
        giver, receiver, warnings, say,
    )  # fmt: skip


def random_offers(chance: random.Random, codes: list[str]) -> list[dict[str, Any]]:
    moment = datetime.now(UTC)
    return [
        offer(
            code,
            chance.choice([0, 0, 1, 2, 4, 5, 6, 7, 26, 30]),
            chance.choice([None, 1, 2, 2, 3]),
            rank=chance.choice([None, 1, 2, 3]),
            key=chance.choice([None, "A", "A", "B"]),
            status=chance.choice([1, 1, 1, 0, 2]),
            synced=chance.choice([None, moment - timedelta(days=6, hours=23), moment - timedelta(days=7, hours=1)]),
            differs=chance.choice([None, None, None, moment]),
            price_status=chance.choice([None, 1, 1, 2]),
            documentation=chance.choice([None, 9, 9, 8]),
        )
        for code in chance.sample(codes, chance.randint(1, len(codes)))
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_the_statement_for_many_finds_what_the_rules_find(app: Flask, request: Any, strict: bool) -> None:
    codes = ["main", "fbe", "third", "fourth"]
    if not reads.accounts(db.session()):
        db.session.rollback()
        make_accounts("main", "fbe", "third")
        make_accounts("fourth", source="generic", pool="elsewhere")
    db.session.rollback()
    chance = random.Random(request.config.getoption("--seed") or 7)
    product = make_product(options={"Size": [f"S{n}" for n in range(60)]})
    variants = [make_variant(product, values=[("Size", f"S{n}")], sku=f"R{strict}-{n}") for n in range(60)]
    put_offers([(variant, random_offers(chance, codes)) for variant in variants])
    now = datetime.now(UTC)
    sql = listed("ids", strict=strict, categories=False) + (
        "SELECT variant_id, cause, (SELECT array_agg(x ORDER BY x) FROM unnest(accounts) x) FROM wanted WHERE NOT held"
    )
    ids = [variant.id for variant in variants]
    with db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        rows = driver.execute(sql, {"ids": ids, "now": now, "low_stock": 5, "stale_days": 7}).fetchall()
    limits = Thresholds(strict_competition=strict)
    found = reads.analysed(db.session(), ids, now)
    expected = {
        (variant_id, finding.cause, tuple(sorted(one.account_id for one in finding.accounts)))
        for variant_id, one in found.items()
        for finding in analyse(one.analysis.sku, variant_id, one.analysis.offers, limits, now).findings
    }
    assert {(variant_id, cause, tuple(accounts)) for variant_id, cause, accounts in rows} == expected
    assert len({cause for _id, cause, _accounts in expected}) == 8
    db.session.execute(text("SELECT 1"))
