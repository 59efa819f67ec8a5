"""Automation in words: rules, modes, outcomes, and why something was left alone."""

from typing import Any, Final

from magflow.queries.automation import LogRow, Paused
from magflow.web.locale import _, _l, moment, ngettext

RULE_WORDS: Final[dict[str, Any]] = {
    "refresh": _l("Weekly offer refresh"),
    "transfer": _l("Automatic transfer"),
}
MODE_WORDS: Final[dict[str, Any]] = {"off": _l("Off"), "dry_run": _l("Dry run"), "on": _l("On")}
MODE_HINTS: Final[dict[str, Any]] = {
    "off": _l("Nothing happens by itself."),
    "dry_run": _l("The log says what would be done; nothing is written."),
    "on": _l("It is done, up to the daily maximum."),
}
MODE_LOOKS: Final = {"off": ("neutral", "minus"), "dry_run": ("info", "draft"), "on": ("good", "ok")}
OUTCOME_WORDS: Final[dict[str, Any]] = {
    "waiting": _l("waiting"),
    "done": _l("done"),
    "proposed": _l("proposed"),
    "would": _l("would be done"),
    "skipped": _l("left alone"),
    "rejected": _l("refused by the marketplace"),
    "failed": _l("failed"),
}
OUTCOME_LOOKS: Final = {
    "waiting": ("info", "clock"),
    "done": ("good", "ok"),
    "proposed": ("warn", "bell"),
    "would": ("info", "draft"),
    "skipped": ("neutral", "minus"),
    "rejected": ("bad", "error"),
    "failed": ("bad", "error"),
}
REASON_WORDS: Final[dict[str, Any]] = {
    "no_giver": _l("no account has stock to spare"),
    "transfer_open": _l("a transfer of this SKU is not finished"),
    "turned_down": _l("a proposal for this alert was cancelled by a person"),
    "data_old": _l("the readings are older than 24 hours"),
    "maximum": _l("the daily maximum was reached"),
    "floor": _l("the giver would fall below its floor"),
    "review": _l("its effect should be looked at by a person first"),
    "no_price": _l("the price is not known"),
    "not_possible": _l("this marketplace cannot be sent an offer unchanged"),
    "no_answer": _l("no answer from the marketplace"),
    "account": _l("the account is stopped"),
    "carried_out": _l("would be carried out at once"),
    "proposal": _l("would wait for approval"),
    "wrong_password": _l("user or password are not accepted"),
    "address_not_allowed": _l("our address is not allowed there"),
    "no_rights": _l("the user may not use the API"),
    "down": _l("the marketplace did not answer"),
    "busy": _l("the marketplace asked for a pause"),
    "answer": _l("the answer could not be read"),
    "refused": _l("the marketplace refused"),
    "not_found": _l("the marketplace does not know it"),
}
PAUSE_WORDS: Final[dict[str, Any]] = {
    "maximum": _l("its daily maximum was reached"),
    "failures": _l("it failed three times in a row"),
    "person": _l("somebody paused it"),
}


def paused(one: Paused) -> str:
    """A rule that stopped, in one sentence."""
    said = _("%(rule)s for %(account)s is paused: %(why)s.", rule=RULE_WORDS[one.rule], account=one.account.name,
             why=PAUSE_WORDS.get(one.reason, one.reason))  # fmt: skip
    if one.until is not None:
        said += " " + _("It goes on by itself at %(at)s.", at=moment(one.until))
    return said


def counted(rule: str, outcome: str, number: int) -> str:
    """What a rule did, counted."""
    if rule == "refresh" and outcome == "done":
        return ngettext("%(num)d offer sent again", "%(num)d offers sent again", number)
    if rule == "transfer" and outcome == "done":
        return ngettext("%(num)d transfer carried out", "%(num)d transfers carried out", number)
    if rule == "transfer" and outcome == "proposed":
        return ngettext("%(num)d transfer waits for your approval", "%(num)d transfers wait for your approval", number)
    return f"{RULE_WORDS[rule]}: {number} {OUTCOME_WORDS[outcome]}"


def why(row: LogRow) -> str:
    """The rest of a line of the log: what, how much, and for which reason."""
    entry, said = row.entry, []
    if entry.amount and entry.giver and row.account:
        said.append(
            ngettext("%(num)d unit from %(giver)s to %(receiver)s", "%(num)d units from %(giver)s to %(receiver)s",
                     entry.amount, giver=entry.giver.upper(), receiver=row.account.name)
        )  # fmt: skip
    if entry.reason:
        said.append(str(REASON_WORDS.get(entry.reason, entry.reason)))
    if entry.said:
        said.append(f"“{entry.said}”")
    return "; ".join(said)
