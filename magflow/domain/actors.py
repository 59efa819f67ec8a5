"""Who asked, and through which door. Travels with every command and ends up in the audit log and the ledger."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

ActorKind = Literal["user", "token", "cli", "job", "system"]
Door = Literal["admin", "api", "cli", "job", "webhook", "import", "system"]


@dataclass(frozen=True)
class Actor:
    """A person, a token, a command or a job. `name` is what screens show: an e-mail address, a token's name."""

    kind: ActorKind
    name: str
    door: Door
    id: int | None = None
    request_id: str | None = None

    @cached_property
    def context(self) -> str:
        """As the transaction-local setting `magflow.context`, which the database's triggers read."""
        return json.dumps(
            {"kind": self.kind, "id": self.id, "name": self.name, "door": self.door, "request_id": self.request_id},
            ensure_ascii=False,
            separators=(",", ":"),
        )


SYSTEM = Actor(kind="system", name="MagFlow", door="system")
