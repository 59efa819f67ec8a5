"""Several statements in one network round trip.

The driver has pipelines, but sends each statement as a packet of its own, and leaves the server's clock for idle
transactions switched off behind each pipeline. A checkout is two round trips and a COMMIT, so both matter: here a batch
is one packet there and one back, on the interface to libpq that the driver offers beside its own.
"""

import itertools
import re
import select
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

import psycopg
from psycopg import generators, pq
from psycopg.abc import PQGen
from psycopg.abc import Transformer as TransformerType
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from sqlalchemy import PoolProxiedConnection

from magflow.concurrency.server_errors import PREPARED_NO_MORE

PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|%)")
MOST_PREPARED: Final = 500
"""Per connection. Statements are constants; if somebody puts them together, the server's memory stays bounded."""


class Rows:
    """What a statement answered; there once its batch is over."""

    def __init__(self, transformer: "TransformerType") -> None:
        self._transformer = transformer
        self._result: pq.abc.PGresult | None = None
        self._waiting: Iterator[tuple[Any, ...]] | None = None

    @property
    def arrived(self) -> bool:
        """Whether there is an answer."""
        return self._result is not None

    @property
    def rowcount(self) -> int:
        """How many rows were found or changed."""
        return (self._result.command_tuples or 0) if self._result else 0

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return next(iter(self), None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that were not fetched yet."""
        return list(iter(self))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        if self._waiting is None:
            if self._result is None:
                raise LookupError("the batch is not over: what it answered can be read behind its block")
            self._transformer.set_pgresult(self._result)
            self._waiting = iter(self._transformer.load_rows(0, self._result.ntuples, tuple))
        return self._waiting

    def arrive(self, result: "pq.abc.PGresult") -> None:
        """The answer is here."""
        self._result = result


class Batch:
    """Statements that go to the server together, and run there one after the other."""

    together = True
    """False sends them one at a time: for tests that walk through every place where others may come between."""

    ends = False
    """True when COMMIT follows: what was declared for the transaction goes with it."""

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self._channel = _Channel.of(connection)
        self._queue: list[tuple[str, Mapping[str, Any] | None, Rows]] = []
        self._sent: list[tuple[str, Mapping[str, Any] | None, Rows]] = []

    @property
    def driver(self) -> "psycopg.Connection[Any]":
        """The driver's connection under it."""
        return self._channel.connection

    @property
    def failed(self) -> tuple[str | None, Mapping[str, Any] | None]:
        """After an error: the statement that met it, the first without an answer."""
        return next(((sql, given) for sql, given, rows in self._sent if not rows.arrived), (None, None))

    def send(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Queue a statement."""
        rows = Rows(self._channel.transformer)
        self._queue.append((sql, parameters, rows))
        if not self.together:
            self.flush()
        return rows

    def flush(self, *, commit: bool = False) -> None:
        """Send what is queued and wait for the answers. Raises the first error that the server met.

        With `commit` the transaction ends behind the last of them, unless one met an error.
        """
        self._sent, self._queue = self._queue, []
        if self._sent or commit:
            self._channel.exchange(self._sent, commit=commit)

    def check_alive(self) -> None:
        """Raises when the server has gone since it was last asked: what is not sent surely has no effect."""
        self._channel.check_alive()


class _Channel:
    """A connection of the driver, with the names of what was prepared on it."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection
        self.transformer: TransformerType = Transformer.from_context(connection)
        # The driver's own prepared statements end with a rollback, and all others of the session with them.
        connection.prepare_threshold = None
        self._names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = itertools.count()

    @classmethod
    def of(cls, proxied: PoolProxiedConnection) -> "_Channel":
        """The one of this connection; it lives as long as the connection does."""
        channel = proxied.info.get("magflow.channel")
        if channel is None or channel.connection is not proxied.driver_connection:
            channel = proxied.info["magflow.channel"] = cls(cast("psycopg.Connection[Any]", proxied.driver_connection))
        return cast("_Channel", channel)

    def check_alive(self) -> None:
        """Nothing comes from a server that was not asked, unless it is to say good-bye."""
        pgconn = self.connection.pgconn
        if pgconn.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection is closed")
        waiting = select.poll()
        waiting.register(pgconn.socket, select.POLLIN)
        while waiting.poll(0):
            pgconn.consume_input()  # raises at the end of the stream

    def exchange(self, statements: list[tuple[str, Mapping[str, Any] | None, Rows]], *, commit: bool = False) -> None:
        """One packet there, one back."""
        pgconn = self.connection.pgconn
        if pgconn.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection is closed")
        expected: list[Rows | tuple[tuple[bytes, tuple[int, ...]], bytes] | None] = []
        pgconn.enter_pipeline_mode()
        try:
            if pgconn.transaction_status == pq.TransactionStatus.IDLE and not self.connection.autocommit:
                pgconn.send_query_params(self._begin(), None)
                expected.append(None)
            for sql, parameters, rows in statements:
                expected += self._send(sql, parameters)
                expected.append(rows)
            if commit:
                pgconn.send_query_params(b"COMMIT", None)
                expected.append(None)
            pgconn.pipeline_sync()
            answers = self.connection.wait(_answers(pgconn, len(expected) + 1))
        except psycopg.Error:
            raise
        except BaseException:
            # Half of the answers may still be on their way: nobody can use this connection any more.
            self.connection.close()
            raise
        if pgconn.status == pq.ConnStatus.OK:
            pgconn.exit_pipeline_mode()
        self._take(expected, answers)

    def _begin(self) -> bytes:
        level = self.connection.isolation_level
        return b"BEGIN" if level is None else f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}".encode()

    def _send(
        self, sql: str, parameters: Mapping[str, Any] | None
    ) -> list[Rows | tuple[tuple[bytes, tuple[int, ...]], bytes] | None]:
        """Hand a statement to libpq. Returns what is to be prepared on the way."""
        pgconn = self.connection.pgconn
        query, names = _numbered(sql) if parameters is not None else (sql.encode(), ())
        values, formats = None, None
        types: tuple[int, ...] = ()
        if names and parameters is not None:
            values = self.transformer.dump_sequence([parameters[n] for n in names], [PyFormat.AUTO] * len(names))
            types, formats = self.transformer.types or (), self.transformer.formats
        name = self._names.get((query, types))
        if name is None and len(self._names) >= MOST_PREPARED:
            pgconn.send_query_params(query, values, param_types=types, param_formats=formats)
            return []
        if name is not None:
            pgconn.send_query_prepared(name, values, param_formats=formats)
            return []
        name = b"magflow_%d" % next(self._numbers)
        pgconn.send_prepare(name, query, param_types=types)
        pgconn.send_query_prepared(name, values, param_formats=formats)
        self._names[query, types] = name
        return [((query, types), name)]

    def _take(self, expected: "list[Any]", answers: "list[list[pq.abc.PGresult]]") -> None:
        error: psycopg.Error | None = None
        for awaited, results in zip([*expected, None], answers, strict=False):
            failed = not results or results[-1].status in {pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED}
            if failed and isinstance(awaited, tuple):
                del self._names[awaited[0]]
            if failed and error is None:
                encoding = self.connection.info.encoding
                error = (
                    error_from_result(results[-1], encoding=encoding)
                    if results
                    else psycopg.OperationalError("the connection is closed")
                )
            elif not failed and isinstance(awaited, Rows):
                awaited.arrive(results[-1])
        if error is not None:
            if error.sqlstate in PREPARED_NO_MORE:
                self._names.clear()
            raise error


def _answers(pgconn: "pq.abc.PGconn", how_many: int) -> "PQGen[list[list[pq.abc.PGresult]]]":
    yield from generators.send(pgconn)
    answers = []
    for _ in range(how_many):
        answers.append((yield from generators.fetch_many(pgconn)))
        if pgconn.status != pq.ConnStatus.OK:
            break
    return answers


@cache
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with the server's numbered parameters, and their names in that order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%"
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return PLACEHOLDER.sub(number, sql).encode(), tuple(names)
