"""Transfers between accounts: why one is refused."""

from typing import Any

from magflow.domain.errors import Conflict


class NothingToMove(Conflict):
    """Both accounts sell all of one warehouse: there is nothing to carry from one to the other."""

    def __init__(self, pool: str) -> None:
        super().__init__(f"both accounts are fed from the shared pool {pool}")
        self.pool = pool

    def details(self) -> dict[str, Any]:
        return {"pool": self.pool}


class NeedsConfirmation(Conflict):
    """The giver would be left with nothing in a competition: somebody has to say that this is meant."""

    def __init__(self, account: str) -> None:
        super().__init__(f"account {account} would be left with 0 stock in a competition; confirm that this is meant")
        self.account = account

    def details(self) -> dict[str, Any]:
        return {"account": self.account}


class TransferOpen(Conflict):
    """Another transfer of the SKU is under way."""

    def __init__(self, sku: str, transfer_id: int) -> None:
        super().__init__(f"transfer {transfer_id} of {sku} is not finished")
        self.sku, self.transfer_id = sku, transfer_id

    def details(self) -> dict[str, Any]:
        return {"sku": self.sku, "transfer_id": self.transfer_id}


class TransferMoveRefused(Conflict):
    """A transfer in this state cannot become what was asked for."""

    def __init__(self, transfer_id: int, state: str, wanted: str) -> None:
        super().__init__(f"transfer {transfer_id} is {state} and cannot be {wanted}")
        self.transfer_id, self.state, self.wanted = transfer_id, state, wanted

    def details(self) -> dict[str, Any]:
        return {"transfer_id": self.transfer_id, "state": self.state, "wanted": self.wanted}
