"""Developers find the migrations through Flask-Migrate too."""

from __future__ import annotations

from alembic.script import ScriptDirectory
from flask import Flask

from magflow.postgres import migrate


def test_flask_db_knows_the_same_head_as_magflow_db(app: Flask) -> None:
    config = app.extensions["migrate"].migrate.get_config()
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.head()
