"""What a variant is called outside: names given and taken back by hand. Feeds and imports give their own."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, refer_to_variants, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import ExternalIdTaken, NotFound
from magflow.models import VariantExternalId


@dataclass(frozen=True)
class NewExternalId:
    """The variant is called `external_id` in this account of this source."""

    variant_id: int
    source: str
    source_account: str
    external_id: str


@dataclass(frozen=True)
class Named:
    known: VariantExternalId
    created: bool
    """False when the variant was called so already."""


@dataclass(frozen=True)
class ForgetExternalId:
    variant_id: int
    id: int


@transactional
def add(session: Session, command: NewExternalId, *, actor: Actor) -> Named:
    """Map an external id to a variant; done already, it changes nothing. Raises NotFound, ExternalIdTaken."""
    _lock(session, command.source, command.source_account, command.external_id)
    refer_to_variants(session, [command.variant_id])
    known = session.scalar(
        select(VariantExternalId).where(
            VariantExternalId.source == command.source,
            VariantExternalId.source_account == command.source_account,
            VariantExternalId.external_id == command.external_id,
        )
    )
    if known is not None:
        if known.variant_id != command.variant_id:
            raise ExternalIdTaken(command.external_id)
        return Named(known, created=False)
    known = VariantExternalId(
        variant_id=command.variant_id,
        source=command.source,
        source_account=command.source_account,
        external_id=command.external_id,
    )
    session.add(known)
    session.flush()
    session.refresh(known)
    return Named(known, created=True)


def _lock(session: Session, source: str, account: str, external_id: str) -> None:
    """As a record of a feed does, so that the two never give one name twice."""
    lock_names(session, [("external_id", source, account, external_id)], shared=[("feed", source, account)])


@transactional
def remove(session: Session, command: ForgetExternalId, *, actor: Actor) -> VariantExternalId:
    """Take a mapping back; a feed or import that still uses the id makes a new variant then. Raises NotFound."""
    wanted = select(VariantExternalId).where(
        VariantExternalId.id == command.id, VariantExternalId.variant_id == command.variant_id
    )
    known = session.scalar(wanted)
    if known is None:
        raise NotFound("external id", command.id)
    _lock(session, known.source, known.source_account, known.external_id)
    gone = delete(VariantExternalId).where(VariantExternalId.id == command.id).returning(VariantExternalId.id)
    if session.scalar(gone) is None:
        raise NotFound("external id", command.id)
    session.expunge(known)
    return known
