"""Stock changed by hand: a difference, or a count with the figure that was seen."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from magflow.concurrency import lock_variants, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, InsufficientStock, Invalid, Shortage
from magflow.models import Variant
from magflow.services import ledger

LARGEST_STOCK = 1_000_000_000


@dataclass(frozen=True)
class AdjustStock:
    """Either `delta`, or `set_to` together with `expected`. `reason` is text for people: damaged, found, count."""

    variant_id: int
    reason: str
    delta: int | None = None
    set_to: int | None = None
    expected: int | None = None


@transactional
def adjust(session: Session, command: AdjustStock, *, actor: Actor) -> Variant:
    """Change one variant's stock. A count that was made on another figure is refused, so that no sale is undone.

    Raises NotFound, StaleVersion, InsufficientStock (the difference would fall below zero), Invalid.
    """
    _check(command)
    variant = lock_variants(session, [command.variant_id])[command.variant_id]
    if command.delta is not None:
        if variant.stock + command.delta < 0:
            raise InsufficientStock([Shortage(variant.id, variant.sku, -command.delta, variant.stock)])
        if variant.stock + command.delta > LARGEST_STOCK:
            raise Invalid([FieldError("delta", "too_large", {"limit": LARGEST_STOCK})])
        ledger.add(session, {variant.id: command.delta}, reason="adjustment", note=command.reason)
    elif command.set_to is not None and command.expected is not None:
        ledger.check_expected("stock", command.expected, variant.stock)
        ledger.set_to(session, {variant.id: command.set_to}, reason="count", note=command.reason)
    session.refresh(variant)
    return variant


def _check(command: AdjustStock) -> None:
    errors: list[FieldError] = []
    if not command.reason.strip():
        errors.append(FieldError("reason", "required"))
    if (command.delta is None) == (command.set_to is None):
        errors.append(FieldError("delta", "one_of", {"fields": "delta, set"}))
    if command.delta == 0:
        errors.append(FieldError("delta", "zero"))
    if command.set_to is not None and command.expected is None:
        errors.append(FieldError("expected", "required"))
    if command.set_to is not None and not 0 <= command.set_to <= LARGEST_STOCK:
        errors.append(FieldError("set", "out_of_range", {"least": 0, "limit": LARGEST_STOCK}))
    if errors:
        raise Invalid(errors)
