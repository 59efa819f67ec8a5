"""The log: a JSON object a line on standard error, with the request's id and without a secret (reliability 4.6)."""

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

import structlog

from magflow.settings import Settings

HIDDEN: Final = "***"
SECRET_NAME: Final = re.compile(
    r"(^|[_-])(authorization|cookie|password|passwd|secret|token|key|api[_-]?key|session)$|^set-cookie$", re.IGNORECASE
)
USER_INFO: Final = re.compile(r"(?<=://)[^/@\s]+@")
QUERY: Final = re.compile(r"(?<=\?)[^\s\"'<>]+(?==)=[^\s\"'<>]*")
TOKEN: Final = re.compile(r"\b(mgf_[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|\bwhsec_[A-Za-z0-9+/=_-]+")
SETUP: Final = re.compile(r"(/setup/)[A-Za-z0-9_-]{16,}")


class Redaction:
    """Takes secrets out of a log entry: by the name they stand under, by their shape, and those known by heart."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = sorted({secret for secret in secrets if len(secret) >= 8}, key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of structlog."""
        for name, value in entry.items():
            entry[name] = HIDDEN if SECRET_NAME.search(name) and value else self.clean(value)
        return entry

    def clean(self, value: Any) -> Any:
        """The value without secrets; containers are walked through."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, dict):
            return {
                name: HIDDEN if SECRET_NAME.search(str(name)) and inner else self.clean(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.clean(inner) for inner in value]
        return value

    def _clean_text(self, value: str) -> str:
        for secret in self.secrets:
            value = value.replace(secret, HIDDEN)
        value = USER_INFO.sub(f"{HIDDEN}@", value)
        value = QUERY.sub(HIDDEN, value)
        value = TOKEN.sub(lambda found: (found.group(1) or "whsec_") + HIDDEN, value)
        return SETUP.sub(rf"\1{HIDDEN}", value)


def known_secrets(settings: Settings) -> list[str]:
    """What must never be written down, whatever it stands in."""
    passwords = [
        found.group(1)
        for url in (settings.database_url, settings.owner_database_url, settings.smtp_url)
        if url and (found := re.search(r"://[^:/@]*:([^@]+)@", url))
    ]
    tokens = [settings.sms_token] if settings.sms_token else []
    return [settings.secret_key, *settings.credentials_keys, *passwords, *tokens]


def configure(settings: Settings) -> None:
    """Set up the log of this process; asked twice, the second time counts."""
    redaction = Redaction(known_secrets(settings))
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[*shared[:-1], structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redaction,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
