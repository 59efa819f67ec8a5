"""Where a suggested amount comes from, and what is expected of it: figures that screens and answers tell."""

from dataclasses import dataclass

from magflow.domain.allocation import Choice


@dataclass(frozen=True)
class Expected:
    """One account before and after a transfer."""

    account_id: int
    code: str
    weekly: float | None
    """Units a week that sell from its stock."""
    confidence: str | None
    weeks: int
    cover_before: float | None
    cover_after: float | None
    out_before: float | None
    """The chance of running out within the horizon."""
    out_after: float | None


@dataclass(frozen=True)
class Basis:
    """Where an amount comes from."""

    rule: str
    """`default` or `forecast`."""
    usual: int
    """What the shop's rule gives without a forecast."""
    why: str
    """`forecast`; or why there is none: `no_sales`, `short_history`; `nothing_spare`."""
    horizon_days: int
    lead_days: int
    choice: Choice | None = None
    """What is expected of it, where both sides have a forecast."""
    sides: tuple[Expected, ...] = ()
