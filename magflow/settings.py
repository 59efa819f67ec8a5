"""What MagFlow is told from outside: the environment first, then `magflow.toml` in the home folder.

Everything is read once, checked at once and frozen. A value that cannot be right stops MagFlow here, with one line
that names the setting and says what to do, instead of hours later inside a request.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
import secrets
import tempfile
import tomllib
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import platformdirs

Environment = Literal["production", "development", "testing"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ENVIRONMENTS: Final = ("production", "development", "testing")
LOCALES: Final = ("en", "ro", "it")
FILE_NAME: Final = "magflow.toml"
SHORTEST_SECRET: Final = 32

# Keys that were published somewhere: examples in manuals, defaults of other programs. A session signed with one of
# them can be forged by anybody who can read.
KNOWN_SECRETS: Final = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "change_me_to_a_complex_random_secret",
        "changemechangemechangemechangeme",
        "django-insecure-change-me-please-now",
        "super-secret-key-change-in-production",
        "the-quick-brown-fox-jumps-over-the-lazy-dog",
        "this_is_a_very_long_secret_key_1234567890",
        "thisismyscretkeythisismyscretkey",
        "your-secret-key-goes-here-change-it",
        "your_own_random_generated_secret_key",
        "your_own_random_generated_string",
        "abcdefghijklmnopqrstuvwxyz012345",
        "0123456789abcdef0123456789abcdef",
        "00112233445566778899aabbccddeeff",
    }
)


class SettingsError(Exception):
    """A setting that cannot be right. `str()` is one line that says what to do."""

    exit_code: ClassVar[int] = 2


class HomeUnusable(SettingsError):
    """The home folder, or a file in it, cannot be used: nothing was asked wrongly, the machine is in the way."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, checked. Secrets are not shown by `repr`."""

    home: Path
    env: Environment
    database_url: str | None
    owner_database_url: str | None
    pg_bin: Path | None
    secret_key: str
    credentials_keys: tuple[str, ...]
    host: str
    port: int
    threads: int
    locale: str
    currency: str
    timezone: str
    api_rate: int
    smtp_url: str | None
    trusted_proxies: tuple[Network, ...]
    trusted_hosts: tuple[str, ...]
    outgoing_allow: tuple[str, ...] = ()
    sms_url: str | None = None
    sms_token: str | None = None
    sms_body: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment and the home folder's file; make the home folder and the secrets on first use.

        Raises SettingsError.
        """
        environ = os.environ if environ is None else environ
        home = make_home(home_folder(environ))
        given = _read_file(home / FILE_NAME)
        given |= {name: environ[name] for name in SETTINGS if environ.get(name)}
        values = {name: _parsed(name, given[name]) for name in given}

        def value(name: str, default: Any = None) -> Any:
            return values.get(name, default)

        return cls(
            home=home,
            env=value("MAGFLOW_ENV", "production"),
            database_url=value("DATABASE_URL"),
            owner_database_url=value("MAGFLOW_OWNER_DATABASE_URL"),
            pg_bin=value("MAGFLOW_PG_BIN"),
            secret_key=value("MAGFLOW_SECRET_KEY") or _kept(home, "MAGFLOW_SECRET_KEY"),
            credentials_keys=value("MAGFLOW_CREDENTIALS_KEY") or _kept(home, "MAGFLOW_CREDENTIALS_KEY"),
            host=value("MAGFLOW_HOST", "127.0.0.1"),
            port=value("MAGFLOW_PORT", 8000),
            threads=value("MAGFLOW_THREADS", 8),
            locale=value("MAGFLOW_LOCALE", "ro"),
            currency=value("MAGFLOW_CURRENCY", "RON"),
            timezone=value("MAGFLOW_TIMEZONE", "Europe/Bucharest"),
            api_rate=value("MAGFLOW_API_RATE", 6000),
            smtp_url=value("SMTP_URL"),
            trusted_proxies=value("MAGFLOW_TRUSTED_PROXIES", ()),
            trusted_hosts=value("MAGFLOW_TRUSTED_HOSTS", ()),
            outgoing_allow=value("MAGFLOW_OUTGOING_ALLOW", ()),
            sms_url=value("MAGFLOW_SMS_URL"),
            sms_token=value("MAGFLOW_SMS_TOKEN"),
            sms_body=value("MAGFLOW_SMS_BODY"),
        )

    def with_database(self, url: str) -> Settings:
        """The same settings with the application's database filled in, once the embedded server is up."""
        return replace(self, database_url=url)

    def with_address(self, host: str | None, port: str | None) -> Settings:
        """The same settings with what the command line said about the address."""
        return replace(
            self,
            host=self.host if host is None else _parsed("MAGFLOW_HOST", host),
            port=self.port if port is None else _parsed("MAGFLOW_PORT", port),
        )

    @property
    def sqlalchemy_url(self) -> str:
        """The application's database as SQLAlchemy wants it written. Raises SettingsError when there is none yet."""
        if self.database_url is None:
            raise SettingsError("DATABASE_URL is not set and the embedded server was not started; run: magflow up")
        return sqlalchemy_url(self.database_url)

    def __repr__(self) -> str:
        return f"Settings(home={str(self.home)!r}, env={self.env!r}, host={self.host!r}, port={self.port})"


def sqlalchemy_url(url: str) -> str:
    """A postgresql:// address with the driver's name in it."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def share(name: str) -> Path:
    """The folder `templates`, `static` or `migrations`: of the installed wheel, or of the checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "share" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise SettingsError(f"MagFlow's folder {name!r} is missing; install MagFlow again")


def home_folder(environ: Mapping[str, str]) -> Path:
    """Where the shop keeps its data: MAGFLOW_HOME, else the place that the system has for it."""
    if named := environ.get("MAGFLOW_HOME"):
        return Path(os.path.abspath(Path(named).expanduser()))  # noqa: PTH100 - resolve() would follow links
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/magflow")
    return platformdirs.user_data_path("magflow", appauthor=False)


def make_home(home: Path) -> Path:
    """Make the home folder, for its owner alone, and see that it can be written to."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise HomeUnusable(
            f"the home folder {home} cannot be written to ({error.strerror}); "
            "make it writable, free some space, or set MAGFLOW_HOME to another folder"
        ) from error
    return home


# --- Reading ---------------------------------------------------------------------------------------------------------


def _read_file(path: Path) -> dict[str, Any]:
    """The settings of the file by their full names. In it `port`, `PORT` and `MAGFLOW_PORT` are the same."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); mend its permissions") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    given: dict[str, Any] = {}
    for key, value in content.items():
        name = _full_name(key)
        if name == "MAGFLOW_HOME":
            raise SettingsError(f"{path}: home can only be set in the environment, as MAGFLOW_HOME")
        if name is None:
            known = ", ".join(sorted(setting.removeprefix("MAGFLOW_").lower() for setting in SETTINGS))
            raise SettingsError(f"{path}: there is no setting {key!r}; known are {known}")
        if name in given:
            raise SettingsError(f"{path}: {key!r} sets {name} a second time; keep one of them")
        given[name] = value
    return given


def _full_name(key: str) -> str | None:
    upper = key.upper()
    return next((name for name in (upper, f"MAGFLOW_{upper}") if name in SETTINGS or name == "MAGFLOW_HOME"), None)


def _parsed(name: str, raw: Any) -> Any:
    try:
        return SETTINGS[name](raw)
    except ValueError as error:
        raise SettingsError(f"{name} {error}") from error


# --- What each setting may be ----------------------------------------------------------------------------------------


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip() or "\x00" in raw:
        raise ValueError("must be a text that is not empty")
    return raw.strip()


def _one_of(*allowed: str) -> Callable[[object], str]:
    def parse(raw: object) -> str:
        if (text := _text(raw)) not in allowed:
            raise ValueError(f"is {text!r}; it must be one of {', '.join(allowed)}")
        return text

    return parse


def _number(lowest: int, highest: int) -> Callable[[object], int]:
    def parse(raw: object) -> int:
        text = str(raw).strip() if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
        # The length is looked at first: a number of thousands of digits is refused, not computed.
        if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"is {str(raw)[:40]!r}; it must be a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def _postgres_url(raw: object) -> str:
    text = re.sub(r"\A(postgres|postgresql\+psycopg)://", "postgresql://", _text(raw))
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if scheme != "postgresql":
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return text


def _folder(raw: object) -> Path:
    path = Path(_text(raw)).expanduser()
    if not path.is_dir():
        raise ValueError(f"is {str(path)!r}, which is not a folder")
    return path.absolute()


def _secret_key(raw: object) -> str:
    text = _text(raw)
    advice = "unset it and MagFlow makes one and keeps it in the home folder"
    if len(text) < SHORTEST_SECRET:
        raise ValueError(f"is too short: it needs at least {SHORTEST_SECRET} random characters; {advice}")
    if text.lower() in KNOWN_SECRETS or len(set(text)) < 10:
        raise ValueError(f"is a known or guessable text; {advice}")
    return text


def _credentials_keys(raw: object) -> tuple[str, ...]:
    listed = [_text(part) for part in (raw if isinstance(raw, list) else _text(raw).split(","))]
    for key in listed:
        try:
            size = len(base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True))
        except (binascii.Error, UnicodeEncodeError):
            size = 0
        if size != 32 or len(set(key)) < 10:
            raise ValueError("must be one or more random keys of 32 bytes in URL-safe base64, separated by commas")
    return tuple(listed)


def _host(raw: object) -> str:
    text = _text(raw).removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[0-9A-Za-z.:_%-]{1,255}", text):
        raise ValueError(f"is {text[:40]!r}; it must be a name or an address such as 127.0.0.1")
    return text


def _currency(raw: object) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text := _text(raw)):
        raise ValueError(f"is {text[:40]!r}; it must be a currency code such as RON")
    return text


def _timezone(raw: object) -> str:
    text = _text(raw)
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"is {text[:40]!r}; it must be a time zone such as Europe/Bucharest") from error
    return text


def _smtp_url(raw: object) -> str:
    text = _text(raw)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"smtp", "smtps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("must look like smtp://user:password@host:587 or smtps://user:password@host:465")
    return text


def _web_address(raw: object) -> str:
    text = _text(raw)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("must be an address such as https://gateway.example/send")
    return text


def _sms_body(raw: object) -> str:
    text = _text(raw)
    if "{to}" not in text or "{text}" not in text:
        raise ValueError("must hold {to} and {text}, such as to={to}&message={text}")
    return text


def _listed(raw: object) -> list[str]:
    parts = raw if isinstance(raw, list) else _text(raw).split(",")
    return [_text(part) for part in parts]


def _networks(raw: object) -> tuple[Network, ...]:
    found = []
    for part in _listed(raw):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError as error:
            raise ValueError(f"holds {part[:40]!r}; it must list addresses or networks such as 10.0.0.0/8") from error
    return tuple(found)


def _hosts(raw: object) -> tuple[str, ...]:
    for part in (listed := _listed(raw)):
        if not re.fullmatch(r"\.?[0-9A-Za-z.:_\[\]-]{1,255}", part):
            raise ValueError(f"holds {part[:40]!r}; it must list host names such as shop.example.com")
    return tuple(listed)


SETTINGS: Final[Mapping[str, Callable[[object], Any]]] = {
    "DATABASE_URL": _postgres_url,
    "MAGFLOW_OWNER_DATABASE_URL": _postgres_url,
    "MAGFLOW_PG_BIN": _folder,
    "MAGFLOW_ENV": _one_of(*ENVIRONMENTS),
    "MAGFLOW_SECRET_KEY": _secret_key,
    "MAGFLOW_CREDENTIALS_KEY": _credentials_keys,
    "MAGFLOW_HOST": _host,
    "MAGFLOW_PORT": _number(0, 65535),
    "MAGFLOW_THREADS": _number(1, 256),
    "MAGFLOW_LOCALE": _one_of(*LOCALES),
    "MAGFLOW_CURRENCY": _currency,
    "MAGFLOW_TIMEZONE": _timezone,
    "MAGFLOW_API_RATE": _number(0, 100_000_000),
    "SMTP_URL": _smtp_url,
    "MAGFLOW_TRUSTED_PROXIES": _networks,
    "MAGFLOW_TRUSTED_HOSTS": _hosts,
    "MAGFLOW_OUTGOING_ALLOW": _hosts,
    "MAGFLOW_SMS_URL": _web_address,
    "MAGFLOW_SMS_TOKEN": _text,
    "MAGFLOW_SMS_BODY": _sms_body,
}


# --- Secrets that are made once --------------------------------------------------------------------------------------


def _kept(home: Path, name: str) -> Any:
    """The secret that the home folder keeps under this setting's name; made on first use."""
    path = home / name.removeprefix("MAGFLOW_").lower()
    fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")
    text = keep_once(path, fresh)
    try:
        return SETTINGS[name](text)
    except ValueError as error:
        raise HomeUnusable(f"the file {path} is damaged: {name} {error}; put it back from a copy") from error


def keep_once(path: Path, fresh: str) -> str:
    """Write `fresh` to a new file that only its owner can read, or return what is already kept there.

    The file appears whole or not at all, also when two processes start at once or the power goes: a half-written
    key would lock the shop out of its own sessions and credentials.
    """
    try:
        if not path.exists():
            _write_private(path, fresh)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise HomeUnusable(f"the file {path} cannot be used ({reason}); mend its permissions or its disk") from error


def _write_private(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600 from the start
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename, this never replaces what another process made first
        except FileExistsError:
            return
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        Path(temporary).unlink(missing_ok=True)
