"""What a person may choose for an import; whatever is not chosen is found out, or is what does the least."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from magflow.domain import border
from magflow.domain.border import Unfit
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.imports.cells import Sign
from magflow.domain.imports.dialect import DELIMITERS

ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16", "cp1250", "cp1252")
MATCHES: Final = ("external_id", "sku", "ean")
MODES: Final = ("both", "create", "update")
BLANKS: Final = ("keep", "clear")
STOCKS: Final = ("set", "add")
MISSING: Final = ("nothing", "deactivate")
MEANWHILE: Final = ("refuse", "carry")
ALARM: Final = 20
"""Per cent by which a price may change without anybody being asked to look."""

MOST_MAPPED: Final = 500
LONGEST_HEADER: Final = 200
LONGEST_TARGET: Final = 120


@dataclass(frozen=True)
class Choices:
    """How a file is read, what its columns mean, and what its rows may do."""

    encoding: str | None = None
    delimiter: str | None = None
    signs: Mapping[str, Sign] = field(default_factory=dict)
    """Column, as the file calls it -> its decimal sign."""
    mapping: Mapping[str, str] | None = None
    """Column, as the file calls it -> a field of ours, `option:Name`, or nothing for a column that is left out."""
    match: tuple[str, ...] = ("external_id", "sku")
    """By what a row finds its variant, in this order; options come last in any case."""
    mode: str = "both"
    blank: str = "keep"
    stock: str = "set"
    missing: str = "nothing"
    made_at: str | None = None
    """When the figures of stock were taken, ISO 8601; None: nobody says."""
    meanwhile: str = "refuse"
    """Of stock that moved since then: the row is refused, or the movement is carried into the file's figure."""
    location: str | None = None
    """Of a file with several locations, the one that is this shop; None: all of them together."""
    alarm: int = ALARM

    def as_dict(self) -> dict[str, Any]:
        """For storage: only what was chosen."""
        kept = {name: value for name, value in vars(self).items() if value != getattr(DEFAULT, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


DEFAULT: Final = Choices()


def choices_from(given: Mapping[str, Any]) -> Choices:
    """Outside values as choices. Raises Invalid naming every field that is wrong."""
    errors: list[FieldError] = []

    def one_of(name: str, allowed: tuple[str, ...], default: Any) -> Any:
        value = given.get(name, default)
        if value != default and value not in allowed:
            errors.append(FieldError(name, "not_one_of", {"choices": ", ".join(allowed)}))
        return value

    known = set(vars(DEFAULT))
    errors += [FieldError(str(name)[:60], "unknown_field") for name in given if name not in known]
    chosen = {
        "encoding": one_of("encoding", ENCODINGS, None),
        "delimiter": one_of("delimiter", DELIMITERS, None),
        "mode": one_of("mode", MODES, "both"),
        "blank": one_of("blank", BLANKS, "keep"),
        "stock": one_of("stock", STOCKS, "set"),
        "missing": one_of("missing", MISSING, "nothing"),
        "meanwhile": one_of("meanwhile", MEANWHILE, "refuse"),
        "made_at": _moment(given.get("made_at"), errors),
        "location": _location(given.get("location"), errors),
        "alarm": _percent(given.get("alarm", ALARM), errors),
    }
    match = given.get("match", list(DEFAULT.match))
    if not isinstance(match, list | tuple) or not match or not set(match) <= set(MATCHES):
        errors.append(FieldError("match", "not_one_of", {"choices": ", ".join(MATCHES)}))
        match = DEFAULT.match
    signs = given.get("signs", {})
    if not isinstance(signs, Mapping) or not set(signs.values()) <= {".", ","}:
        errors.append(FieldError("signs", "not_one_of", {"choices": ". ,"}))
        signs = {}
    mapping = given.get("mapping")
    if mapping is not None and not _is_mapping(mapping):
        errors.append(FieldError("mapping", "not_a_mapping"))
    if errors:
        raise Invalid(errors)
    ordered = tuple(name for name in MATCHES if name in match)
    return Choices(**chosen, signs=dict(signs), mapping=mapping, match=ordered)


def _moment(given: Any, errors: list[FieldError]) -> str | None:
    if given is None or given == "":
        return None
    try:
        found = border.moment(given)
    except Unfit as unfit:
        errors.append(FieldError("made_at", unfit.code, unfit.params))
        return None
    return found.isoformat()


def _location(given: Any, errors: list[FieldError]) -> str | None:
    if given is None or given == "":
        return None
    try:
        return border.text(given)
    except Unfit as unfit:
        errors.append(FieldError("location", unfit.code, unfit.params))
        return None


def _percent(given: Any, errors: list[FieldError]) -> int:
    try:
        return border.integer(given, least=1, most=1_000, as_text=isinstance(given, str))
    except Unfit as unfit:
        errors.append(FieldError("alarm", unfit.code, unfit.params))
        return ALARM


def _is_mapping(given: Any) -> bool:
    return (
        isinstance(given, Mapping)
        and len(given) <= MOST_MAPPED
        and all(isinstance(header, str) and len(header) <= LONGEST_HEADER for header in given)
        and all(isinstance(target, str) and len(target) <= LONGEST_TARGET for target in given.values())
    )
