"""The demonstration shop's goods, the same ones for the same seed, and where they stand against others'."""

import random
from decimal import Decimal
from typing import Any, Final

from magflow.domain.marketplaces import CENT, net
from magflow.simulator.buying import VAT

SEED: Final = 331
REFERENCE: Final = "EMG331"
THINGS: Final = (
    ("Cană emailată", "Casa Veche", "Bucătărie", 39), ("Mouse fără fir", "Voltino", "Electronice", 89),
    ("Lampă de birou", "Lumea", "Casă", 129), ("Rucsac urban", "Cărare", "Accesorii", 179),
    ("Set prosoape", "Inul", "Casă", 74), ("Termos inox", "Izvor", "Bucătărie", 96),
    ("Căști audio", "Voltino", "Electronice", 210), ("Tricou bumbac", "Inul", "Modă", 59),
)  # fmt: skip
SORTS: Final = ("alb", "negru", "albastru", "roșu", "verde", "mare", "mic", "premium", "clasic")


def demo_offers(count: int = 48, seed: int = SEED) -> list[dict[str, Any]]:
    """The reference case first, then everyday ones: plenty, short, sold out, alone on the page, one account only."""
    draw = random.Random(seed)  # noqa: S311 - the same goods for the same seed
    found = [_entry(REFERENCE, "Boxă portabilă EMG331", "Voltino", "Electronice", 749, 0, 26, 1, 0.6, 331)]
    found[0] |= {"reference": True, "pnk": "D5EMG31BM"}
    for n in range(count):
        name, brand, category, price = THINGS[n % len(THINGS)]
        sku = f"DEMO-{n + 1:03}"
        main = draw.choice((0, 2, 4, 9, 15, 24, 40))
        fbe = draw.choice((None, 0, 3, 12, 30)) if n % 3 else None
        entry = _entry(sku, f"{name} {SORTS[n % len(SORTS)]}", brand, category, price + draw.randint(-9, 30), main, fbe,
                       draw.choice((0, 1, 1, 2, 4)), draw.choice((0.05, 0.2, 0.6, 1.5)), 1000 + n)  # fmt: skip
        found.append(entry)
    return found


def _entry(
    sku: str, name: str, brand: str, category: str, gross: int, main: int, fbe: int | None, rivals: int,
    demand: float, number: int,
) -> dict[str, Any]:  # fmt: skip
    price = Decimal(gross) - CENT
    code = f"594{number:09}"
    check = (10 - sum(int(c) * (3 if n % 2 else 1) for n, c in enumerate(code))) % 10
    return {
        "sku": sku, "name": name, "brand": brand, "category": category, "gross": price,
        "price": net(price, VAT[1]), "main": main, "fbe": fbe, "rivals": rivals, "demand": demand,
        "ean": f"{code}{check}",
    }  # fmt: skip
