"""One statement that commits by itself: what every request asks before its work begins.

Who is this token, may this sign-in be tried, how many requests were there this minute. These must not wait for, nor be
undone with, the transaction of the request, and they are too many to pay for one. They run on connections of their own
(the bind `single`), prepared by the driver.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import psycopg
from sqlalchemy.exc import DBAPIError

from magflow.concurrency import refusal
from magflow.db import db

BIND: Final = "single"


def one(sql: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Run the statement and return its first row. It may run twice when a connection turns out to be gone.

    Raises RetryLater when the database cannot be asked now.
    """
    rows = every(sql, parameters)
    return rows[0] if rows else None


def every(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The same, with all rows."""
    try:
        return _run(sql, parameters)
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(("08", "57P")):
            raise refusal(error) from error
    # The server was restarted since: every idle connection is as dead as this one.
    db.engines[BIND].dispose()
    try:
        return _run(sql, parameters)
    except psycopg.Error as error:
        raise refusal(error) from error


def _run(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    try:
        checked_out = db.engines[BIND].raw_connection()
    except DBAPIError as error:
        raise refusal(error) from error
    try:
        connection = cast("psycopg.Connection[Any]", checked_out.driver_connection)
        cursor = connection.execute(sql, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []
    except psycopg.OperationalError:
        checked_out.invalidate()
        raise
    finally:
        checked_out.close()
