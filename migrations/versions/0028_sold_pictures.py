"""What a line of an order showed: the picture that it names, kept when the catalogue loses it."""

from pathlib import Path

from alembic import op

revision = "0028_sold_pictures"
down_revision = "0027_stock_figures"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Name pictures on lines, and keep those that were sold."""
    run("0028_sold_pictures.sql")


def downgrade() -> None:
    """Forget them."""
    run("0028_sold_pictures_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
