"""A shop to import into, and a way to do it that returns everything that can be asked afterwards."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.models import ImportRow
from magflow.queries import imports
from magflow.services.imports import commands, files, runner

ANA = Actor(kind="user", name="ana@shop.example", door="import", request_id="r-1")


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    id: int
    status: str
    applied: int
    unchanged: int
    refused: int
    rows: list[ImportRow]
    error: dict[str, Any] | None

    @property
    def counts(self) -> tuple[int, int, int]:
        """Applied, unchanged, refused."""
        return self.applied, self.unchanged, self.refused

    def faults(self) -> list[tuple[int, str, str]]:
        """(line, column, code) of every fault."""
        return [(row.line, fault["column"], fault["code"]) for row in self.rows for fault in row.errors or ()]


Import = Callable[..., Imported]


@pytest.fixture
def home(app: Flask) -> Path:
    """The shop's home folder."""
    folder: Path = app.config["MAGFLOW"].home
    return folder


@pytest.fixture
def bring(app: Flask, home: Path) -> Import:
    """Import a text (or bytes) in process."""

    def run(content: str | bytes, kind: str = "variants", **options: Any) -> Imported:
        raw = content.encode() if isinstance(content, str) else content
        stored = files.store(home, io.BytesIO(raw))
        command = commands.take_in(home, stored, filename="file.csv", kind=kind, queued=False, **options)
        row = commands.register(command, actor=ANA)
        runner.perform(row.id, home, actor=ANA)
        return look(row.id)

    return run


def look(import_id: int) -> Imported:
    """An import as it stands."""
    db.session.remove()
    state = imports.one(db.session(), import_id)
    rows = list(imports.refused_rows(db.session(), import_id, limit=10_000).rows)
    found = Imported(import_id, state.row.status, state.applied, state.unchanged, state.refused, rows, state.row.error)
    db.session.remove()
    return found
