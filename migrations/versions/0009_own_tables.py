"""MagFlow's own tables, and the indexes of its lists and searches.

The steps up to 0013 run before a shop opens, or while it is adopted, when nobody is there to wait: indexes and
constraints are made in the plain way. A step that reaches shops at work builds them concurrently and validates later.
"""

from pathlib import Path

from alembic import op

revision = "0009_own_tables"
down_revision = "0008_values"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make them."""
    run("0009_own_tables.sql")


def downgrade() -> None:
    """Drop them."""
    run("0009_own_tables_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
