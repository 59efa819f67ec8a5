"""Every refusal says what happened, to which field, and what to do; in three languages, with its figures filled in."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

import magflow
from magflow.domain import errors
from magflow.domain.errors import FieldError, Refused, Shortage
from magflow.domain.imports.faults import FileFault, ImportBusy
from magflow.services.bulk_edit import BulkRefused
from magflow.services.bulk_undo import NothingToUndo
from magflow.web import sentences
from magflow.web.errors import CODE_OF_STATUS, problem
from magflow.web.locale import CODES

ROOT = Path(magflow.__file__).parent
DOCS = ROOT.parent / "docs"

# The list of refusals is to be the same whatever else of the suite was read before.
for module in pkgutil.walk_packages(magflow.__path__, "magflow."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


def kinds(kind: type[Refused] = Refused) -> Iterator[type[Refused]]:
    """Every refusal that can be raised."""
    for below in kind.__subclasses__():
        if below.__module__.startswith("magflow."):
            yield below
            yield from kinds(below)


EXAMPLES: dict[str, Refused] = {
    "Invalid": errors.Invalid([FieldError("price", "out_of_range", {"least": 0, "limit": 9})]),
    "GenerationTooLarge": errors.GenerationTooLarge(4096, 2048),
    "NotFound": errors.NotFound("variant", 7),
    "CombinationTaken": errors.CombinationTaken(7, "MUG-RED"),
    "AlreadyExists": errors.AlreadyExists(7, "MUG-RED"),
    "StatusMoveRefused": errors.StatusMoveRefused("returned", "pending"),
    "AlreadyTaken": errors.AlreadyTaken("email"),
    "InUse": errors.InUse("product", 7, "orders"),
    "SkuTaken": errors.SkuTaken("MUG-RED"),
    "ExternalIdTaken": errors.ExternalIdTaken("X-1"),
    "ProductMismatch": errors.ProductMismatch("X-1", 7, 8),
    "StaleVersion": errors.StaleVersion(3, 4, {"stock": 5}),
    "AmbiguousSku": errors.AmbiguousSku("MUG", [{"id": 1}, {"id": 2}]),
    "OrderNotEditable": errors.OrderNotEditable(7, "confirmed"),
    "AlreadyFinalized": errors.AlreadyFinalized(7, "confirmed"),
    "VariantUnavailable": errors.VariantUnavailable([{"sku": "MUG"}, {"sku": None, "name": "Cup"}]),
    "InsufficientStock": errors.InsufficientStock([Shortage(1, "MUG", 3, 1), Shortage(2, "CUP", 9, 0)]),
    "OverRestock": errors.OverRestock(7, 3, 1),
    "PriceChanged": errors.PriceChanged("10.00", "12.00", "RON"),
    "RateLimited": errors.RateLimited(5),
    "RetryLater": errors.RetryLater("lock_timeout"),
    "BulkRefused": BulkRefused([]),
    "NothingToUndo": NothingToUndo({7: "changed"}),
    "FileFault": FileFault("empty_file"),
    "ImportBusy": ImportBusy(7, "running"),
}


def example(kind: type[Refused]) -> Refused:
    if kind.__name__ in EXAMPLES:
        return EXAMPLES[kind.__name__]
    if kind.__init__ is Exception.__init__:
        return kind()
    wanted = [
        p
        for p in inspect.signature(kind).parameters.values()
        if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
    ]
    return kind(*["1" for p in wanted if p.kind is not p.VAR_KEYWORD])


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=lambda k: k.__name__), ids=lambda kind: kind.__name__)
def test_a_refusal_speaks_every_language(site: Flask, kind: type[Refused]):
    said = {}
    for code in CODES:
        with site.test_request_context(), force_locale(code):
            body = problem(example(kind))
            said[code] = body["detail"]
            assert body["title"] != ""
            assert body["code"] == kind.code
    assert len(set(said.values())) == len(CODES), said
    assert all("%(" not in sentence for sentence in said.values())


def codes_in_the_code() -> Iterator[tuple[str, str]]:
    """Every code of a field's error that is written somewhere as a literal, with where."""
    position = {"FieldError": 1, "Unfit": 0, "Complaint": 0, "invalid": 1, "CellFault": 1}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in position and len(node.args) > position[name]:
                given = node.args[position[name]]
                for choice in (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,):
                    if isinstance(choice, ast.Constant) and isinstance(choice.value, str):
                        yield choice.value, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_code_of_a_field_has_a_sentence(module_app: Flask):
    missing = sorted({f"{code} ({where})" for code, where in codes_in_the_code() if code not in sentences.FIELD})
    assert not missing, f"add them to magflow/web/sentences.py: {missing}"


def test_a_sentence_lacks_no_figure_that_it_is_given(site: Flask):
    with site.test_request_context(), force_locale("en"):
        assert (
            sentences.field_sentence(FieldError("n", "out_of_range", {"least": 1, "limit": 5}))
            == "It must be from 1 to 5."
        )
        assert sentences.field_sentence(FieldError("n", "out_of_range")) == "This value is not accepted (out_of_range)."
        assert sentences.field_sentence(FieldError("n", "no_such_code")) == "This value is not accepted (no_such_code)."
        assert (
            sentences.field_sentence(FieldError("variant_id", "required", {"or": "sku"}))
            == "Give a value here or in “sku”."
        )


def test_every_shortage_is_named(site: Flask):
    with site.test_request_context(), force_locale("en"):
        said = sentences.sentence(EXAMPLES["InsufficientStock"])
    assert "MUG: 3 asked, 1 there" in said
    assert "CUP: 9 asked, 0 there" in said


@pytest.mark.parametrize(
    "code", sorted({kind.code for kind in kinds()} | set(CODE_OF_STATUS.values()) | set(sentences.TITLES))
)
def test_every_error_code_is_documented(code):
    assert f"`{code}`" in (DOCS / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", sorted(sentences.FIELD))
def test_every_code_of_a_field_is_documented(code):
    assert f"`{code}`" in (DOCS / "errors.md").read_text(encoding="utf-8")
