"""Run a command with a PostgreSQL of another version beside it: `postgres.py BIN_FOLDER COMMAND...`

The server is started by MagFlow's own launcher (as root: under an account without rights) in a temporary folder and
named in MAGFLOW_TEST_DATABASE_URL, where the tests take it for an outside server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from magflow.postgres import embedded
from magflow.settings import Settings


def main() -> int:
    """Start the server, run the command, stop the server; the command's exit code is ours."""
    folder, *command = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="magflow-ci-") as home:
        settings = Settings.from_environment({"MAGFLOW_HOME": home, "MAGFLOW_ENV": "testing", "MAGFLOW_PG_BIN": folder})
        with embedded.start(settings) as server:
            url = server.dsn(embedded.SUPERUSER, "postgres")
            print(f"PostgreSQL {server.cluster.binaries.version} from {folder}", flush=True)
            return subprocess.run(command, env={**os.environ, "MAGFLOW_TEST_DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
