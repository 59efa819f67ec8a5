"""Developers find the migrations through Flask-Migrate too."""

from __future__ import annotations

import flask_migrate
import pytest
from flask import Flask

from magflow.postgres import migrate
from magflow.settings import share


def test_flask_db_knows_the_same_head_as_magflow_db(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    flask_migrate.heads()
    assert migrate.head() in capsys.readouterr().out
    assert app.extensions["migrate"].directory == str(share("migrations"))
