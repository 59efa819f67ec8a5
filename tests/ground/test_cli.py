"""What a person sees who types something wrong, or whose machine is in the way: one line, and the right exit code."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from magflow.cli.ending import told
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.postgres.cluster import SUPERUSER
from magflow.postgres.embedded import Server


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def magflow(home: Path, *arguments: str, given: str = "", **environment: str) -> Said:
    """Run the command as a shell would."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAGFLOW_") and k != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "magflow.cli", *arguments],
        env={**inherited, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing", **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def one_line(said: Said, code: int) -> str:
    assert said.code == code, said
    assert said.err.startswith("magflow: ") and said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--workers", "0"],
        ["up", "--nonsense"],
        ["up", "--port", "eighty"],
        ["up", "--port", "99999"],
        ["db"],
        [],
        ["user", "create"],
        ["user", "create", "ana@shop.example", "--role", "king"],
        ["token", "create", "--name", "till"],
        ["token", "create", "--name", "till", "--scopes", "all", "--expires-days", "0"],
        ["restore", "/nowhere/at/all"],
        ["backup"],
        ["worker", "--concurrency", "many"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line_and_exit_2(home: Path, arguments: list[str]) -> None:
    assert "Error" not in one_line(magflow(home, *arguments), 2)


def test_help_answers_without_loading_the_application(home: Path) -> None:
    program = "import sys; from magflow.cli import main; main.main(['up', '--help'], standalone_mode=False)"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{program}; sys.exit(any(m in sys.modules for m in ('flask', 'sqlalchemy', 'alembic')))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "--no-worker" in done.stdout


def test_a_bad_setting_is_exit_2_and_a_bad_machine_exit_1(home: Path, tmp_path: Path) -> None:
    assert "MAGFLOW_PORT" in one_line(magflow(home, "db", "current", MAGFLOW_PORT="x"), 2)
    assert "MAGFLOW_SECRET_KEY" in one_line(magflow(home, "db", "current", MAGFLOW_SECRET_KEY="changeme"), 2)
    (tmp_path / "file").touch()
    assert "cannot be written to" in one_line(magflow(tmp_path / "file" / "home", "db", "current"), 1)


def test_what_is_refused_is_said_in_a_sentence_and_wrong_values_are_wrong_use() -> None:
    wrong = Invalid([FieldError("email", "not_an_email"), FieldError("password", "too_short", {"least": 12})])
    assert told(wrong) == (2, "email: This is not an e-mail address. password: At least 12 characters are needed.")
    assert told(NotFound("variant", "X")) == (1, "There is no variant X.")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_taken_port_is_told_before_anything_is_started(home: Path, taken_port: int) -> None:
    said = one_line(magflow(home, "up", "--port", str(taken_port)), 1)
    assert f"port {taken_port}" in said and f"--port {taken_port + 1}" in said
    assert not (home / "postgres").exists()


def test_an_unknown_host_is_told(home: Path) -> None:
    assert "not known" in one_line(magflow(home, "up", "--host", "no-such-host.invalid", "--port", "0"), 1)


@pytest.mark.parametrize("command", [["db", "current"], ["db", "upgrade"], ["backup", "x"], ["up", "--port", "0"]])
def test_a_database_that_is_not_there_is_told_without_its_password(home: Path, command: list[str]) -> None:
    said = one_line(magflow(home, *command, DATABASE_URL="postgres://shop:s3cret@127.0.0.1:1/shop"), 1)
    assert "DATABASE_URL" in said and "s3cret" not in said


def test_a_database_that_never_answers_is_not_waited_for(home: Path, taken_port: int) -> None:
    url = f"postgresql://shop:s3cret@127.0.0.1:{taken_port}/shop"
    assert "timeout" in one_line(magflow(home, "db", "current", DATABASE_URL=url), 1)


def test_an_outside_database_is_used_as_it_is(home: Path, running: Server, tmp_path: Path) -> None:
    outside = {"DATABASE_URL": running.app_dsn, "MAGFLOW_OWNER_DATABASE_URL": running.owner_dsn}
    assert "upgraded from nothing" in magflow(home, "db", "upgrade", **outside).out
    assert magflow(home, "backup", str(tmp_path / "b"), **outside).code == 0
    assert "not empty" in one_line(magflow(home, "restore", str(tmp_path / "b"), **outside), 1)
    assert magflow(home, "restore", "--force", str(tmp_path / "b"), **outside).code == 0
    assert not (home / "postgres").exists()


def test_a_database_in_another_encoding_is_told(home: Path, running: Server) -> None:
    with psycopg.connect(running.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    for command in (("db", "upgrade"), ("audit",), ("up", "--port", "0")):
        said = one_line(magflow(home, *command, DATABASE_URL=running.dsn(SUPERUSER, "latin")), 1)
        assert "LATIN1" in said and "UTF8" in said


def test_a_role_without_rights_is_told(home: Path, running: Server) -> None:
    with psycopg.connect(running.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE guarded")
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'let me in'")
    assert magflow(home, "db", "upgrade", DATABASE_URL=running.dsn(SUPERUSER, "guarded")).code == 0
    stranger = make_conninfo(running.dsn(SUPERUSER, "guarded"), user="stranger", password="let me in")
    where = {name: value for name, value in conninfo_to_dict(stranger).items() if name in {"host", "port"}}
    url = f"postgresql://stranger:let%20me%20in@/guarded?{urlencode(where)}"
    for command in (("db", "upgrade"), ("db", "current"), ("audit",)):
        said = one_line(magflow(home, *command, DATABASE_URL=url), 1)
        assert "no right" in said and "MAGFLOW_OWNER_DATABASE_URL" in said


def test_a_backup_says_what_is_not_in_it_and_the_embedded_database_comes_back(home: Path, tmp_path: Path) -> None:
    magflow(home, "db", "upgrade")
    said = magflow(home, "backup", str(tmp_path / "b"))
    assert said.code == 0 and "NOT in it" in said.out and str(home / "credentials_key") in said.out
    restored = magflow(tmp_path / "another home", "restore", str(tmp_path / "b"))
    assert restored.code == 0, restored.err
    assert "restored the backup of" in restored.out


def test_a_backup_into_a_missing_folder_is_told(home: Path, tmp_path: Path) -> None:
    magflow(home, "db", "upgrade")
    assert "No such file" in one_line(magflow(home, "backup", str(tmp_path / "no" / "b")), 1)


def test_a_password_is_never_asked_for_without_a_terminal(home: Path) -> None:
    said = magflow(home, "user", "create", "ana@shop.example", "--role", "owner")
    assert "--password-stdin" in one_line(said, 2)
