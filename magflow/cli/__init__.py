"""The `magflow` command.

Nothing heavy is imported before a command needs it, so that `magflow --help` answers at once. What can go wrong ends
as one line on standard error: exit 2 for wrong use, 1 for a run that failed.
"""

from magflow.cli.commands import main
from magflow.cli.demo import demo, simulator
from magflow.cli.ending import run

__all__ = ["main", "run"]

main.add_command(simulator)
main.add_command(demo)
