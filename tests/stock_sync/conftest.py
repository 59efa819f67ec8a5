"""A program and accounts for the tests of stock sync."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.db import db
from magflow.queries import stock_sync as reads
from tests.api.conftest import Program, make_token
from tests.stock_sync.market import make_accounts


@pytest.fixture(scope="module")
def program(module_app: Flask) -> Program:
    """A program that may do everything."""
    return Program(module_app, make_token(module_app))


@pytest.fixture
def accounts(app: Flask) -> None:
    """MAIN and FBE, once a module."""
    there = {account.code for account in reads.accounts(db.session())}
    db.session.rollback()
    if not there:
        make_accounts("main", "fbe")


from tests.api.conftest import statements  # noqa: E402, F401 - a fixture
