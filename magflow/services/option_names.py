"""Options and values renamed for the whole shop: no variant is written, no confirmed order changes."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyTaken, NotFound
from magflow.domain.options import name_key
from magflow.models import OptionType, OptionValue, ProductOptionType, ProductOptionValue
from magflow.services.options import OptionInput, check_inputs, lock_option_names


@dataclass(frozen=True)
class Rename:
    """An option by its name, or one of its values."""

    option: str
    name: str
    value: str | None = None


@dataclass(frozen=True)
class Renamed:
    """What is called otherwise now; `products` have it among their options."""

    type: OptionType
    value: OptionValue | None
    products: int


def find(session: Session, option: str, value: str | None = None) -> Renamed:
    """An option or a value of this name, and how many products have it. Raises NotFound."""
    found = session.scalar(select(OptionType).where(OptionType.name_key == name_key(option)))
    if found is None:
        raise NotFound("option", option)
    if value is None:
        used = select(func.count()).where(ProductOptionType.option_type_id == found.id)
        return Renamed(found, None, session.scalar(used) or 0)
    held = session.scalar(
        select(OptionValue).where(OptionValue.option_type_id == found.id, OptionValue.name_key == name_key(value))
    )
    if held is None:
        raise NotFound("option value", value)
    used = select(func.count()).where(ProductOptionValue.option_value_id == held.id)
    return Renamed(found, held, session.scalar(used) or 0)


@transactional
def rename(session: Session, command: Rename, *, actor: Actor) -> Renamed:
    """Call it otherwise, for customers too where they read the old name. Raises Invalid, NotFound, AlreadyTaken."""
    check_inputs([OptionInput(command.option, (command.name,))])
    names = [command.option] if command.value is not None else [command.option, command.name]
    lock_option_names(session, names)
    found = find(session, command.option, command.value)
    row: OptionType | OptionValue = found.value or found.type
    key, name = name_key(command.name), command.name.strip()
    if key != row.name_key and _is_taken(session, found, key):
        raise AlreadyTaken("name")
    if row.presentation in {None, row.name}:
        row.presentation = name
    row.name, row.name_key = name, key
    session.flush()
    return found


def _is_taken(session: Session, found: Renamed, key: str) -> bool:
    taken = select(OptionType.id).where(OptionType.name_key == key)
    if found.value is not None:
        taken = select(OptionValue.id).where(OptionValue.option_type_id == found.type.id, OptionValue.name_key == key)
    return session.scalar(taken.limit(1)) is not None
