from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from magflow.settings import KNOWN_SECRETS, HomeUnusable, Settings, SettingsError, home_folder, share


def read(home: Path, **environment: str) -> Settings:
    return Settings.from_environment({"MAGFLOW_HOME": str(home), **environment})


def test_a_new_shop_has_the_documented_defaults(home: Path) -> None:
    found = read(home)
    assert (found.host, found.port, found.env, found.locale) == ("127.0.0.1", 8000, "production", "ro")
    assert (found.currency, found.timezone, found.api_rate) == ("RON", "Europe/Bucharest", 6000)
    assert found.database_url is None


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(home: Path) -> None:
    (home / "magflow.toml").write_text('port = 9001\nMAGFLOW_LOCALE = "it"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    found = read(home, MAGFLOW_PORT="9002")
    assert (found.port, found.locale) == (9002, "it")
    assert str(found.trusted_proxies[0]) == "10.0.0.0/8"


def test_secrets_are_made_once_and_only_their_owner_can_read_them(home: Path) -> None:
    first, second = read(home), read(home)
    assert first.secret_key == second.secret_key
    assert first.credentials_keys == second.credentials_keys
    assert first.secret_key not in repr(first)
    for name in ("secret_key", "credentials_key"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


def test_a_secret_that_was_left_open_is_closed_again(home: Path) -> None:
    read(home)
    (home / "secret_key").chmod(0o644)
    read(home)
    assert stat.S_IMODE((home / "secret_key").stat().st_mode) == 0o600


def test_many_first_starts_at_once_keep_one_secret(home: Path) -> None:
    program = "import sys; from magflow.settings import *; print(Settings.from_environment().secret_key)"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "MAGFLOW_HOME": str(home)}
        )
        for _ in range(4)
    ]
    assert len({start.communicate()[0] for start in starts}) == 1


def test_a_damaged_secret_is_not_silently_replaced(home: Path) -> None:
    read(home)
    (home / "secret_key").write_text("half")
    with pytest.raises(HomeUnusable, match="secret_key is damaged"):
        read(home)


@pytest.mark.parametrize("secret", [*sorted(KNOWN_SECRETS), "short", "a" * 64, "changeme"])
def test_a_published_or_short_secret_is_refused(home: Path, secret: str) -> None:
    with pytest.raises(SettingsError, match=r"^MAGFLOW_SECRET_KEY is"):
        read(home, MAGFLOW_SECRET_KEY=secret)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAGFLOW_PORT", "eighty"),
        ("MAGFLOW_PORT", "65536"),
        ("MAGFLOW_PORT", "9" * 5000),
        ("MAGFLOW_PORT", "８０"),
        ("MAGFLOW_ENV", "prod"),
        ("MAGFLOW_LOCALE", "de"),
        ("MAGFLOW_CURRENCY", "lei"),
        ("MAGFLOW_TIMEZONE", "Mars/Olympus"),
        ("MAGFLOW_TIMEZONE", "../../etc/passwd"),
        ("MAGFLOW_API_RATE", "-1"),
        ("MAGFLOW_CREDENTIALS_KEY", "not a key"),
        ("MAGFLOW_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("MAGFLOW_TRUSTED_HOSTS", "a b"),
        ("MAGFLOW_HOST", "http://x"),
        ("SMTP_URL", "http://mail"),
        ("DATABASE_URL", "mysql://x/y"),
        ("MAGFLOW_OWNER_DATABASE_URL", "x"),
        ("MAGFLOW_PG_BIN", "/nowhere/at/all"),
    ],
)
def test_a_bad_value_names_its_setting_in_one_short_line(home: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(home, **{name: value})
    line = str(refused.value)
    assert line.startswith(name) and "\n" not in line and len(line) < 300


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prot = 8000", "no setting 'prot'"),
        ("port = ", "not valid TOML"),
        ("port = true", "MAGFLOW_PORT is 'True'"),
        ("port = 8.5", "MAGFLOW_PORT is '8.5'"),
        ("port = 1\nMAGFLOW_PORT = 2", "a second time"),
        ('home = "/x"', "only be set in the environment"),
    ],
)
def test_a_bad_file_is_refused_by_what_is_wrong_in_it(home: Path, content: str, says: str) -> None:
    (home / "magflow.toml").write_text(content)
    with pytest.raises(SettingsError) as refused:
        read(home)
    assert says in str(refused.value)


def test_several_credentials_keys_are_kept_in_order(home: Path) -> None:
    keys = [read(home).credentials_keys[0], "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
    assert read(home, MAGFLOW_CREDENTIALS_KEY=",".join(keys)).credentials_keys == tuple(keys)


def test_a_home_that_cannot_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HomeUnusable, match=r"cannot be written to .* set MAGFLOW_HOME"):
        read(tmp_path / "file" / "home")


def test_the_home_has_a_place_of_its_own_for_root_and_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert home_folder({}) == Path("/var/lib/magflow")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ana/.local/share")
    assert home_folder({}).name == "magflow"


def test_the_shared_folders_are_found_and_unknown_ones_are_named() -> None:
    assert (share("migrations") / "env.py").exists()
    with pytest.raises(SettingsError, match="'nothing' is missing"):
        share("nothing")
