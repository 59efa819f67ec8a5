"""What can go wrong between us and a marketplace, told apart by what has to be done about it."""

from typing import ClassVar, Literal

Trouble = Literal[
    "wrong_password",
    "address_not_allowed",
    "no_rights",
    "down",
    "busy",
    "day_used_up",
    "answer",
    "refused",
    "not_found",
]


class MarketplaceError(Exception):
    """A request that did not do what it was for. `trouble` is stable; `str()` is for the log and the account's page."""

    trouble: ClassVar[Trouble] = "answer"
    pauses: ClassVar[bool] = False
    """Whether the account stops until a person has looked: trying again would only be refused again."""


class WrongPassword(MarketplaceError):
    trouble = "wrong_password"
    pauses = True


class AddressNotAllowed(MarketplaceError):
    """Our address is not on the account's list; `address` is the one that the marketplace saw."""

    trouble = "address_not_allowed"
    pauses = True

    def __init__(self, message: str, address: str = "") -> None:
        super().__init__(message)
        self.address = address


class NoRights(MarketplaceError):
    """The user is known and may not use the API."""

    trouble = "no_rights"
    pauses = True


class Down(MarketplaceError):
    """Nobody answered, or the marketplace is in trouble itself. What was sent may have arrived."""

    trouble = "down"

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class Busy(MarketplaceError):
    """Too many requests; `after` seconds from now there may be another."""

    trouble = "busy"

    def __init__(self, message: str, after: float = 1.0) -> None:
        super().__init__(message)
        self.after = after


class DayUsedUp(MarketplaceError):
    """As much was asked today as may be asked in a day."""

    trouble = "day_used_up"


class BadAnswer(MarketplaceError):
    """An answer that cannot be read: no success without its proof."""

    trouble = "answer"


class RefusedByMarketplace(MarketplaceError):
    """The request was understood and refused, in the marketplace's own words."""

    trouble: ClassVar[Trouble] = "refused"

    def __init__(self, message: str, *, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


class NotThere(RefusedByMarketplace):
    trouble = "not_found"
