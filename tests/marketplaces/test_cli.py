"""`magflow account`: what somebody at a terminal is told."""

from __future__ import annotations

from click.testing import Result
from flask import Flask

from magflow.blueprints.marketplaces.cli import account
from magflow.services import accounts
from tests.shop import ANA

NOBODY = "http://127.0.0.1:9/api-3"


def typed(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(account, arguments)


def test_a_marketplace_that_does_not_answer_is_one_line(app: Flask) -> None:
    with app.app_context():
        accounts.add(accounts.NewAccount("emag", "main", username="u", password="p", base_url=NOBODY), actor=ANA)
    for command in ("test", "read"):
        done = typed(app, command, "emag", "main")
        assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
        assert done.output.count("\n") == 1 and done.output.endswith("down: nobody answers at 127.0.0.1\n")
