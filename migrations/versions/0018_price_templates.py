"""Price templates remember the products they were applied to, and a long bulk edit says how far it is."""

from pathlib import Path

from alembic import op

revision = "0018_price_templates"
down_revision = "0017_bulk_edits"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables and the trigger."""
    run("0018_price_templates.sql")


def downgrade() -> None:
    """Drop them."""
    run("0018_price_templates_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
