"""How a command ends: whatever it raised becomes one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from magflow.cli.shared import warn
from magflow.settings import SettingsError


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point."""
    from magflow.cli import main

    if sys.platform == "win32":
        warn("MagFlow runs on Linux and macOS; on Windows, use it inside WSL")
        sys.exit(1)
    try:
        code = main.main(args=arguments, prog_name="magflow", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        of = error.ctx.command_path if error.ctx else "magflow"
        end(2, f"which command? They are listed by: {of} --help")
    except click.UsageError as error:
        of = error.ctx.command_path if error.ctx else "magflow"
        end(2, f"{' '.join(error.format_message().split())} (see: {of} --help)")
    except click.ClickException as error:
        end(1, " ".join(error.format_message().split()))
    except (KeyboardInterrupt, click.Abort):
        end(130, "stopped")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        sys.exit(1)
    except expected() as error:  # looked up only now, when something was raised
        end(*told(error))
    sys.exit(code if isinstance(code, int) else 0)


def expected() -> tuple[type[Exception], ...]:
    """What is not a fault of MagFlow's own. Anything else keeps its traceback: a report needs it."""
    import psycopg
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from magflow.domain.errors import Refused
    from magflow.postgres.errors import DatabaseProblem
    from magflow.up.supervisor import UpFailed
    from magflow.web.areas import AreaBroken

    database = (
        DatabaseProblem,
        OperationalError,
        ProgrammingError,
        psycopg.OperationalError,
        psycopg.errors.UndefinedTable,
        psycopg.errors.InsufficientPrivilege,
    )
    return (SettingsError, UpFailed, Refused, AreaBroken, OSError, *database)


def told(error: Exception) -> tuple[int, str]:
    """The exit code and the line for an expected error. Raises it again when its cause is a fault of ours after all."""
    import psycopg

    from magflow.domain.errors import Invalid, Refused
    from magflow.postgres.access import reason
    from magflow.web.sentences import field_sentence, sentence

    if isinstance(error, Invalid) and error.errors:
        return 2, " ".join(f"{field.field}: {field_sentence(field)}" for field in error.errors)
    if isinstance(error, Refused):
        return 1, " ".join(sentence(error).split())
    cause = getattr(error, "orig", error)
    if isinstance(cause, psycopg.errors.UndefinedTable):
        return 1, "the database has not been migrated yet; run: magflow db upgrade"
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return 1, (
            f"the role of DATABASE_URL has no right to this shop's tables ({reason(cause).partition(' LINE ')[0]}); "
            "name the role that the shop was set up with, or give this one its rights: "
            "magflow db upgrade, with MAGFLOW_OWNER_DATABASE_URL"
        )
    if isinstance(cause, psycopg.OperationalError):
        return 1, f"the database: {reason(cause)}"
    if isinstance(cause, psycopg.Error):
        raise error
    if isinstance(error, OSError):
        return 1, f"{error.filename or 'the system'}: {error.strerror or error}"
    return getattr(error, "exit_code", 1), " ".join(str(error).split())


def end(code: int, line: str) -> NoReturn:
    """Say why, and stop."""
    warn(line)
    sys.exit(code)
