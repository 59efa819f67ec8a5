"""Where each platform is; never derived, and an account may name another address."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Host:
    base_url: str
    currency: str
    timezone: str


HOSTS: Final = {
    "ro": Host("https://marketplace-api.emag.ro/api-3", "RON", "Europe/Bucharest"),
    "bg": Host("https://marketplace-api.emag.bg/api-3", "EUR", "Europe/Sofia"),
    "hu": Host("https://marketplace-api.emag.hu/api-3", "HUF", "Europe/Budapest"),
    "fd-ro": Host("https://marketplace-ro-api.fashiondays.com/api-3", "RON", "Europe/Bucharest"),
    "fd-bg": Host("https://marketplace-bg-api.fashiondays.com/api-3", "EUR", "Europe/Sofia"),
}
