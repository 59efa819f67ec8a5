"""The statements that were sent, in their order."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event

from magflow import concurrency
from magflow.db import db
from tests.gates.planting import swapped


@contextlib.contextmanager
def sql_log() -> Iterator[list[str]]:
    """Every statement of the application inside the block, with its blanks made single. Needs an app context."""
    sent: list[str] = []

    def note(statement: str) -> None:
        sent.append(re.sub(r"\s+", " ", statement).strip())

    send = concurrency.Batch.send

    def send_and_note(batch: Any, sql: str, parameters: Any = None) -> Any:
        note(sql)
        return send(batch, sql, parameters)

    def before_execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        note(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", before_execute)
    try:
        with swapped(concurrency.Batch, send=send_and_note):
            yield sent
    finally:
        event.remove(engine, "before_cursor_execute", before_execute)
