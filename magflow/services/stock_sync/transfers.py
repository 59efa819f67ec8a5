"""Transfers: asked for, approved, carried out, received, cancelled; each of it once, however often it is asked for.

A re-division changes two numbers: the giver's goes down first, and only when the marketplace has taken that, the
receiver's goes up. A shipment is goods on the road: what leaves the shop is taken from its stock when it leaves, what
arrives there is booked when it arrives.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import StartAgain, execute, lock_names, lock_variants, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.stock_sync import analyse
from magflow.domain.transfers import NeedsConfirmation, TransferMoveRefused, TransferOpen
from magflow.models import Transfer, TransferStep
from magflow.queries import stock_sync as reads
from magflow.queries.stock_sync import Account
from magflow.services.stock_sync import moving
from magflow.services.stock_sync.suggestion import Plan, Wanted, plan

OPEN: Final = ("suggested", "approved", "running", "failed")
SAME_WITHIN_SECONDS: Final = 60
"""Asked for again so soon by the same person, word for word: it is the same transfer, whose answer was lost."""


@dataclass(frozen=True)
class NewTransfer:
    wanted: Wanted
    confirm: bool = False
    """The explicit word for leaving the giver with nothing in a competition."""
    approve: bool = False
    note: str | None = None
    alert_id: int | None = None


@dataclass(frozen=True)
class Made:
    transfer: Transfer
    new: bool


@dataclass(frozen=True)
class OfTransfer:
    transfer_id: int
    note: str | None = None


@dataclass(frozen=True)
class Receive:
    """`quantity`: what has arrived so far, in all; None: everything."""

    transfer_id: int
    quantity: int | None = None
    final: bool = True
    reason: str | None = None


SAME: Final = """
SELECT id FROM transfers
WHERE variant_id = %(variant)s AND from_account_id = %(giver)s AND to_account_id = %(receiver)s AND amount = %(amount)s
  AND (state IN ('suggested', 'approved', 'running')
       OR (state = 'done' AND created_by = %(by)s
           AND created_at > clock_timestamp() - make_interval(secs => %(seconds)s)))
ORDER BY id DESC LIMIT 1"""
OTHER: Final = """
SELECT id FROM transfers
WHERE variant_id = %(variant)s AND state IN ('suggested', 'approved', 'running', 'failed') LIMIT 1"""
ALERT: Final = """
SELECT id FROM stock_alerts
WHERE variant_id = %(variant)s AND resolved_at IS NULL
  AND cause IN ('zero_stock', 'low_stock', 'better_rank', 'no_competition') AND account_ids && %(accounts)s::bigint[]
ORDER BY priority, id LIMIT 1"""


@transactional
def create(session: Session, command: NewTransfer, *, actor: Actor) -> Made:
    """Write a transfer down; with `approve` it is carried out at once. Asked for twice, there is one.

    Raises what `plan` raises, NeedsConfirmation, TransferOpen.
    """
    lock_names(session, [names_of(command.wanted.variant_id)])
    made = plan(session, command.wanted)
    key = {"variant": command.wanted.variant_id, "giver": made.giver.id, "receiver": made.receiver.id}
    same = execute(
        session, SAME, key | {"amount": made.amount, "by": actor.name, "seconds": SAME_WITHIN_SECONDS}
    ).fetchone()
    if same:
        return Made(_row(session, same[0]), new=False)
    other = execute(session, OTHER, {"variant": command.wanted.variant_id}).fetchone()
    if other:
        raise TransferOpen(made.sku, other[0])
    if made.effect.drains and not command.confirm:
        raise NeedsConfirmation(made.giver.name)
    transfer = _written(session, made, command, actor)
    if command.approve:
        _approve(session, transfer, actor)
    return Made(transfer, new=True)


def _written(session: Session, made: Plan, command: NewTransfer, actor: Actor) -> Transfer:
    ids = [made.receiver.id, made.giver.id]
    variant_id = made.one.analysis.variant_id
    alert = execute(session, ALERT, {"variant": variant_id, "accounts": ids}).fetchone()
    transfer = Transfer(
        variant_id=variant_id,
        sku=made.sku,
        from_account_id=made.giver.id,
        to_account_id=made.receiver.id,
        kind=made.kind,
        amount=made.amount,
        stock_before=_stocks(made.giver, made.receiver, made.effect.giver.stock, made.effect.receiver.stock),
        warnings=list(made.effect.warnings),
        confirmed=command.confirm,
        alert_id=command.alert_id or (alert[0] if alert else None),
        note=command.note,
        priority_before=made.one.analysis.priority,
        created_by=actor.name,
    )
    session.add(transfer)
    session.flush()
    session.refresh(transfer)
    return transfer


def _stocks(giver: Account, receiver: Account, given: int, received: int) -> dict[str, Any]:
    return {f"stock_{giver.label}": given, f"stock_{receiver.label}": received}


@transactional
def approve(session: Session, command: OfTransfer, *, actor: Actor) -> Transfer:
    """Say yes: a re-division is carried out, a shipment is requested. A second yes changes nothing.

    Raises NotFound, TransferMoveRefused, and what `plan` raises when things have changed since.
    """
    transfer = _locked(session, command.transfer_id)
    if transfer.state == "suggested":
        _approve(session, transfer, actor)
    elif transfer.state in {"failed", "cancelled"}:
        raise TransferMoveRefused(transfer.id, transfer.state, "approved")
    return transfer


def _approve(session: Session, transfer: Transfer, actor: Actor) -> None:
    giver, receiver = _sides(session, transfer)
    wanted = Wanted(_variant(transfer), giver.label, receiver.label, transfer.amount)
    made = plan(session, wanted)
    if made.effect.drains and not transfer.confirmed:
        raise NeedsConfirmation(made.giver.name)
    transfer.approved_by, transfer.approved_at = actor.name, datetime.now(UTC)
    transfer.stock_before = _stocks(giver, receiver, made.effect.giver.stock, made.effect.receiver.stock)
    step = _step(session, transfer, "approved", transfer.amount, transfer.amount, actor)
    if transfer.kind == "shipment":
        transfer.state, transfer.stage = "approved", "requested"
        _saved(session, transfer)
        return
    transfer.state = "running"
    transfer.giver_written = moving.write_side(
        session, transfer, giver, -transfer.amount, step, inside=giver.pool == receiver.pool
    )
    _saved(session, transfer)
    _go_on(session, transfer, giver, receiver, actor)


# --- re-divisions ----------------------------------------------------------------------------------------------------


@transactional
def advance(session: Session, command: OfTransfer, *, actor: Actor) -> Transfer:
    """Bring a running re-division as far as the marketplace's answers allow."""
    transfer = _locked(session, command.transfer_id)
    if transfer.state == "running" and transfer.kind == "redivide":
        _go_on(session, transfer, *_sides(session, transfer), actor)
    return transfer


def _go_on(session: Session, transfer: Transfer, giver: Account, receiver: Account, actor: Actor) -> None:
    if transfer.giver_written == "waiting":
        transfer.giver_written, transfer.problem = moving.answer(session, transfer, giver)
    if transfer.giver_written == "accepted" and transfer.receiver_written == "no":
        step = _step(session, transfer, "written", transfer.amount, transfer.amount, actor)
        transfer.receiver_written = moving.write_side(
            session, transfer, receiver, transfer.amount, step, inside=giver.pool == receiver.pool
        )
    elif transfer.receiver_written == "waiting":
        transfer.receiver_written, transfer.problem = moving.answer(session, transfer, receiver)
    if "rejected" in {transfer.giver_written, transfer.receiver_written}:
        transfer.state = "failed"
        _saved(session, transfer)
    elif transfer.receiver_written == "accepted":
        _end(session, transfer, "done", actor)
    else:
        _saved(session, transfer)


@transactional
def complete(session: Session, command: OfTransfer, *, actor: Actor) -> Transfer:
    """Try the side again that the marketplace refused. Raises NotFound, TransferMoveRefused."""
    transfer = _locked(session, command.transfer_id)
    if transfer.state != "failed":
        if transfer.state in {"running", "done"}:
            return transfer
        raise TransferMoveRefused(transfer.id, transfer.state, "completed")
    giver, receiver = _sides(session, transfer)
    transfer.state, transfer.problem, transfer.approved_at = "running", None, datetime.now(UTC)
    for side, account in (("giver_written", giver), ("receiver_written", receiver)):
        if getattr(transfer, side) == "rejected":
            setattr(transfer, side, "waiting" if moving.send(session, transfer, account) else "accepted")
    _saved(session, transfer)
    _go_on(session, transfer, giver, receiver, actor)
    return transfer


# --- shipments -------------------------------------------------------------------------------------------------------


@transactional
def ship(session: Session, command: OfTransfer, *, actor: Actor) -> Transfer:
    """The parcel has left; what left the shop is taken from its stock. Again changes nothing.

    Raises NotFound, TransferMoveRefused, InsufficientStock.
    """
    transfer = _locked_with_goods(session, command.transfer_id)
    if transfer.stage in {"in_transit", "received"}:
        return transfer
    if transfer.stage != "requested" or transfer.state != "approved":
        raise TransferMoveRefused(transfer.id, transfer.state, "in_transit")
    _leave(session, transfer, actor)
    return transfer


def _leave(session: Session, transfer: Transfer, actor: Actor) -> None:
    giver, _receiver = _sides(session, transfer)
    step = _step(session, transfer, "left", transfer.amount, transfer.amount, actor)
    if giver.own_pool:
        moving.change_own_stock(session, transfer, -transfer.amount, step)
        _change_divided(session, transfer, giver, -transfer.amount)
        moving.show(session, transfer, giver, -transfer.amount)
        transfer.left_own = transfer.amount
    transfer.state, transfer.stage, transfer.shipped_at = "running", "in_transit", datetime.now(UTC)
    _saved(session, transfer)


@transactional
def receive(session: Session, command: Receive, *, actor: Actor) -> Transfer:
    """Goods have arrived: `quantity` of them so far. The same again changes nothing.

    Raises NotFound, Invalid, TransferMoveRefused.
    """
    transfer = _locked_with_goods(session, command.transfer_id)
    total = transfer.amount if command.quantity is None else command.quantity
    if transfer.kind != "shipment" or transfer.state not in {"approved", "running", "done"}:
        raise TransferMoveRefused(transfer.id, transfer.state, "received")
    if transfer.state == "done":
        if total == transfer.received:
            return transfer
        raise TransferMoveRefused(transfer.id, transfer.state, "received")
    if not transfer.received <= total <= transfer.amount:
        limits = {"least": transfer.received, "limit": transfer.amount}
        raise Invalid([FieldError("quantity", "out_of_range", limits)])
    if transfer.stage == "requested":
        _leave(session, transfer, actor)
    arrived = total - transfer.received
    if arrived:
        _arrive(session, transfer, arrived, total, actor)
    if command.final or total == transfer.amount:
        transfer.stage, transfer.left_own = "received", 0
        transfer.difference_reason = command.reason if total < transfer.amount else None
        _end(session, transfer, "done", actor)
    else:
        _saved(session, transfer)
    return transfer


def _arrive(session: Session, transfer: Transfer, arrived: int, total: int, actor: Actor) -> None:
    _giver, receiver = _sides(session, transfer)
    step = _step(session, transfer, "received", arrived, total, actor)
    transfer.received = total
    transfer.left_own = max(0, transfer.left_own - arrived)
    if receiver.own_pool:
        moving.change_own_stock(session, transfer, arrived, step)
        _change_divided(session, transfer, receiver, arrived)
        moving.show(session, transfer, receiver, arrived)


def _change_divided(session: Session, transfer: Transfer, account: Account, delta: int) -> None:
    if account.pool_mode == "divided":
        moving.change_share(session, transfer, account, delta)


@transactional
def cancel(session: Session, command: OfTransfer, *, actor: Actor) -> Transfer:
    """Take it back as far as it went: goods on the road return, a half-made re-division is undone. Again is no change.

    Raises NotFound, TransferMoveRefused when it is done, or a part has arrived.
    """
    transfer = _locked_with_goods(session, command.transfer_id)
    if transfer.state == "cancelled":
        return transfer
    if transfer.state == "done" or transfer.received or transfer.receiver_written == "accepted":
        raise TransferMoveRefused(transfer.id, transfer.state, "cancelled")
    giver, receiver = _sides(session, transfer)
    if transfer.left_own:
        step = _step(session, transfer, "back", transfer.left_own, transfer.left_own, actor)
        moving.change_own_stock(session, transfer, transfer.left_own, step)
        _change_divided(session, transfer, giver, transfer.left_own)
        moving.show(session, transfer, giver, transfer.left_own)
        transfer.left_own = 0
    if transfer.kind == "redivide":
        _undo(session, transfer, giver, receiver, actor)
    transfer.note = command.note or transfer.note
    _end(session, transfer, "cancelled", actor)
    return transfer


def _undo(session: Session, transfer: Transfer, giver: Account, receiver: Account, actor: Actor) -> None:
    """Lower what was raised, then raise what was lowered."""
    if transfer.receiver_written != "no":
        step = _step(session, transfer, "back", transfer.amount, -transfer.amount, actor)
        moving.write_side(session, transfer, receiver, -transfer.amount, step, inside=giver.pool == receiver.pool)
        transfer.receiver_written = "undone"
    if transfer.giver_written != "no":
        step = _step(session, transfer, "back", transfer.amount, transfer.amount, actor)
        moving.write_side(session, transfer, giver, transfer.amount, step, inside=giver.pool == receiver.pool)
        transfer.giver_written = "undone"


# --- what they share -------------------------------------------------------------------------------------------------


def names_of(variant_id: int) -> tuple[str, str]:
    """What whoever writes a variant's transfers holds."""
    return ("transfers_of", str(variant_id))


def _locked(session: Session, transfer_id: int) -> Transfer:
    variant_id = session.scalar(select(Transfer.variant_id).where(Transfer.id == transfer_id))
    lock_names(session, [names_of(variant_id or 0)])
    return _row(session, transfer_id)


def _locked_with_goods(session: Session, transfer_id: int) -> Transfer:
    """And its variant, before the transfer is written: who removes a variant for good holds it, and then wants its
    transfers."""
    transfer = _locked(session, transfer_id)
    if transfer.variant_id is not None:
        try:
            lock_variants(session, [transfer.variant_id])
        except NotFound:
            raise StartAgain from None
    return transfer


def _row(session: Session, transfer_id: int) -> Transfer:
    found = session.scalars(
        select(Transfer).where(Transfer.id == transfer_id).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound("transfer", transfer_id)
    return found


def _variant(transfer: Transfer) -> int:
    if transfer.variant_id is None:
        raise NotFound("variant", transfer.sku)
    return transfer.variant_id


def _sides(session: Session, transfer: Transfer) -> tuple[Account, Account]:
    every = {one.id: one for one in reads.accounts(session)}
    return every[transfer.from_account_id], every[transfer.to_account_id]


def _step(session: Session, transfer: Transfer, name: str, quantity: int, total: int, actor: Actor) -> TransferStep:
    step = TransferStep(transfer_id=transfer.id, step=name, quantity=quantity, total=total, actor=actor.name)
    session.add(step)
    session.flush()
    return step


def _end(session: Session, transfer: Transfer, state: str, actor: Actor) -> None:
    """It is over; what the SKU looks like now is kept with it."""
    transfer.state, transfer.ended_by, transfer.ended_at = state, actor.name, datetime.now(UTC)
    session.flush()
    if transfer.variant_id is not None:
        giver, receiver = _sides(session, transfer)
        before = reads.analyse_one(session, transfer.variant_id).analysis
        chains = reads.chains(session, [transfer.variant_id])
        # What an account of ours will show when the marketplace has taken it; of others, what was read last.
        offers = [
            offer if (shown := chains[account].offered) is None else replace(offer, stock=shown)
            for offer in before.offers
            for account in [(before.variant_id, offer.account_id)]
        ]
        stocks = {offer.account_id: offer.stock for offer in offers}
        transfer.stock_after = _stocks(giver, receiver, stocks.get(giver.id, 0), stocks.get(receiver.id, 0))
        after = analyse(transfer.sku, transfer.variant_id, offers, before.thresholds, datetime.now(UTC))
        transfer.priority_after = after.priority
    _step(session, transfer, "ended", transfer.amount, transfer.received, actor)
    _saved(session, transfer)


def _saved(session: Session, transfer: Transfer) -> None:
    transfer.version += 1
    session.flush()
