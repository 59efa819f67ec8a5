"""Whether the database can be worked with: reached, and migrated to what this program was written for."""

from typing import Final

from magflow.domain.errors import Refused
from magflow.services import single

REVISION: Final = "SELECT version_num FROM alembic_version"


def why_not(head: str) -> str | None:
    """The reason why MagFlow is not ready; None when it is."""
    try:
        row = single.one(REVISION, {})
    except Refused:
        return "the database does not answer"
    if row is None:
        return "the database is empty; run: magflow db upgrade"
    if row[0] != head:
        return f"the database is at migration {row[0]}, this program needs {head}; run: magflow db upgrade"
    return None
