"""Developers find the migrations through Flask-Migrate too."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.postgres import migrate


def test_flask_db_knows_the_same_head_as_magflow_db(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = app.test_cli_runner().invoke(args=["db", "heads"])
    assert outcome.exit_code == 0, outcome.output
    assert migrate.head() in capsys.readouterr().out
