"""An order and its packing slip as PDF. Of a confirmed order they show the snapshot, never the live variant.

The font is embedded and comes with MagFlow: Romanian, Hungarian, Bulgarian and Greek are right whatever is installed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from fpdf import FPDF
from fpdf.fonts import FontFace

from magflow.domain.money import line_amounts, to_cents
from magflow.domain.orders import PENDING
from magflow.queries.orders import LineRow, OrderPage
from magflow.web.locale import _, moment, money, number

# The library that reduces the font to what a document uses tells of every table of it.
logging.getLogger("fontTools").setLevel(logging.ERROR)

FONTS: Final = Path(__file__).with_name("fonts")
FONT: Final = "DejaVu"
LEFT, TOP, WIDTH = 15, 15, 180
SOFT: Final = (95, 95, 95)
RULE: Final = (205, 205, 205)
HEAD: Final = FontFace(emphasis="BOLD", size_pt=8, fill_color=(242, 242, 242))


@dataclass(frozen=True)
class Figures:
    """What a line costs, as a document tells it; VAT is None where an old shop left it unsaid."""

    net_price: Decimal | None
    rate: Decimal | None
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal


def figures(line: LineRow, shop_rate: Decimal) -> Figures:
    """The snapshot's figures, or what would be frozen now."""
    rate, gross, tax = line.vat_rate, line.total, line.item.tax_amount
    if line.item.line_total_gross is None:
        rate = rate if rate is not None else shop_rate
        amounts = line_amounts(line.item.quantity, line.unit_price, rate)
        gross, tax = amounts.gross, amounts.tax
    net_price = None if rate is None else to_cents(line.unit_price / (1 + rate / 100))
    return Figures(net_price, rate, None if tax is None else gross - tax, tax, gross)


def by_rate(lines: Sequence[Figures]) -> list[tuple[Decimal, Decimal, Decimal]]:
    """(rate, without VAT, VAT) of the lines that say theirs, highest rate first."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for line in lines:
        if line.rate is not None and line.net is not None and line.tax is not None:
            net, tax = sums.get(line.rate, (Decimal("0.00"), Decimal("0.00")))
            sums[line.rate] = (net + line.net, tax + line.tax)
    return [(rate, *sums[rate]) for rate in sorted(sums, reverse=True)]


def name_of(line: LineRow) -> str:
    """What a line sells."""
    name = line.product_name or _("Deleted product")
    return f"{name} — {line.options_text}" if line.options_text else name


def address_lines(address: dict[str, Any] | None) -> list[str]:
    """An address as it is written on a parcel."""
    given = address or {}

    def joined(*names: str) -> str:
        return " ".join(str(given[name]) for name in names if given.get(name))

    found = [joined("name"), joined("company"), joined("vat_number"), joined("street"), joined("street2"),
             joined("postal_code", "city"), joined("county"), joined("country"), joined("phone")]  # fmt: skip
    return [line for line in found if line]


class _Paper(FPDF):
    """A4 with the shop's font, and a foot that counts the pages."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.add_font(FONT, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(FONT, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        self.set_margins(LEFT, TOP, LEFT)
        self.set_auto_page_break(True, margin=20)
        self.set_draw_color(*RULE)
        self.add_page()

    def footer(self) -> None:
        """The document's name and the page."""
        self.set_y(-14)
        self.set_font(FONT, size=8)
        self.set_text_color(*SOFT)
        self.cell(0, 5, f"{self._foot} · {self.page_no()}/{{nb}}", align="C")

    def say(self, words: str, *, size: float = 9, bold: bool = False, soft: bool = False, width: float = 0) -> None:
        """A paragraph; the next one stands below it."""
        self.set_font(FONT, "B" if bold else "", size)
        self.set_text_color(*(SOFT if soft else (0, 0, 0)))
        self.multi_cell(width, size * 0.5, words, align="L", new_x="LEFT", new_y="NEXT")


def order_pdf(page: OrderPage, shop_rate: Decimal) -> bytes:
    """The order: customer, lines with their VAT, sums by rate, total."""
    title = _("Order %(number)s", number=page.order.number)
    paper = _Paper(title)
    _head(paper, page, title)
    _sold(paper, page, shop_rate)
    if page.refunds:
        _sum(paper, _("Owed back"), money(page.refunded, page.order.currency))
    _note(paper, page)
    return bytes(paper.output())


def invoice_pdf(page: OrderPage, shop_rate: Decimal, number_of_it: str, seller: str) -> bytes:
    """The invoice of a confirmed order: who sells and who buys, lines with their VAT, sums by rate, total."""
    title = _("Invoice %(number)s", number=number_of_it)
    paper = _Paper(title)
    _head(paper, page, title, seller)
    _sold(paper, page, shop_rate)
    return bytes(paper.output())


def _sold(paper: _Paper, page: OrderPage, shop_rate: Decimal) -> None:
    """The lines and what they add up to."""
    currency = page.order.currency
    lines = [figures(line, shop_rate) for line in page.lines]
    headings = [
        _("Product"),
        _("Quantity"),
        _("Price without VAT"),
        _("VAT"),
        _("Without VAT"),
        _("VAT in it"),
        _("Total"),
    ]

    def row(n: int, line: LineRow) -> list[str]:
        said = lines[n]
        rate = "—" if said.rate is None else f"{number(said.rate)} %"
        name = f"{name_of(line)}\n{line.sku or ''}".strip()
        amounts = [money(amount, currency) for amount in (said.net, said.tax, said.gross)]
        return [name, number(line.item.quantity), money(said.net_price, currency), rate, *amounts]

    _table(paper, headings, (57, 18, 26, 13, 22, 20, 24), page.lines, row)
    paper.ln(3)
    for rate, net, tax in by_rate(lines):
        _sum(paper, _("Without VAT, at %(rate)s %%", rate=number(rate)), money(net, currency))
        _sum(paper, _("VAT %(rate)s %%", rate=number(rate)), money(tax, currency))
    _sum(paper, _("Total"), money(page.total, currency), bold=True)


def packing_slip_pdf(page: OrderPage) -> bytes:
    """What goes into the parcel, to be ticked off; no prices."""
    order = page.order
    title = _("Packing slip %(number)s", number=order.number)
    paper = _Paper(title)
    _head(paper, page, title)

    def row(_n: int, line: LineRow) -> list[str]:
        return ["☐", line.sku or "—", name_of(line), number(line.item.quantity - line.item.restocked_quantity)]

    wanted = [line for line in page.lines if line.outstanding]
    _table(paper, ["", _("SKU"), _("Product"), _("Quantity")], (10, 45, 105, 20), wanted, row, figures_from=3, size=10)
    paper.ln(3)
    _sum(paper, _("Units"), number(sum(line.outstanding for line in wanted)), bold=True)
    _note(paper, page)
    return bytes(paper.output())


def _head(paper: _Paper, page: OrderPage, title: str, seller: str | None = None) -> None:
    order = page.order
    paper.say(title, size=16, bold=True)
    paper.ln(1)
    dates = [_("placed %(when)s", when=moment(order.placed_at))]
    if seller is not None:
        dates.insert(0, _("Order %(number)s", number=order.number))
    if order.confirmed_at is not None:
        dates.append(_("confirmed %(when)s", when=moment(order.confirmed_at)))
    if order.external_id:
        dates.append(f"{order.source} {order.external_id}")
    paper.say(" · ".join(dates), soft=True)
    if order.status == PENDING:
        paper.say(_("Not confirmed yet: prices and stock may still change."), bold=True)
    paper.ln(4)
    top = paper.get_y()
    bottoms = []
    billing = address_lines(order.billing_address)
    known = [order.customer_email, order.customer_phone]
    if order.customer_name and not billing:
        known.insert(0, order.customer_name)
    blocks = [
        (_("Customer"), billing + [line for line in known if line and line not in billing]),
        (_("Send to"), address_lines(order.shipping_address)),
    ]
    if seller is not None:
        blocks = [(_("Seller"), seller.splitlines()), blocks[0]]
    for n, (label, lines) in enumerate(blocks):
        if not lines:
            continue
        paper.set_xy(LEFT + n * WIDTH / 2, top)
        paper.say(label, size=8, soft=True, width=WIDTH / 2 - 5)
        paper.say("\n".join(lines), size=9.5, width=WIDTH / 2 - 5)
        bottoms.append(paper.get_y())
    paper.set_xy(LEFT, max(bottoms, default=top) + 5)


def _table(
    paper: _Paper,
    headings: Sequence[str],
    widths: Sequence[int],
    lines: Sequence[LineRow],
    row: Callable[[int, LineRow], list[str]],
    *,
    figures_from: int = 1,
    size: float = 8.5,
) -> None:
    """The lines; headings are repeated on every page, figures stand to the right."""
    paper.set_font(FONT, size=size)
    paper.set_text_color(0, 0, 0)
    align = ["LEFT" if n < figures_from else "RIGHT" for n in range(len(headings))]
    with paper.table(
        width=WIDTH, col_widths=tuple(widths), text_align=tuple(align), headings_style=HEAD, padding=(1.4, 1.2),
        line_height=size * 0.5, borders_layout="HORIZONTAL_LINES", align="LEFT",
    ) as table:  # fmt: skip
        table.row(list(headings))
        for n, line in enumerate(lines):
            table.row(row(n, line))


def _sum(paper: _Paper, label: str, amount: str, *, bold: bool = False) -> None:
    paper.set_font(FONT, "B" if bold else "", 10 if bold else 9)
    paper.set_text_color(0, 0, 0)
    paper.cell(WIDTH - 40, 5.5, label, align="R")
    paper.cell(40, 5.5, amount, align="R", new_x="LMARGIN", new_y="NEXT")


def _note(paper: _Paper, page: OrderPage) -> None:
    if page.order.note:
        paper.ln(5)
        paper.say(_("Note"), size=8, soft=True)
        paper.say(page.order.note)
