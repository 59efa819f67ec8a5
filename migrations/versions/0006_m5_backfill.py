"""M5: external SKUs become external ids of the source `legacy`."""

from pathlib import Path

from alembic import op

revision = "0006_m5_backfill"
down_revision = "0005_m4_external_ids"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Copy them; a second run adds nothing."""
    run("0006_m5_backfill.sql")


def downgrade() -> None:
    """Nothing: the table goes with M4."""


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
