"""What stands in a mail's head, byte for byte: some programs read it as it is and put nothing together again."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.policy import default

import pytest

from magflow.services.notifications.channels import Letter, envelope

HOST = "https://magflow.the-shop-with-a-rather-long-name.example"
ADDRESS = f"{HOST}/unsubscribe/{'W3siZGlnZXN0' * 8}"


def letter(subject: str = "3 high") -> Letter:
    return Letter(
        sender="magflow@shop.example", to="ana@shop.example", name="Ana Ștefănescu", subject=subject, text="Text\n",
        html="<p>Text</p>", message_id=f"<{'7e' * 16}@{HOST.removeprefix('https://')}>", locale="ro",
        at=datetime(2026, 3, 5, 7, 30, tzinfo=UTC), unsubscribe=ADDRESS,
    )  # fmt: skip


def test_the_address_to_unsubscribe_is_one_word() -> None:
    raw = envelope(letter()).as_bytes()
    assert b"\r\nList-Unsubscribe: <" + ADDRESS.encode() + b">\r\n" in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"\r\nMessage-ID: <" + b"7e" * 16 + b"@" in raw


@pytest.mark.parametrize("subject", ["1 ridicată, 16 medii · MagFlow", "Înseamnă că " * 20])
def test_other_lines_are_short_and_read_as_they_were_meant(subject: str) -> None:
    raw = envelope(letter(subject.strip())).as_bytes()
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [
        line for line in head if len(line) > 78 and not line.startswith((b"List-Unsubscribe:", b"Message-ID:"))
    ] == []
    read = email.message_from_bytes(raw, policy=default)
    assert read["Subject"] == subject.strip()
    assert read["To"] == "Ana Ștefănescu <ana@shop.example>"


def test_nothing_is_smuggled_into_the_head() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        envelope(letter("3 high\r\nBcc: everybody@shop.example"))
