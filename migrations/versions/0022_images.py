"""Pictures of products and variants, kept in the database so that a backup carries them."""

from pathlib import Path

from alembic import op

revision = "0022_images"
down_revision = "0021_orders_at_work"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0022_images.sql")


def downgrade() -> None:
    """Drop them."""
    run("0022_images_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
