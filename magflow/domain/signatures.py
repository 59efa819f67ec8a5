"""Signatures of webhooks. Bytes are compared, in constant time, against every secret that is good; nothing here raises
for what a stranger sends: it is simply not signed."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

TOLERANCE: Final = 300
"""Seconds that a signed time may be off, either way."""
PREFIX: Final = "whsec_"
SHORTEST, LONGEST = 24, 64
MOST_SIGNATURES: Final = 10


def new_secret() -> str:
    """A fresh secret, as the Standard Webhooks write it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises ValueError."""
    text = secret.removeprefix(PREFIX)
    key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError("a signing secret has 24 to 64 bytes")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature header of a Standard Webhook. Raises ValueError for a secret that is none."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(_mac(key_of(secret), signed)).decode()


def standard_ok(secrets_: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether one of the secrets signed this. `headers`: names in lower case."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > 255 or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    if not message_id.isascii() or not message_id.isprintable() or abs(now - int(stamp)) > TOLERANCE:
        return False
    given = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
    good = False
    for secret in secrets_:
        try:
            wanted = sign(secret, message_id, int(stamp), body).encode()
        except (ValueError, binascii.Error):
            continue
        for one in given:
            good |= hmac.compare_digest(wanted, one.encode("utf-8", "replace"))
    return good


def body_ok(secrets_: Sequence[str], header: str, body: bytes) -> bool:
    """Shopify and WooCommerce: base64 of the body's own mac, with the secret's text as the key."""
    try:
        given = base64.b64decode(header.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return False
    good = False
    for secret in secrets_:
        good |= hmac.compare_digest(_mac(secret.encode(), body), given)
    return good


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
