"""Transfers as lists and pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import Transfer, TransferStep
from magflow.queries.paging import Page, counted
from magflow.queries.stock_sync import Account, accounts


@dataclass(frozen=True)
class TransferFilter:
    state: str | None = None
    sku: str | None = None
    variant_id: int | None = None
    open: bool = False
    """Only what is not over."""


@dataclass(frozen=True)
class TransferRow:
    """A transfer with its two sides and what happened to its goods."""

    transfer: Transfer
    giver: Account
    receiver: Account
    steps: tuple[TransferStep, ...] = ()

    @property
    def half_done(self) -> bool:
        """One side is written, the other was refused: it has to be completed or undone."""
        return self.transfer.state == "failed" and self.transfer.giver_written == "accepted"


OPEN_STATES = ("suggested", "approved", "running", "failed")


def transfers(
    session: Session, wanted: TransferFilter, *, after: int | None = None, limit: int = 50
) -> Page[TransferRow]:
    """Transfers, newest first."""
    statement = select(Transfer.id)
    if wanted.state:
        statement = statement.where(Transfer.state == wanted.state)
    if wanted.open:
        statement = statement.where(Transfer.state.in_(OPEN_STATES))
    if wanted.sku:
        statement = statement.where(Transfer.sku == wanted.sku)
    if wanted.variant_id is not None:
        statement = statement.where(Transfer.variant_id == wanted.variant_id)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Transfer.id < after)
    ids = list(session.scalars(statement.order_by(Transfer.id.desc()).limit(limit + 1)))
    more, ids = len(ids) > limit, ids[:limit]
    return Page(_rows(session, ids), total, estimate, ids[-1] if more else None)


def transfer(session: Session, transfer_id: int) -> TransferRow:
    """One transfer. Raises NotFound."""
    rows = _rows(session, [transfer_id])
    if not rows:
        raise NotFound("transfer", transfer_id)
    return rows[0]


def _rows(session: Session, ids: Sequence[int]) -> list[TransferRow]:
    if not ids:
        return []
    every: Mapping[int, Account] = {one.id: one for one in accounts(session)}
    found = {row.id: row for row in session.scalars(select(Transfer).where(Transfer.id.in_(ids)))}
    steps: dict[int, list[TransferStep]] = {}
    for step in session.scalars(
        select(TransferStep).where(TransferStep.transfer_id.in_(ids)).order_by(TransferStep.id)
    ):
        steps.setdefault(step.transfer_id, []).append(step)
    return [
        TransferRow(
            found[id_],
            every[found[id_].from_account_id],
            every[found[id_].to_account_id],
            tuple(steps.get(id_, ())),
        )
        for id_ in ids
        if id_ in found
    ]


def running_redivisions(session: Session) -> list[int]:
    """Re-divisions that wait for a marketplace's answer."""
    sql = "SELECT id FROM transfers WHERE state = 'running' AND kind = 'redivide' ORDER BY id"
    return list(session.scalars(text(sql)))


def in_transit(session: Session, variant_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Units on their way to an account, by (variant, account)."""
    rows = session.execute(
        text(
            "SELECT variant_id, to_account_id, sum(amount - received) FROM transfers "
            "WHERE variant_id = ANY (:variants) AND state IN ('approved', 'running') AND kind = 'shipment' "
            "GROUP BY variant_id, to_account_id"
        ),
        {"variants": list(variant_ids)},
    )
    return {(variant_id, account_id): int(units) for variant_id, account_id, units in rows}
