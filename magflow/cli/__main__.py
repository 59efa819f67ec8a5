"""`python -m magflow.cli`, where the command itself is not installed."""

from magflow.cli.ending import run

run()
