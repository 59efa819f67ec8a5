"""Units of work: begun, repeated where the policy allows it, committed, joined; and the statements inside them."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Concatenate, Final, Generic, NoReturn, ParamSpec, TypeVar, cast

import psycopg
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from magflow.concurrency.levels import held_by
from magflow.concurrency.server_errors import DEADLOCK, PREPARED_NO_MORE, STATEMENT_TIMEOUT, is_lost, refusal, sqlstate
from magflow.concurrency.statements import Batch, Rows
from magflow.db import db
from magflow.domain.actors import SYSTEM, Actor
from magflow.domain.errors import OutcomeUnknown, RetryLater

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

MAX_RETRIES: Final = 5
MAX_RECONNECTS: Final = 1
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two runs of a unit, with full jitter, so that the same two do not meet again."""


class UnitSession(Session):
    """The session of one unit of work; made here and nowhere else."""


class Transactional(Generic[P, R]):
    """A service as a unit of work. Called, it opens, retries and commits its own transaction; `within` joins one."""

    def __init__(self, unit: Callable[Concatenate[Session, P], R]) -> None:
        self.unit = unit
        self.__doc__ = unit.__doc__
        self.__name__ = unit.__name__
        self.__module__ = unit.__module__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        actor = kwargs.get("actor")
        return run(lambda session: self._whole(session, *args, **kwargs), actor if isinstance(actor, Actor) else SYSTEM)

    def _whole(self, session: Session, *args: P.args, **kwargs: P.kwargs) -> R:
        session.info["whole"] = True
        return self.unit(session, *args, **kwargs)

    def within(self, session: Session, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, as a part of the caller's transaction."""
        session.info["whole"] = False
        return self.unit(session, *args, **kwargs)


def transactional(unit: Callable[Concatenate[Session, P], R]) -> Transactional[P, R]:
    """Make a service of a function whose first parameter is the session."""
    return Transactional(unit)


def run(unit: Callable[[Session], R], actor: Actor) -> R:
    """Run a unit of work in a transaction of its own, and again where the policy allows it.

    Raises what the unit refuses with; a named Refused for a race that a constraint decided; RetryLater when the
    database could not serve it now; OutcomeUnknown when the answer to COMMIT was lost and cannot be found out.
    """
    retries = reconnects = 0
    while True:
        session = UnitSession(db.engine, expire_on_commit=False)
        session.info["actor"] = actor
        committing = False
        try:
            result = unit(session)
            session.flush()
            committing = True
            session.commit()
            return result
        except (DBAPIError, psycopg.Error, StartAgain) as error:
            lost = is_lost(error)
            session.invalidate() if lost else session.rollback()
            if sqlstate(error) == STATEMENT_TIMEOUT:
                _log_plan(error, session.info.get("batch"))
            if lost and committing and _has_committed(session.info.get("transaction")):
                return result
            if lost and "closing" in session.info:
                _check_not_committed(session.info["transaction"])
            if lost and reconnects < MAX_RECONNECTS:
                reconnects += 1
            elif _may_work_next_time(error) and retries < MAX_RETRIES:
                retries += 1
                log.warning("transaction repeated", extra={"sqlstate": sqlstate(error), "attempt": retries})
                # Not a wait for somebody: the two units that met must start apart from each other.
                time.sleep(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE * retries / MAX_RETRIES))  # noqa: S311
            else:
                _raise_refusal(error)
        except PoolTimeout as error:
            raise RetryLater("connections") from error
        finally:
            session.close()


def _log_plan(error: BaseException, last: "Batch | None") -> None:
    """A statement that ran into its limit is not tried again; how the server meant to run it is worth knowing."""
    statement, parameters = (
        (error.statement, error.params) if isinstance(error, DBAPIError) else last.failed if last else (None, None)
    )
    plan = []
    if statement:
        try:
            with db.engine.connect() as connection:
                explained = _driver(connection).execute(f"EXPLAIN {statement}", cast("Any", parameters))
                plan = [str(row[0]) for row in explained]
        except (SQLAlchemyError, psycopg.Error) as reason:
            plan = [f"not to be had: {reason}".splitlines()[0]]
    log.error("statement took too long", extra={"statement": statement, "plan": "\n".join(plan)})


class StartAgain(Exception):
    """Raised by a unit that found, under its locks, that it needs one it may no longer ask for: run it anew."""


def _may_work_next_time(error: BaseException) -> bool:
    return isinstance(error, StartAgain) or sqlstate(error) in DEADLOCK | PREPARED_NO_MORE


def _raise_refusal(error: "DBAPIError | psycopg.Error | StartAgain") -> NoReturn:
    refused = RetryLater("contention") if isinstance(error, StartAgain) else refusal(error)
    if refused is error:
        raise error
    raise refused from error


def current(session: Session) -> Actor:
    """Who the running transaction works for."""
    return cast("Actor", session.info.get("actor", SYSTEM))


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """A part that may fail alone. Its database errors arrive translated; its row locks go with its rollback."""
    held = held_by(session).copy()
    try:
        with session.begin_nested():
            yield
    except (DBAPIError, psycopg.Error) as error:
        if is_lost(error) or _may_work_next_time(error):
            raise
        session.info["locks"] = held
        _raise_refusal(error)
    except BaseException:
        session.info["locks"] = held
        raise


@contextmanager
def batch(session: Session) -> Iterator[Batch]:
    """Send several statements at once, inside the session's transaction.

    They run one after the other, each with a snapshot of its own: a lock taken by the first is held when the second
    reads. What can only be decided after an answer belongs into the next batch.
    """
    if "closing" in session.info:
        raise RuntimeError("the unit has been committed by its last batch")
    session.flush()
    # Until here nothing may have begun: then the context travels in this round trip, not in one of its own.
    session.info["batching"] = True
    connection = session.connection()
    session.info["batching"] = False
    session.info["batch"] = statements = Batch(connection.connection)
    _declare_context(session, statements)
    yield statements
    statements.flush()


@contextmanager
def last_batch(session: Session) -> Iterator[Batch]:
    """The statements of a whole unit of work, with BEGIN before them and COMMIT behind them in the same packet.

    What they lock is then held for as long as the server works, and not while the program thinks. They must decide by
    themselves: nothing can be taken back once they are sent, and the unit writes nothing after them. In a transaction
    that has begun, or that others go on with, this is a batch like any other.
    """
    if not session.info.get("whole") or session.in_transaction():
        with batch(session) as statements:
            yield statements
        return
    # The session keeps out of it: what it does for a transaction took as long as a third of the sale on the server.
    connection = db.engine.raw_connection()
    try:
        session.info["batch"] = statements = Batch(connection)
        statements.ends = True
        _declare_context(session, statements)
        yield statements
        statements.check_alive()
        session.info["closing"] = True
        statements.flush(commit=True)
    except psycopg.Error as error:
        if is_lost(error):
            connection.invalidate(error)
        raise
    finally:
        connection.close()


def execute(session: Session, sql: str, parameters: Mapping[str, Any] | None = None) -> Rows:
    """One set-based statement in the session's transaction, prepared by the driver."""
    with batch(session) as statements:
        return statements.send(sql, parameters)


def copy_in(session: Session, statement: str, blocks: Iterable[bytes]) -> None:
    """Load rows through COPY, in the session's transaction. The blocks may be sent again in a repeated unit."""
    session.flush()
    connection = _driver(session.connection())
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in blocks:
            copy.write(block)


def copy_out(session: Session, statement: str) -> Iterator[bytes]:
    """What a COPY … TO STDOUT answers, piece by piece, as the server sends it."""
    connection = _driver(session.connection())
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            yield bytes(block)


def done_again_after_a_crash(session: Session) -> None:
    """Let this unit's COMMIT return before it is on the disk.

    Only for a part of work that is looked up after a crash and done again if it is missing, such as a chunk of an
    import with its mark that it is done. Whatever commits later in the ordinary way brings it to the disk too.
    """
    execute(session, "SELECT set_config('synchronous_commit', 'off', true)")


DECLARE_CONTEXT: Final = """
SELECT set_config('magflow.context', %(context)s, true), pg_current_xact_id()::text, now()"""


def _declare_context(session: Session, statements: Batch) -> None:
    """Name the actor for the triggers, and learn the transaction's id, by which a lost COMMIT is looked up."""
    if "transaction" not in session.info:
        session.info["transaction"] = statements.send(DECLARE_CONTEXT, {"context": current(session).context})


@event.listens_for(UnitSession, "after_begin")
def _declare_before_orm_writes(session: Session, _transaction: object, connection: Connection) -> None:
    if not session.info.get("batching"):
        statements = Batch(connection.connection)
        _declare_context(session, statements)
        statements.flush()


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


# A server that crashed may give a number anew whose transaction it had not written down; its statistics are then reset.
LOOK_UP_COMMIT: Final = text("""
SELECT pg_xact_status(CAST(:xid AS xid8)), coalesce((SELECT stats_reset > :began FROM pg_stat_bgwriter), true)""")


def _check_not_committed(declared: Rows) -> None:
    """After a connection was lost under a unit's last batch, before it runs again.

    Raises OutcomeUnknown when it may have committed: what it answered is lost with the connection.
    """
    if not declared.arrived or _has_committed(declared):
        raise OutcomeUnknown


def _has_committed(declared: Rows | None) -> bool:
    """Whether the transaction whose COMMIT got no answer took effect; False when it surely did not.

    Raises OutcomeUnknown when that cannot be found out.
    """
    row = declared.fetchone() if declared and declared.arrived else None
    if row is None:
        return False
    asked = {"xid": row[1], "began": row[2]}
    try:
        db.engine.dispose()  # who cut this connection may have cut the idle ones too
        with db.engine.connect() as connection:
            for _ in range(50):
                status, crashed = connection.execute(LOOK_UP_COMMIT, asked).one()
                if status == "aborted":
                    return False
                if status == "committed" and not crashed:
                    return True
                if status != "in progress":
                    break
                # The server is still ending the broken session; it has nothing to notify us by.
                time.sleep(0.1)
    except SQLAlchemyError as error:
        raise OutcomeUnknown from error
    raise OutcomeUnknown
