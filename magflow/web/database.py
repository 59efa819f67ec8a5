"""The application's connections: who they say they are, how long they wait, and how a dead one is noticed.

Two pools of one database: `db.engine` for transactions, and the bind `single` for statements that commit by
themselves (`magflow.services.single`). Nothing is connected here, so MagFlow starts while the database is down.
"""

import select
import time
from typing import Any, Final, Literal, cast

import psycopg
from flask import Flask
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from magflow.db import db
from magflow.services.single import BIND
from magflow.settings import Settings

Role = Literal["web", "worker"]

TIMEOUTS: Final[dict[Role, dict[str, str]]] = {
    "web": {"lock_timeout": "2s", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "15s"},
    "worker": {"lock_timeout": "5s", "statement_timeout": "120s", "idle_in_transaction_session_timeout": "60s"},
}
WORKER_TRANSACTION: Final = "180s"
ROLE: Final = "MAGFLOW_DATABASE_ROLE"
"""Bounded waits (reliability 2.5). The roles of the database have the web's as defaults; the worker may take longer."""

ASK_AFTER_SECONDS: Final = 30.0
"""A connection that lay idle for longer is asked whether it lives: a network may drop it without a word."""


def configure(app: Flask, settings: Settings, role: Role) -> None:
    """Tell Flask-SQLAlchemy about the database, before `db.init_app`."""
    app.config[ROLE] = role
    url = settings.sqlalchemy_url
    connect = {
        "application_name": f"magflow-{role}",
        "connect_timeout": 3,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "options": _options(role),
        # Services prepare their own statements. The driver would forget its ones, and theirs, with every rollback.
        "prepare_threshold": None,
    }
    pool = {
        # As many as there are threads, and never one more: the server's connections are shared with everybody else.
        "pool_size": settings.threads,
        "max_overflow": 0,
        "pool_timeout": 5,
        "pool_use_lifo": True,
        "pool_recycle": 1800,
    }
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {**pool, "connect_args": connect}
    single = {
        **pool,
        "url": url,
        "connect_args": connect | {"prepare_threshold": 0},  # it never rolls back
        "isolation_level": "AUTOCOMMIT",
        "pool_reset_on_return": None,
    }
    app.config["SQLALCHEMY_BINDS"] = {BIND: single}


def _options(role: Role) -> str:
    settings = " ".join(f"-c {name}={value}" for name, value in TIMEOUTS[role].items())
    # `transaction_timeout` exists from PostgreSQL 17, older servers refuse a connection that names it. The role's
    # default is the web's; `watch` gives the worker its own.
    return f"{settings} -c timezone=UTC"


def watch(app: Flask) -> None:
    """Notice dead connections before they are used, after `db.init_app`."""
    with app.app_context():
        for engine in db.engines.values():
            _look_first(engine)
            if app.config[ROLE] == "worker":
                _longer_transactions(engine)


def _longer_transactions(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def allow(connection: Any, _record: Any) -> None:
        driver = cast("psycopg.Connection[Any]", connection)
        if driver.info.server_version >= 170000:
            driver.execute(f"SET transaction_timeout = '{WORKER_TRANSACTION}'")
            driver.commit()


def _look_first(engine: Engine) -> None:
    """What `pool_pre_ping` does, without a question to the server each time.

    A server that ends a connection says so on it. Nothing is expected on an idle one, so whatever can be read there is
    its end; looking costs microseconds, asking costs as much as a statement.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get("used")
        if used is None:
            return
        driver = cast("psycopg.Connection[Any]", connection)
        if driver.closed or _has_something_to_say(driver.fileno()):
            raise DisconnectionError
        if time.monotonic() - used > ASK_AFTER_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                raise DisconnectionError from error


def _has_something_to_say(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
