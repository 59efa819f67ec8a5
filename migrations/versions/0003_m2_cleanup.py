"""M2: preflight, then cleanup.

What the preflight finds and only a person can decide aborts in production, before anything was changed by this step;
elsewhere it warns, and the statements settle it as sql/0003_m2_cleanup.sql says.
"""

import json
import logging
import os
import re
from pathlib import Path

from alembic import context, op
from alembic.util import CommandError

revision = "0003_m2_cleanup"
down_revision = "0002_m1_columns"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
log = logging.getLogger("alembic.magflow")


def upgrade() -> None:
    """Look first, then clean."""
    if findings := preflight():
        environment = context.config.attributes.get("environment") or os.environ.get("MAGFLOW_ENV", "production")
        if environment == "production":
            raise CommandError("\n".join(["mend the old shop first; M2 has changed nothing:", *findings]))
        for finding in findings:
            log.warning("%s", finding)
    run("0003_m2_cleanup.sql")


def downgrade() -> None:
    """Cleaned data stays clean. What it replaced stays in `adoption_changes`; only an empty one goes."""
    if not op.get_bind().exec_driver_sql("SELECT EXISTS (SELECT FROM adoption_changes)").scalar():
        op.drop_table("adoption_changes")


def preflight() -> list[str]:
    """What only a person can decide, a line for each finding."""
    found = []
    # Nobody has counted an old shop's rows yet, and without an index a join row by row would take hours.
    op.execute("ANALYZE products, variants, option_types, option_values, option_value_variants, product_option_types")
    op.execute("ANALYZE orders, order_items")
    for block in (SQL / "preflight.sql").read_text(encoding="utf-8").split("\n-- check: ")[1:]:
        head, statement = block.split("\n", 1)
        name, consequence, _tables, meaning = (part.strip() for part in head.split("|"))
        if consequence == "stops":
            rows = op.get_bind().exec_driver_sql(re.sub(r";\s*\Z", "", statement.replace("%", "%%"))).scalars()
            found += [f"{name}: {meaning}: {json.dumps(row, ensure_ascii=False)}" for row in rows]
    return found


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
