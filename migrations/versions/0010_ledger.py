"""The stock ledger and its triggers."""

from pathlib import Path

from alembic import op

revision = "0010_ledger"
down_revision = "0009_own_tables"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Open the ledger for what is in stock, then guard it."""
    run("0010_ledger.sql")


def downgrade() -> None:
    """Drop the ledger: the history of stock is lost, stock itself stays."""
    run("0010_ledger_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
