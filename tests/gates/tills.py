"""Tills in a process of their own: they finalize what stands pending, and write down what was acknowledged.

`python -m tests.gates.tills DSN HOME COUNT`: COUNT threads share the pending orders; each acknowledged order is a line
on standard output, written before the next one is begun, so that a killed process has said what it was told.
"""

from __future__ import annotations

import os
import queue
import sys
import threading

from magflow.app import create_app
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Refused, RetryLater
from magflow.services import checkout
from magflow.settings import Settings

ACTOR = Actor(kind="system", name="till", door="system")


def main(dsn: str, home: str, count: int) -> None:
    """Sell until there is nothing to sell, or until we are killed."""
    os.environ.update(MAGFLOW_HOME=home, MAGFLOW_ENV="testing", DATABASE_URL=dsn, MAGFLOW_THREADS=str(count))
    app = create_app(Settings.from_environment(), areas=())
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    with app.app_context(), db.engine.connect() as connection:
        for row in connection.exec_driver_sql("SELECT id FROM orders WHERE status = 'pending' ORDER BY random()"):
            waiting.put(row[0])

    def till() -> None:
        with app.app_context():
            while not waiting.empty():
                order = waiting.get()
                try:
                    checkout.finalize(checkout.FinalizeOrder(order), actor=ACTOR)
                except RetryLater:
                    continue  # nothing was acknowledged
                except Refused as refused:
                    said = f"refused {order} {refused.code}\n"
                else:
                    said = f"sold {order}\n"
                os.write(1, said.encode())

    threads = [threading.Thread(target=till) for _ in range(count)]
    os.write(1, b"open\n")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
