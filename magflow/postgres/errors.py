"""What can be wrong with the database before the application has anything to do with it."""

from __future__ import annotations

from typing import ClassVar


class DatabaseProblem(Exception):
    """The database cannot be started, reached or used. `str()` is one line that says what to do."""

    exit_code: ClassVar[int] = 1


class ServerFailed(DatabaseProblem):
    """The embedded server did not start, or stopped again at once."""


class Unreachable(DatabaseProblem):
    """Nobody answers at the address, or not as whom we came."""


class WrongEncoding(DatabaseProblem):
    """The database keeps its text in another encoding than UTF-8."""


class WrongVersion(DatabaseProblem):
    """The server, or its data, is of a version that MagFlow cannot work with."""
