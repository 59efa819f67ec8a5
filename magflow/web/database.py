"""The application's connections: who they say they are, how long they wait, and how a dead one is noticed.

Two pools of one database: `db.engine` for transactions, and the bind `single` for statements that commit by
themselves (`magflow.services.single`). Nothing is connected here, so MagFlow starts while the database is down.
"""

import time
from typing import Any, Final, Literal

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
"""Bounded waits (reliability 2.5). The roles of the database have the web's as defaults; the worker may take longer."""

TRUSTED_SECONDS: Final = 1.0
"""A connection that was alive a moment ago is not asked again: a question costs as much as a statement."""


def configure(app: Flask, settings: Settings, role: Role) -> None:
    """Tell Flask-SQLAlchemy about the database, before `db.init_app`."""
    url = settings.sqlalchemy_url
    connect = {
        "application_name": f"magflow-{role}",
        "connect_timeout": 3,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "options": _options(role),
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
        "connect_args": connect,
        "isolation_level": "AUTOCOMMIT",
        "pool_reset_on_return": None,
    }
    app.config["SQLALCHEMY_BINDS"] = {BIND: single}


def _options(role: Role) -> str:
    settings = " ".join(f"-c {name}={value}" for name, value in TIMEOUTS[role].items())
    # `transaction_timeout` exists from PostgreSQL 17; the roles set it where the server knows it.
    return f"{settings} -c timezone=UTC"


def watch(app: Flask) -> None:
    """Notice dead connections before they are used, after `db.init_app`."""
    with app.app_context():
        _ping_idle(db.engine)


def _ping_idle(engine: Engine) -> None:
    """What `pool_pre_ping` does, for connections that were not used for a moment."""

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get("used")
        if used is None or time.monotonic() - used < TRUSTED_SECONDS:
            return
        if not engine.dialect.do_ping(connection):  # pragma: no branch - it raises or is true with this driver
            raise DisconnectionError


__all__ = ["TIMEOUTS", "Role", "configure", "watch"]
