"""Adopting an old shop's database: what stands in the way, named row by row, and the upgrade (domain, section 5).

The checks are the frozen ones of migration M2 (`migrations/sql/preflight.sql`), so that what is reported beforehand is
what the migration will look at.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import magflow.models  # noqa: F401 - fills Base.metadata
from magflow.db import Base
from magflow.settings import share

Consequence = Literal["stops", "cleaned"]
Outcome = Literal["adopted", "stopped", "adopted_already", "no_shop"]

LEGACY_BASE: Final = "0001_legacy"
LEGACY_TABLES: Final = (
    "products", "variants", "option_types", "option_values", "option_value_variants", "product_option_types",
    "orders", "order_items",
)  # fmt: skip
SHOWN: Final = 10
"""Rows of a finding that the cleanup settles are summed up beyond this number; of one that stops all are named."""


@dataclass(frozen=True)
class Check:
    """One read-only question to an old shop. Every row of its answer is a finding."""

    name: str
    consequence: Consequence
    tables: tuple[str, ...]
    meaning: str
    statement: str


@dataclass(frozen=True)
class Finding:
    """What a check found: `rows` name every place."""

    check: str
    consequence: Consequence
    meaning: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Report:
    """The result of a preflight. `skipped` are the checks whose tables the shop does not have."""

    findings: Sequence[Finding]
    skipped: Sequence[str] = ()

    @property
    def stops(self) -> bool:
        """Whether something was found that only a person can decide."""
        return any(finding.consequence == "stops" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "stops": self.stops,
            "findings": [
                {
                    "check": finding.check,
                    "consequence": finding.consequence,
                    "meaning": finding.meaning,
                    "count": len(finding.rows),
                    "rows": list(finding.rows),
                }
                for finding in self.findings
            ],
            "skipped": list(self.skipped),
        }

    def as_lines(self) -> list[str]:
        """For people: what stops in full, what the cleanup settles in short."""
        lines: list[str] = []
        for finding in sorted(self.findings, key=lambda f: f.consequence != "stops"):
            mark = "STOPS" if finding.consequence == "stops" else "will be cleaned"
            lines.append(f"{mark}: {finding.check} ({len(finding.rows)}): {finding.meaning}")
            shown = finding.rows if finding.consequence == "stops" else finding.rows[:SHOWN]
            lines += ["    " + ", ".join(f"{key} {_shown(value)}" for key, value in row.items()) for row in shown]
            if len(shown) < len(finding.rows):
                lines.append(f"    and {len(finding.rows) - len(shown)} more")
        return lines


@dataclass(frozen=True)
class Adoption:
    """How an adoption ended."""

    outcome: Outcome
    report: Report = field(default_factory=lambda: Report(()))
    revision: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {"outcome": self.outcome, "revision": self.revision, **self.report.as_dict()}


def preflight(connection: Connection) -> Report:
    """Look at an old shop without changing anything."""
    there = _tables(connection)
    # Nobody has counted an old shop's rows, and it has no index to speak of: a join row by row would take hours.
    usual = connection.scalar(text("SELECT current_setting('enable_nestloop')"))
    connection.execute(text("SELECT set_config('enable_nestloop', 'off', true)"))
    findings: list[Finding] = []
    skipped: list[str] = []
    for check in checks():
        if missing := [table for table in check.tables if table not in there]:
            skipped.append(f"{check.name}: there is no table {', '.join(missing)}")
        elif rows := list(connection.exec_driver_sql(check.statement.replace("%", "%%")).scalars()):
            findings.append(Finding(check.name, check.consequence, check.meaning, rows))
    connection.execute(text("SELECT set_config('enable_nestloop', :usual, true)"), {"usual": usual})
    if taken := _names_taken(connection, there):
        meaning = "a table has a name that MagFlow needs; rename it, or move it to another schema"
        findings.append(Finding("table_name_taken", "stops", meaning, [{"table": table} for table in taken]))
    return Report(findings, skipped)


def adopt(connection: Connection, *, environment: str) -> Adoption:
    """Stamp an old shop's database as the legacy base and upgrade it, inside the caller's transaction.

    In production nothing at all is changed while the preflight finds something that only a person can decide;
    elsewhere the cleanup settles that too, as long as the data allow it.
    """
    there = _tables(connection)
    if not {"products", "variants"} <= there:
        return Adoption("no_shop")
    config = _config(connection, environment)
    scripts = ScriptDirectory.from_config(config)
    before = _revision(connection, there)
    if before is not None and before not in {LEGACY_BASE, "0002_m1_columns"}:
        return Adoption("adopted_already", revision=before)
    report = preflight(connection)
    unsettled = any(finding.check == "table_name_taken" for finding in report.findings)
    if unsettled or (report.stops and environment == "production"):
        return Adoption("stopped", report, before)
    if before is None:
        command.stamp(config, LEGACY_BASE)
    command.upgrade(config, "head")
    return Adoption("adopted", report, scripts.get_current_head())


def checks() -> list[Check]:
    """The frozen questions of migration M2."""
    content = (share("migrations") / "sql" / "preflight.sql").read_text(encoding="utf-8")
    found = []
    for block in content.split("\n-- check: ")[1:]:
        head, statement = block.split("\n", 1)
        name, consequence, tables, meaning = (part.strip() for part in head.split("|"))
        found.append(
            Check(
                name,
                "stops" if consequence == "stops" else "cleaned",
                tuple(table.strip() for table in tables.split(",")),
                meaning,
                re.sub(r";\s*\Z", "", statement),
            )
        )
    return found


def _tables(connection: Connection) -> set[str]:
    return set(
        connection.scalars(
            text(
                "SELECT relname::text FROM pg_class "
                "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            )
        )
    )


def _names_taken(connection: Connection, there: set[str]) -> list[str]:
    """Tables with a name of ours that lack our columns: somebody else's."""
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(
        text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
    ):
        columns.setdefault(table, set()).add(column)
    return [
        table.name
        for table in Base.metadata.sorted_tables
        if table.name in there
        and table.name not in LEGACY_TABLES
        and not columns.get(table.name, set()).issuperset(table.columns.keys())
    ]


def _revision(connection: Connection, there: set[str]) -> str | None:
    if "alembic_version" not in there:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _config(connection: Connection, environment: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(share("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["environment"] = environment
    return config


def _shown(value: Any) -> str:
    return (
        ", ".join(map(str, value)) if isinstance(value, list) else repr(value) if isinstance(value, str) else str(value)
    )
