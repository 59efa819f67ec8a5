"""The embedded server, started for real: joined, killed, moved, and left behind."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from magflow.postgres import binaries, embedded
from magflow.postgres.binaries import Account, Binaries
from magflow.postgres.embedded import Server
from magflow.postgres.errors import ServerFailed, WrongVersion
from tests.ground.conftest import Start, settings_for

ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not ROOT, reason="shows what root does")


def kill_everything(server: Server) -> None:
    """What a power cut does to the processes, and wait until they are gone."""
    for victim in server.cluster.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    assert server.cluster.await_silence(10)


def note(server: Server, text: str) -> None:
    with psycopg.connect(server.owner_dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(server: Server) -> list[str]:
    with psycopg.connect(server.owner_dsn) as connection:
        return [str(row[0]) for row in connection.execute("SELECT text FROM notes ORDER BY text").fetchall()]


def test_the_first_start_makes_a_durable_server_and_later_ones_join_it(start: Start) -> None:
    first = start()
    note(first, "kept")
    second = start()
    assert second.cluster.postmaster() == first.cluster.postmaster()
    first.stop()
    assert notes(second) == ["kept"]  # somebody still uses it
    second.stop()
    assert second.cluster.processes() == []
    assert notes(start()) == ["kept"]


def test_a_committed_row_survives_the_death_of_every_process(start: Start) -> None:
    server = start()
    note(server, "before")
    kill_everything(server)
    assert not server.alive()
    server.ensure()
    note(server, "after")
    assert notes(server) == ["after", "before"]


def test_a_starter_that_is_killed_leaves_a_server_that_the_next_one_joins_and_stops(start: Start, home: Path) -> None:
    program = (
        "from magflow.settings import Settings; from magflow.postgres import embedded; import signal\n"
        "server = embedded.start(Settings.from_environment()); print('up', flush=True); signal.pause()"
    )
    environment = {**os.environ, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"}
    environment.pop("DATABASE_URL", None)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        starter.kill()
    server = start()
    note(server, "joined")
    server.stop()
    assert server.cluster.processes() == []


@pytest.fixture
def stranger(start: Start) -> Iterator[int]:
    """A living process of the server's own account that has nothing to do with it."""
    account = start().cluster.account.process()
    with subprocess.Popen(["sleep", "60"], **account) as process:
        yield process.pid
        process.kill()


def test_a_reused_process_number_does_not_stop_the_start(start: Start, stranger: int) -> None:
    server = start()
    note(server, "kept")
    kill_everything(server)
    for file in (server.cluster.data / "postmaster.pid", server.cluster.socket_folder / ".s.PGSQL.5432.lock"):
        file.write_text("\n".join([str(stranger), *file.read_text().splitlines()[1:]]) + "\n")
    server.ensure()
    assert notes(server) == ["kept"]
    assert psutil.pid_exists(stranger)


def test_a_damaged_process_file_does_not_stop_the_start(start: Start) -> None:
    server = start()
    for content in ("", "garbage\n", "1\n", "99999999999999999999\n", "\x00\xff"):
        kill_everything(server)
        (server.cluster.data / "postmaster.pid").write_text(content, encoding="latin-1")
        server.ensure()
        assert server.alive(), repr(content)


def test_two_starts_at_once_make_one_server(start: Start) -> None:
    servers: list[Server] = []
    threads = [threading.Thread(target=lambda: servers.append(start())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({server.cluster.postmaster() for server in servers}) == 1


def test_the_server_is_durable_private_and_its_roles_are_not_superusers(running: Server) -> None:
    with psycopg.connect(running.superuser_dsn) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        rows = connection.execute(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls, rolcanlogin "
            "FROM pg_roles WHERE rolname LIKE 'magflow%' AND rolname <> 'magflow_superuser' ORDER BY 1"
        ).fetchall()
    assert rows == [
        ("magflow_app", False, True),
        ("magflow_backup", False, True),
        ("magflow_owner", False, False),
        ("magflow_read", False, True),
    ]
    assert stat.S_IMODE(running.cluster.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((running.folder / "passwords.json").stat().st_mode) == 0o600


def test_a_wrong_password_is_refused_on_the_socket_too(running: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.app_dsn, password="guess").close()


def test_a_very_deep_home_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)
    with embedded.start(settings_for(deep)) as server:
        note(server, "deep")
        assert notes(server) == ["deep"]
        assert server.cluster.socket_folder != server.cluster.data
        assert stat.S_IMODE(server.cluster.socket_folder.stat().st_mode) == 0o700
    assert not server.cluster.socket_folder.exists()


@root_only
def test_root_starts_it_as_another_account_below_closed_folders_and_opens_none(start: Start, home: Path) -> None:
    before = [stat.S_IMODE(folder.stat().st_mode) for folder in home.parents]
    server = start()
    postmaster = server.cluster.postmaster()
    assert postmaster is not None and postmaster.uids().effective != 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in home.parents] == before


@root_only
def test_programs_that_are_closed_to_the_server_are_copied_once(open_folder: Path) -> None:
    # As it is where the environment lies under /root: the libraries that came with the programs are closed too.
    found = binaries.find(None)
    top = next(folder for folder in found.folder.parents if folder.name in binaries.PACKAGES)
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    for part in (top, top.with_name(f"{top.name}.libs")):
        shutil.copytree(part, closed / part.name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    hidden = Binaries(closed / found.folder.relative_to(top.parent), found.version)
    before = os.umask(0o077)
    try:
        copied = binaries.reachable(hidden, account, open_folder / "cache")
    finally:
        os.umask(before)
    assert copied.folder.is_relative_to(open_folder / "cache")
    shutil.rmtree(closed)
    assert binaries.reachable(copied, account, open_folder / "elsewhere") == copied
    for program in ("postgres", "initdb", "pg_ctl"):
        said = subprocess.run([copied.folder / program, "--version"], capture_output=True, cwd="/", **account.process())
        assert said.returncode == 0, said.stderr
    assert (copied.folder / "postgres").stat().st_uid == 0


@root_only
def test_an_ordinary_user_runs_it_as_himself(open_folder: Path) -> None:
    # As root we can become one; the programs must then be where he can read them.
    python = Path(sys.executable).resolve()
    nobody = pwd.getpwnam("nobody")
    home = open_folder / "his"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            with embedded.start(settings_for(home / "home")) as server:
                note(server, "his")
                code = 0 if server.cluster.account.uid is None and notes(server) == ["his"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, python


def test_data_of_another_major_version_are_refused_in_words(start: Start, home: Path) -> None:
    start().stop()
    version = home / "postgres" / "data" / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(WrongVersion, match="made by PostgreSQL 14"):
        start()


def test_a_folder_without_programs_is_refused_in_words(start: Start, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"no PostgreSQL in .* DATABASE_URL"):
        start(MAGFLOW_PG_BIN=str(tmp_path))


def test_lost_passwords_are_told_instead_of_replaced(start: Start, home: Path) -> None:
    start().stop()
    (home / "postgres" / "passwords.json").unlink()
    with pytest.raises(ServerFailed, match=r"passwords\.json is missing"):
        start()


def test_a_half_made_data_folder_is_made_anew(start: Start, home: Path) -> None:
    new = home / "postgres" / "data.new"
    new.mkdir(parents=True)
    (new / "half").write_text("a crash during the very first start")
    assert start().alive()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is too small for a database."""
    place = tmp_path / "disk"
    place.mkdir()
    if not ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", place], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_said_in_one_line_and_mended_by_space(small_disk: Path) -> None:
    settings = settings_for(small_disk / "home")
    with pytest.raises(ServerFailed, match="is full; free some space"):
        embedded.start(settings)
    subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)
    with embedded.start(settings) as server:
        note(server, "fits")
        assert notes(server) == ["fits"]


def test_stopping_rolls_back_what_is_open_and_does_not_wait_for_it(start: Start) -> None:
    server = start()
    note(server, "committed")
    with psycopg.connect(server.owner_dsn) as connection:
        connection.execute("INSERT INTO notes VALUES ('open')")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 10
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert notes(start()) == ["committed"]


def test_a_frozen_server_process_is_ended_all_the_same(start: Start) -> None:
    server = start()
    postmaster = server.cluster.postmaster()
    assert postmaster is not None
    postmaster.send_signal(signal.SIGSTOP)
    server.cluster.shut_down(server._started, patience=0.3)
    assert not server.alive()
