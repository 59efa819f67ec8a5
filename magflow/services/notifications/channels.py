"""The two ways out: a mail by SMTP, a short message by a gateway's HTTP address. Nothing is kept here.

What is certain not to have arrived may be tried again; what may have arrived is never sent twice by itself.
"""

import json
import re
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr
from typing import Final, Literal
from urllib.parse import quote_plus, unquote, urlsplit

import httpx2

from magflow.marketplaces import outgoing

TIMEOUT: Final = 20.0
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

State = Literal["sent", "again", "failed", "unsure"]


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. `again`: certain not to have arrived, and worth another try."""

    state: State
    error: str = ""


@dataclass(frozen=True)
class Channels:
    """How this process reaches people; what is None is not set up."""

    smtp_url: str | None = None
    sms_url: str | None = None
    sms_token: str | None = None
    sms_body: str | None = None
    allowed: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Channels(smtp={self.smtp_url is not None}, sms={self.sms_url is not None})"


@dataclass(frozen=True)
class Letter:
    """A mail, ready to be put into its envelope."""

    sender: str
    to: str
    name: str
    subject: str
    text: str
    html: str | None
    message_id: str
    locale: str
    at: datetime
    unsubscribe: str | None = None


_channels: list[Channels] = [Channels()]


def configure(channels: Channels) -> None:
    """How this process reaches people."""
    _channels[:] = [channels]


def configured() -> Channels:
    """The same, for whoever asks whether there is a way."""
    return _channels[0]


def smtp_host() -> str | None:
    """The server that mails go to, without user and password; None: there is none."""
    url = _channels[0].smtp_url
    parts = urlsplit(url) if url else None
    return f"{parts.hostname}:{parts.port or _port(parts.scheme)}" if parts else None


def sms_host() -> str | None:
    """The gateway, without its token; None: there is none."""
    url = _channels[0].sms_url
    return urlsplit(url).hostname if url else None


def default_sender() -> str:
    """Who a mail is from where nobody said it."""
    parts = urlsplit(_channels[0].smtp_url or "")
    user = unquote(parts.username or "")
    return user if "@" in user else f"magflow@{parts.hostname or 'localhost'}"


# --- mail ------------------------------------------------------------------------------------------------------------


class Wire(EmailPolicy):
    """As mails are written for SMTP, except that an address of one word stays one.

    The standard library writes a word that is longer than a line as an encoded one. Mailboxes do not decode what they
    look for in such a line, and have no button to unsubscribe with then.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """A line of the head as it goes out; 998 letters are the limit that counts."""
        whole = f"{name}: {value}{self.linesep}"
        if name in ONE_WORD and value.isascii() and len(whole) <= LONGEST_LINE:
            return whole.encode("ascii")
        return super().fold_binary(name, value)


ONE_WORD: Final = frozenset({"List-Unsubscribe", "Message-ID"})
LONGEST_LINE: Final = 998
WIRE: Final = Wire(linesep="\r\n")


def envelope(letter: Letter) -> EmailMessage:
    """The mail as it goes over the wire: text, and HTML beside it."""
    mail = EmailMessage(policy=WIRE)
    mail["From"] = formataddr(("MagFlow", letter.sender))
    mail["To"] = formataddr((letter.name, letter.to))
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(letter.at)
    mail["Message-ID"] = letter.message_id
    mail["Auto-Submitted"] = "auto-generated"
    if letter.unsubscribe:
        mail["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
    # Last: a content takes with it what stands there about an earlier one.
    mail["Content-Language"] = letter.locale
    return mail


def send_mail(letter: Letter) -> Outcome:
    """One attempt."""
    url = _channels[0].smtp_url
    if url is None:
        return Outcome("failed", "smtp_not_set")
    try:
        content = envelope(letter).as_bytes()
    except ValueError as error:
        return Outcome("failed", f"headers: {error}")
    try:
        server = _connected(url)
    except smtplib.SMTPAuthenticationError as error:
        return Outcome("again", _said(error.smtp_code, error.smtp_error))
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("again", _of(error))
    except Unprotected:
        return Outcome("failed", "smtp_without_tls")
    try:
        return _handed_over(server, letter, content)
    finally:
        try:
            server.quit()
        except (OSError, smtplib.SMTPException):
            server.close()


class Unprotected(Exception):
    """The server offers no encryption, and would be told a password."""


def _connected(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _port(parts.scheme)
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT)
    try:
        server.ehlo_or_helo_if_needed()
        secure = parts.scheme == "smtps"
        if not secure and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            secure = True
        if parts.username:
            if not secure and host not in LOOPBACK:
                raise Unprotected
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _port(scheme: str) -> int:
    return 465 if scheme == "smtps" else 587


def _handed_over(server: smtplib.SMTP, letter: Letter, content: bytes) -> Outcome:
    try:
        for code, said in (server.mail(letter.sender), server.rcpt(letter.to)):
            if code not in {250, 251}:
                return Outcome("failed" if code >= 500 else "again", _said(code, said))
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("again", _of(error))
    try:
        code, said = server.data(content)
    except smtplib.SMTPDataError as error:
        return Outcome("failed" if error.smtp_code >= 500 else "again", _said(error.smtp_code, error.smtp_error))
    except (OSError, smtplib.SMTPException) as error:
        # The server may have taken it before it fell silent.
        return Outcome("unsure", _of(error))
    if code == 250:
        return Outcome("sent")
    return Outcome("failed" if code >= 500 else "again", _said(code, said))


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"[:300]


def _of(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


# --- short messages --------------------------------------------------------------------------------------------------


def send_sms(to: str, text: str, reference: str) -> Outcome:
    """One attempt. The gateway gets JSON, or a form where its template is one."""
    channels = _channels[0]
    if channels.sms_url is None:
        return Outcome("failed", "sms_not_set")
    body, kind = _filled(channels.sms_body, {"to": to, "text": text, "reference": reference})
    headers = {"Content-Type": kind, "User-Agent": "MagFlow", "Idempotency-Key": reference}
    if channels.sms_token:
        headers["Authorization"] = f"Bearer {channels.sms_token}"
    try:
        reply = outgoing.post(channels.sms_url, body, headers, allowed=channels.allowed)
    except outgoing.AddressRefused as refused:
        return Outcome("failed", f"address_{refused.reason}")
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        return Outcome("again", type(error).__name__)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        return Outcome("unsure", type(error).__name__)
    if 200 <= reply.status < 300:
        return Outcome("sent")
    said = f"HTTP {reply.status} {' '.join(reply.text.split())}"[:300].strip()
    if reply.status in {429, 503}:
        return Outcome("again", said)
    return Outcome("unsure" if reply.status >= 500 else "failed", said)


def _filled(template: str | None, values: Mapping[str, str]) -> tuple[bytes, str]:
    """The body and its type: `{"to": "{to}", "text": "{text}"}`, or `to={to}&message={text}`."""
    if template is None:
        return json.dumps(dict(values), ensure_ascii=False).encode(), "application/json"
    is_json = template.lstrip().startswith(("{", "["))

    def said(found: re.Match[str]) -> str:
        value = values[found.group(1)]
        return json.dumps(value)[1:-1] if is_json else quote_plus(value)

    body = re.sub(r"\{(to|text|reference)\}", said, template)
    return body.encode(), "application/json" if is_json else "application/x-www-form-urlencoded"
