"""Mails and short messages in words: one structure, written as HTML, as text, or as a line for a telephone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, select_autoescape

from magflow.blueprints.stock_sync import automation_words, words
from magflow.queries.notifications import Digest, Person
from magflow.queries.price_changes import PriceChange, PriceDay
from magflow.queries.stock_alerts import AlertRow
from magflow.settings import share
from magflow.web.locale import MINUTE, _, money, ngettext

SHOWN: Final = 10
"""Alerts that a mail names; the others are counted."""
LONGEST_SMS: Final = 300


@dataclass(frozen=True)
class Line:
    text: str
    details: tuple[str, ...] = ()
    url: str | None = None
    tone: str = ""


@dataclass(frozen=True)
class Part:
    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Letter:
    """What a mail says. `stop`: where no more of it can be asked for."""

    subject: str
    title: str
    lead: str
    parts: tuple[Part, ...]
    go: Line | None = None
    why: str = ""
    stop: Line | None = None
    locale: str = field(default="en")


# --- what is said ----------------------------------------------------------------------------------------------------


def digest_letter(found: Digest, person: Person, base: str, stop: str, now: datetime, currency: str) -> Letter:
    """The summary of a day. To be called while `speaking`."""
    parts = [
        Part(_("Broken"), _broken(found, base)),
        Part(_("Costs money now"), tuple(_alert(row, base, currency) for row in found.worst)),
        Part(_("Against yesterday"), _compared(found)),
        Part(_("Prices that changed"), prices(found.prices, base)),
        Part(_("Done by itself"), _done(found, base)),
    ]
    return Letter(
        subject=" · ".join([*_counts(found), "MagFlow"]),
        title=_("Your daily summary"),
        lead=_("As of %(at)s.", at=_moment(now, person)),
        parts=tuple(part for part in parts if part.lines),
        go=Line(_("Open MagFlow"), url=f"{base}/"),
        why=_("You get this summary because %(name)s is among the recipients of this shop.", name=person.name),
        stop=Line(_("No more summaries"), url=stop),
        locale=person.locale,
    )


def _counts(found: Digest) -> list[str]:
    said = []
    if found.high:
        said.append(ngettext("%(num)d high", "%(num)d high", found.high))
    if found.medium:
        said.append(ngettext("%(num)d medium", "%(num)d medium", found.medium))
    if found.late:
        said.append(ngettext("%(num)d order late", "%(num)d orders late", found.late))
    return [", ".join(said[:2]), *said[2:]] if said[:2] else [_("Daily summary")]


def _broken(found: Digest, base: str) -> tuple[Line, ...]:
    where = f"{base}/settings/accounts"
    lines = [
        Line(_("%(account)s is stopped: the marketplace turned us away.", account=name), url=where, tone="bad")
        for name in found.stopped
    ]
    if found.late:
        said = ngettext("%(num)d order is past its shipping time.", "%(num)d orders are past their shipping time.",
                        found.late)  # fmt: skip
        lines.append(Line(said, url=f"{base}/orders?view=late", tone="bad"))
    if found.blocked:
        said = ngettext("%(num)d order cannot be confirmed and waits for you.",
                        "%(num)d orders cannot be confirmed and wait for you.", found.blocked)  # fmt: skip
        lines.append(Line(said, url=f"{base}/orders?view=blocked", tone="bad"))
    lines += [
        Line(automation_words.paused(one), url=f"{base}/stock-sync/automation", tone="warn") for one in found.paused
    ]
    return tuple(lines)


def _alert(row: AlertRow, base: str, currency: str) -> Line:
    said = [words.why(row), words.suggestion(row.recommendation)]
    if row.alert.weekly_cents:
        said.append(_("≈ %(money)s a week", money=money(row.weekly, currency)))
    tone = {"high": "bad", "medium": "warn"}.get(row.priority, "")
    name = f"{row.one.analysis.sku} · {words.title(row)}"
    return Line(name, tuple(said), f"{base}/stock-sync/products/{row.alert.variant_id}", tone)


def _compared(found: Digest) -> tuple[Line, ...]:
    return (
        Line(_("High priority: %(now)s, yesterday %(before)s", now=found.high, before=found.high_before)),
        Line(_("Medium priority: %(now)s, yesterday %(before)s", now=found.medium, before=found.medium_before)),
        Line(_("In a day: %(opened)s opened, %(resolved)s resolved", opened=found.opened, resolved=found.resolved)),
    )


def prices(found: PriceDay, base: str) -> tuple[Line, ...]:
    """What happened to prices. To be called while `speaking`."""
    lines = [_price(one, base) for one in found.first]
    if found.more:
        said = ngettext("and %(num)d more", "and %(num)d more", found.more)
        lines.append(Line(said, url=f"{base}/stock-sync/products"))
    return tuple(lines)


def _price(one: PriceChange, base: str) -> Line:
    name = f"{one.sku} · {one.account.upper()}"
    after = money(one.after, one.currency)
    if one.before == one.after:
        said = _("%(name)s: %(price)s, as before", name=name, price=after)
    else:
        share = round(100 * (one.after - one.before) / one.before)
        said = _("%(name)s: %(before)s → %(after)s (%(share)s %%)", name=name, before=money(one.before, one.currency),
                 after=after, share=f"{share:+d}")  # fmt: skip
    details: tuple[str, ...] = ()
    if one.undercut and one.best is not None:
        details = (_("Somebody sells for %(price)s now.", price=money(one.best, one.currency)),)
    url = f"{base}/stock-sync/products/{one.variant_id}" if one.variant_id else None
    return Line(said, details, url, "warn" if one.undercut else "")


def _done(found: Digest, base: str) -> tuple[Line, ...]:
    url = f"{base}/stock-sync/automation"
    return tuple(
        Line(automation_words.counted(one.rule, one.outcome, one.number), url=url,
             tone="good" if one.outcome in {"done", "proposed"} else "warn")
        for one in found.done
    )  # fmt: skip


def alerts_letter(
    rows: Sequence[AlertRow], more: int, person: Person, base: str, stop: str, *, reminder: bool, currency: str
) -> Letter:
    """Alerts that have just opened, or that still stand a day later. To be called while `speaking`."""
    count = len(rows) + more
    if reminder:
        title = ngettext("%(num)d alert is still open", "%(num)d alerts are still open", count)
    else:
        title = ngettext("%(num)d new alert", "%(num)d new alerts", count)
    lines = [_alert(row, base, currency) for row in rows]
    if more:
        said = ngettext("and %(num)d more", "and %(num)d more", more)
        lines.append(Line(said, url=f"{base}/stock-sync"))
    worst = f"{rows[0].one.analysis.sku}: {words.title(rows[0])}" if rows else title
    subject = worst if count == 1 else f"{title} · {worst}"
    return Letter(
        subject=f"{subject} · MagFlow",
        title=title,
        lead=_("The worst first, by what it costs."),
        parts=(Part(_("Costs money now"), tuple(lines)),),
        go=Line(_("Open the alerts"), url=f"{base}/stock-sync"),
        why=_("You get alerts at once because %(name)s is among the recipients of this shop.", name=person.name),
        stop=Line(_("No more alerts by e-mail"), url=stop),
        locale=person.locale,
    )


def alerts_sms(rows: Sequence[AlertRow], more: int, base: str) -> str:
    """The same in a few words. To be called while `speaking`."""
    said = [f"{row.one.analysis.sku}: {words.title(row)}" for row in rows]
    count, text = len(rows) + more, "MagFlow: "
    for at, one in enumerate(said):
        rest = count - at
        tail = " " + ngettext("and %(num)d more", "and %(num)d more", rest) if rest else ""
        if at and len(text) + len(one) + len(tail) + len(base) + 14 > LONGEST_SMS:
            return f"{text.rstrip('; ')}{tail}. {base}/stock-sync"
        text += one[:200] + "; "
    tail = " " + ngettext("and %(num)d more", "and %(num)d more", more) if more else ""
    return f"{text.rstrip('; ')}{tail}. {base}/stock-sync"


def trial_sms() -> str:
    """To see whether they arrive."""
    return _("MagFlow: this is a test. Alerts of high priority will come this way.")


def _moment(at: datetime, person: Person) -> str:
    return str(format_datetime(at.astimezone(ZoneInfo(person.timezone)), MINUTE, locale=person.locale))


# --- how it is written -----------------------------------------------------------------------------------------------


@cache
def _templates() -> Environment:
    # Of its own: the worker has no pages, and a mail is the same whoever makes it.
    return Environment(
        loader=FileSystemLoader(share("templates")), autoescape=select_autoescape(["html"]), trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


@cache
def _styles() -> str:
    return (share("static") / "css" / "mail.css").read_text(encoding="utf-8")


def html(letter: Letter, nonce: str = "") -> str:
    """For programs that show pages."""
    template = _templates().get_template("mail/message.html")
    return template.render(letter=letter, locale=letter.locale, css=_styles(), nonce=nonce)


def text(letter: Letter) -> str:
    """For those that do not."""
    said = [letter.title, letter.lead, ""]
    for part in letter.parts:
        said += [part.heading.upper(), ""]
        for line in part.lines:
            said.append(f"* {line.text}")
            said += [f"  {detail}" for detail in line.details]
            said += [f"  {line.url}"] if line.url else []
        said.append("")
    if letter.go:
        said += [f"{letter.go.text}: {letter.go.url}", ""]
    said += ["-- ", letter.why]
    if letter.stop:
        said.append(f"{letter.stop.text}: {letter.stop.url}")
    return "\n".join(said) + "\n"
