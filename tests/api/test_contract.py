"""The API keeps its word: what its description says is what it takes and what it answers (gate G13).

Schemathesis makes up requests from `/api/v1/openapi.json`, right ones and wrong ones and sequences of them, sends them
to the real web server, and compares every answer with the description.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from magflow.blueprints.imports.words import FILES
from magflow.blueprints.variants.image_requests import PICTURES
from tests.api.conftest import Program, make_token

CHECKS: Final = {
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "positive_data_acceptance", "missing_required_header",
    "unsupported_method", "allow_header_conformance", "use_after_free", "ensure_resource_availability", "ignored_auth",
    "max_response_time",
}  # fmt: skip

BEYOND_SCHEMAS: Final[dict[str, str]] = {
    "invalid": "a cursor that nobody was given",
    "one_of": "two fields that exclude each other",
    "required": "a field that another one needs",
    "zero": "a difference of nothing",
    "repeated": "two names that are one once folded",
    "blank": "a name that is nothing once folded",
    "two_values_of_one_option": "a combination",
    "unknown_option_value": "a combination",
    "not_an_option_of_product": "a combination",
    "value_not_offered": "a combination",
    "not_its_sku": "a SKU of another variant",
    "has_no_options": "combinations of a product without any",
    "below_zero": "a value that is right for another action",
    "not_an_email": "JSON Schema's addresses are wider than mailboxes",
    "not_a_phone": "telephone numbers, as people write them",
    "not_a_time": "years that no shop can mean",
    "too_long": "names that no index holds once folded",
    "idempotency_key_reused": "a key that came with another request",
    "in_the_past": "a moment that is over",
    "not_listed": "an account in which a SKU is not offered",
    "same_account": "two names of one account",
    "unknown": "an account that is not there",
    "vat_unknown": "a price of an offer that was never read",
    "bounds": "a price beside bounds that stand elsewhere",
    "no_public_address": "an invoice of a shop that nobody outside reaches",
    "no_invoice_number": "an order without an invoice",
    "not_confirmed": "an order that is not confirmed",
    "marketplace_ships": "an order that somebody else ships",
    "not_to_be_sent": "an order that nobody accepted",
    "not_finalized": "an order that was not sent",
    "nothing_came_back": "an order that nothing came back of",
    "too_short": "a name that is short once the blanks around it are gone",
    "below_one": "neither parcels nor envelopes",
    "no_ean": "a variant without a barcode",
    "too_few": "a product with a single offer",
    "outside_bounds": "a price beside bounds that stand elsewhere",
    "period_too_long": "two days that lie too far apart",
    "not_a_mapping": "JSON inside of a form's field",
}
"""Codes of a 422 that right data may meet: what they guard no JSON Schema can say."""
BEYOND_SCHEMAS.update(dict.fromkeys([*FILES, *PICTURES], "what is in an uploaded file"))

SOFT_DELETE: Final = "/variants/{variant_id}"
"""DELETE deactivates: what was deleted is there still, as it was promised."""


SHORT: Final = 5
"""Examples per operation, beside the thousands of the coverage phase."""


@dataclass
class Report:
    """What a run tried, and what was not as described."""

    cases: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    def note(self, event: events.ScenarioFinished) -> None:
        """Take the outcome of one scenario."""
        recorder = event.recorder
        self.cases += len(recorder.cases)
        for case_id, nodes in recorder.checks.items():
            for node in nodes:
                self.checks[node.name] += 1
                if node.failure_info is None:
                    continue
                response = recorder.find_response(case_id=case_id)
                body = response.content.decode(errors="replace") if response else ""
                operation = recorder.cases[case_id].value.operation.label
                if not _is_promised(operation, node.name, body):
                    failure = node.failure_info.failure
                    key = f"{operation} | {node.name} | {failure.title}"
                    sample = node.failure_info.code_sample[:700]
                    self.wrong.setdefault(key, f"{key}\n{failure.message[:500]}\n{body[:500]}\n{sample}")

    def __str__(self) -> str:
        return f"{self.cases} cases, checks {dict(self.checks)}\n\n" + "\n\n".join(self.wrong.values())


def _is_promised(operation: str, check: str, body: str) -> bool:
    """Whether what Schemathesis takes for a fault is how the API was meant."""
    if check == "use_after_free":
        return SOFT_DELETE in operation
    if check != "positive_data_acceptance":
        return False
    problem = json.loads(body)
    codes = [error["code"] for error in problem["errors"]] or [problem["code"]]
    return all(code in BEYOND_SCHEMAS for code in codes)


def configuration(seed: int, examples: int, token: str, **phases: bool) -> SchemathesisConfig:
    """All checks, and all phases that are not switched off, as one run with this token."""
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "cache": {"enabled": False},
            "headers": {"Authorization": f"Bearer {token}"},
            "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
            "continue-on-failure": True,
            # The short figure shares its processors with whatever else is tested at the moment.
            "checks": {"max_response_time": 2.0 if examples > SHORT else 10.0},
            "phases": {"stateful": {"max-steps": 8}, **{name: {"enabled": on} for name, on in phases.items()}},
        }
    )


def tried(live: str, config: SchemathesisConfig) -> Report:
    """Run it."""
    schema = schemathesis.openapi.from_url(f"{live}/api/v1/openapi.json", config=config)
    report = Report()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            report.note(event)
        elif isinstance(event, events.NonFatalError):
            report.wrong.setdefault(str(event.info), f"{event.label}: {event.info}")
    return report


@pytest.fixture
def a_shop(program: Program) -> Any:
    """Things with the ids that are tried first."""
    product = program.product(options=[{"name": "Color", "values": ["Red", "Blue"]}])
    variant = program.variant(product, values={"Color": "Red"}, stock=1000)
    return program.order((variant, 1))


@pytest.mark.timeout(900)  # some five thousand requests
@pytest.mark.parametrize(
    "examples", [pytest.param(SHORT, id="short"), pytest.param(800, id="long", marks=pytest.mark.soak)]
)
def test_every_answer_is_as_described(program: Program, live: str, a_shop: Any, examples: int) -> None:
    seed = int(os.environ.get("MAGFLOW_TEST_SEED", "20261120"))
    print(f"seed {seed}")
    report = tried(live, configuration(seed, examples, make_token(program.app)))
    print(report)
    assert not report.wrong, str(report)
    assert not CHECKS - report.checks.keys(), "checks that never ran"


@pytest.mark.parametrize("scopes", [("catalog:read",), ("orders:read", "orders:write"), ("imports:read",)])
def test_narrow_tokens_meet_documented_refusals(
    program: Program, live: str, a_shop: Any, scopes: tuple[str, ...]
) -> None:
    config = configuration(7, 3, make_token(program.app, *scopes), coverage=False, stateful=False)
    report = tried(live, config)
    assert not report.wrong, str(report)
