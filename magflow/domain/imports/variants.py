"""Records of a variants file become rows of the import: a product's cells once, its variants' cells each.

Rows that stand together and name one product are a run. What a run says of its product comes from the first row that
says it; a later row that says something else is refused, with the line that it contradicts. Shopify writes the
product's cells and the options' names on a run's first row only; MagFlow's own files write them on every row.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from magflow.domain.border import Unfit
from magflow.domain.imports import cells
from magflow.domain.imports.cells import Sign
from magflow.domain.imports.faults import CellFault, Refusal, RowFault, broken
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import NOTHING, STAGE_COLUMNS, Prepared, array, flag
from magflow.domain.imports.staging import field as written
from magflow.domain.names import handle_from, sku_from
from magflow.domain.options import name_key

REMEMBERED: Final = 20_000
"""Cells of a column whose value is kept: prices and names come again and again."""
MOST_COMBOS: Final = 100_000

PLACE: Final = {name: place for place, name in enumerate(STAGE_COLUMNS)}

Convert = Callable[[str], str]
NUMBERS: Final = ("price", "compare_at_price", "vat_rate", "regular_price", "sale_price")
NO_NEWS: Final[Mapping[str, str]] = {}
CLEARABLE: Final = ("title", "compare_at_price", "ean", "vat_rate", "images", "description", "brand", "category")
"""What may be nothing; a price or a stock cannot."""


def number_columns(layout: Layout) -> dict[str, int]:
    """The columns whose decimal sign has to be found out, and their places."""
    return {name: layout.columns[name] for name in NUMBERS if name in layout.columns}


@dataclass
class Run:
    """Rows of one product, standing together."""

    number: int
    key: str
    given: bool
    said: dict[str, tuple[str, int]] = field(default_factory=dict)
    """What rows that were taken said of the product: field -> text and line."""
    raw: tuple[str, ...] = ()
    """The product's cells of the last row, as they came: a row with the same says nothing new."""
    waiting: dict[str, str] = field(default_factory=dict)
    """What a refused row said of the product. Shopify says it once, and the product's other variants need it."""
    option_names: tuple[str, ...] = ()
    active: str = NOTHING
    status: tuple[bool, bool] | None = None


class VariantReader:
    """Reads records in file order; `prepared` and `refused` are what they came to."""

    def __init__(
        self, layout: Layout, signs: Mapping[str, Sign | None], import_id: int, clears: Collection[str] = ()
    ) -> None:
        """`clears`: fields that a blank cell empties."""
        self.prepared = Prepared()
        self.refused: list[Refusal] = []
        self._layout = layout
        self._shopify = layout.format == "shopify"
        self._import_id = import_id
        self._run: Run | None = None
        self._runs = 0
        self._combos: dict[tuple[str, ...], int | None] = {}
        self._combo_count = 0
        self._value_names: dict[int | None, tuple[str, ...]] = {None: ()}
        self._blank = [NOTHING] * len(STAGE_COLUMNS)
        self._columns = self._variant_columns(signs)
        product = ["handle", "name", "description", "brand", "category", "category_2", "product_images"]
        self._product_columns = [(name, layout.columns[name]) for name in product if name in layout.columns]
        self._product_cells = _several([place for _name, place in self._product_columns])
        self._option_cells = _several([place for pair in layout.options for place in pair])
        self._keyless = not layout.columns.keys() & {"handle", "name"}
        self._constants = list(layout.constants)
        self._brings_images = bool(layout.columns.keys() & {"image", "product_images"})
        self._has_status = "status" in layout.columns
        self._clears = [(name, layout.columns[name]) for name in CLEARABLE if name in clears and name in layout.columns]

    def _variant_columns(self, signs: Mapping[str, Sign | None]) -> list[tuple[int, int, Convert, dict[str, str]]]:
        converts: dict[str, Convert] = {
            "sku": lambda cell: written(cells.sku(cell)),
            "title": _text,
            "external_id": _text,
            "price": lambda cell: str(cells.number(cell, signs.get("price"))),
            "compare_at_price": lambda cell: str(cells.number(cell, signs.get("compare_at_price"))),
            "vat_rate": lambda cell: str(cells.percent(cell, signs.get("vat_rate"))),
            "stock": lambda cell: str(cells.whole(cell)),
            "expected": lambda cell: str(cells.whole(cell)),
            "ean": cells.ean,
            "images": lambda cell: array(cells.urls(cell)),
        }
        if self._shopify:
            converts |= {"variant_image": lambda cell: array([cells.url(cell)])}
            del converts["images"], converts["title"]
        columns = self._layout.columns
        own = {"variant_image": "images"}
        return [(columns[n], PLACE[own.get(n, n)], convert, {}) for n, convert in converts.items() if n in columns]

    # --- one record --------------------------------------------------------------------------------------------------

    def read(self, record: Record) -> None:
        """Take a record, or note why not."""
        try:
            if record.fault is not None:
                raise broken(record.fault, record.cells, self._layout.width)
            self._take(record)
        except RowFault as fault:
            self.refused.append(Refusal(record.number, record.line, tuple(fault.faults)))

    def take(self, record: Record, *, variant: bool) -> None:
        """Take a record that was retold. Raises RowFault."""
        self._take(record, variant=variant)

    def _take(self, record: Record, *, variant: bool | None = None) -> None:
        if self._constants:
            record = record._replace(cells=[*record.cells, *self._constants])
        faults: list[CellFault] = []
        out = self._blank.copy()
        run = self._run
        if run is not None and not run.waiting and run.raw and self._product_cells(record.cells) == run.raw:
            news = NO_NEWS  # by far the most rows: one more variant of the same product
        else:
            run = self._enter(record)
            news = {**run.waiting, **self._product_news(run, record, faults)}
        sound = not faults
        alone = variant is False
        if variant is None:
            variant = not self._shopify or self._is_variant(record.cells)
        if variant:
            self._read_variant(run, record, out, faults)
        images = self._images(record, faults) if self._brings_images else ()
        if self._has_status:
            news = dict(news)
            self._read_status(run, record, out, news, faults)
        if faults:
            if self._shopify and sound:
                run.waiting = dict(news)
            self._keep_pictures(run, record, images)
            raise RowFault(faults)
        if run.waiting:
            run.waiting = {}
        self._note_product(run, record, out, news)
        out[PLACE["is_variant"]], out[PLACE["makes_product"]] = flag(variant), flag(alone)
        if not variant:
            out[PLACE["active"]] = NOTHING
        if cleared := [name for name, place in self._clears if not record.cells[place].strip()]:
            out[PLACE["clears"]] = array(cleared)
        self.prepared.add(self.prepared.rows, self._import_id, out)
        self._add_images(record, images)

    def _keep_pictures(self, run: Run, record: Record, images: Sequence[tuple[int, str, str | None]]) -> None:
        """A refused row's pictures of its product still count: Shopify spreads them over rows, and the product must
        not lose those that stand beside a variant that could not be taken."""
        if not self._shopify or not any(url for _position, url, _alt in images):
            return
        place = [str(run.number), str(run.number), str(record.number), str(record.line)]
        self.prepared.add(self.prepared.turned_down, self._import_id, [*place, NOTHING, flag(False), flag(True)])
        self._add_images(record, images)

    def _add_images(self, record: Record, images: Sequence[tuple[int, str, str | None]]) -> None:
        for ordinal, (position, url, alt) in enumerate(images):
            fields = [str(record.number), str(ordinal), str(position), written(url), written(alt)]
            self.prepared.add(self.prepared.images, self._import_id, fields)

    def _note_product(self, run: Run, record: Record, out: list[str], news: Mapping[str, str]) -> None:
        out[0] = out[1] = str(run.number)
        out[2], out[3] = str(record.number), str(record.line)
        if not run.said and not self._keyless:
            out[4], out[5] = written(run.key), flag(run.given)
            run.said["key"] = (run.key, record.line)
        for name, text in news.items():
            if name != "product_images":
                out[PLACE[name]] = text
            run.said[name] = (text, record.line)

    # --- the product -------------------------------------------------------------------------------------------------

    def _enter(self, record: Record) -> Run:
        """The run that a row belongs to. Raises RowFault when the row names no product."""
        row, run = record.cells, self._run
        if self._keyless:
            # Which product it is will be known from the variant that it finds.
            return Run(record.number, "", True)
        raw = self._product_cells(row)
        if run is not None and raw == run.raw:
            return run
        key, given = self._key(row)
        if run is None or run.key != key:
            self._runs += 1
            run = self._run = Run(self._runs, key, given)
            if self._shopify:
                run.option_names = tuple(row[name].strip() for name, _value in self._layout.options)
        elif self._shopify and any(row[name].strip() for name, _value in self._layout.options):
            run.option_names = tuple(
                row[name].strip() or kept
                for (name, _value), kept in zip(self._layout.options, run.option_names, strict=True)
            )
        return run

    def _key(self, row: Sequence[str]) -> tuple[str, bool]:
        """The product's handle, and whether the file gave it."""
        columns = self._layout.columns
        for name in ("handle", "name"):
            place = columns.get(name)
            if place is None or not row[place].strip():
                continue
            try:
                text = cells.text(row[place])
            except Unfit as unfit:
                raise RowFault([self._fault(name, unfit, row[place])]) from unfit
            return (text, True) if name == "handle" else (handle_from(text), False)
        asked = "handle" if "name" not in columns else "name"
        raise RowFault([CellFault(self._layout.header_of(asked), "required", {})])

    def _product_news(self, run: Run, record: Record, faults: list[CellFault]) -> dict[str, str]:
        """What this row says of the product that no row said before."""
        raw = self._product_cells(record.cells)
        if raw == run.raw:
            return {}
        news: dict[str, str] = {}
        for (name, place), cell in zip(self._product_columns, raw, strict=True):
            if name == "handle" or not cell.strip():
                continue
            target = "category" if name == "category_2" else name
            if target in news:
                continue
            try:
                text = written(PRODUCT_TEXT.get(name, cells.text)(cell))
            except Unfit as unfit:
                faults.append(self._fault(name, unfit, cell))
                continue
            said = run.said.get(target)
            if said is None:
                news[target] = text
            elif said[0] != text and name != "category_2":
                where = {"line": said[1]}
                faults.append(CellFault(self._layout.headers[place], "contradicts", where, cell))
        if not faults and not news:
            run.raw = raw
        return news

    # --- the variant -------------------------------------------------------------------------------------------------

    def _is_variant(self, row: Sequence[str]) -> bool:
        """Shopify's rows with nothing but a picture are no variants."""
        columns = self._layout.columns
        if "image" not in columns or not row[columns["image"]].strip():
            return True
        places = [columns[name] for name in ("price", "sku", "ean") if name in columns]
        places += [value for _name, value in self._layout.options]
        return any(row[place].strip() for place in places)

    def _read_variant(self, run: Run, record: Record, out: list[str], faults: list[CellFault]) -> None:
        row = record.cells
        for place, target, convert, memo in self._columns:
            cell = row[place]
            if not cell:
                continue
            text = memo.get(cell)
            if text is None:
                try:
                    text = convert(cell)
                except Unfit as unfit:
                    if cell.strip():
                        faults.append(CellFault(self._layout.headers[place], unfit.code, unfit.params, cell))
                    continue
                if len(memo) > REMEMBERED:
                    memo.clear()
                memo[cell] = text
            out[target] = text
        combo = self._combo(run, row, faults)
        if combo is not None:
            out[PLACE["combo"]] = str(combo)
        if out[PLACE["sku"]] == NOTHING and not faults and not self._keyless:
            out[PLACE["sku_base"]] = sku_from(run.key, self._value_names.get(combo, ()))

    def _combo(self, run: Run, row: Sequence[str], faults: list[CellFault]) -> int | None:
        """The number of the row's combination of options; None for a row without options."""
        raw = self._option_cells(row)
        if self._shopify:
            raw = tuple(part for n, name in enumerate(run.option_names) for part in (name, raw[2 * n + 1]))
        if raw in self._combos:
            return self._combos[raw]
        pairs = self._pairs(raw, faults)
        if faults:
            return None
        if len(self._combos) >= MOST_COMBOS:
            self._combos.clear()
            self._value_names = {None: ()}
        number = None
        if pairs:
            self._combo_count += 1
            number = self._combo_count
            self._value_names[number] = tuple(value for _name, value in pairs if value)
            for position, (name, value) in enumerate(pairs):
                key = written(name_key(value)) if value else NOTHING
                shown = written(value) if value else NOTHING
                fields = [str(number), str(position), written(name), written(name_key(name)), shown, key]
                self.prepared.add(self.prepared.options, self._import_id, fields)
        self._combos[raw] = number
        return number

    def _pairs(self, raw: Sequence[str], faults: list[CellFault]) -> list[tuple[str, str]]:
        """(option, value) of a row; the value is empty where only the option is named."""
        pairs: list[tuple[str, str]] = []
        seen: set[str] = set()
        for n, (name_place, value_place) in enumerate(self._layout.options):
            name, value = raw[2 * n].strip(), raw[2 * n + 1].strip()
            if not name and not value:
                continue
            name_header, value_header = self._layout.headers[name_place], self._layout.headers[value_place]
            if not name:
                faults.append(CellFault(name_header, "required", {}))
                continue
            try:
                name = cells.text(name, cells.LONGEST_OPTION)
                value = cells.text(value, cells.LONGEST_OPTION) if value else ""
            except Unfit as unfit:
                faults.append(CellFault(value_header, unfit.code, unfit.params, value))
                continue
            key = name_key(name)
            if not key or (value and not name_key(value)):
                faults.append(CellFault(value_header if key else name_header, "blank", {}, value))
            elif key in seen:
                faults.append(CellFault(name_header, "repeated", {"value": name}, name))
            seen.add(key)
            pairs.append((name, value))
        if self._shopify and [(name_key(n), name_key(v)) for n, v in pairs] == [("title", "default title")]:
            return []  # Shopify's way to write a product without options
        return pairs

    def _read_status(
        self, run: Run, record: Record, out: list[str], news: dict[str, str], faults: list[CellFault]
    ) -> None:
        """Shopify's status is the product's and stands on its first row; MagFlow's is the variant's."""
        place = self._layout.columns.get("status")
        if place is None:
            return
        cell = record.cells[place]
        if cell.strip():
            try:
                active, archived = cells.status(cell)
            except Unfit as unfit:
                faults.append(self._fault("status", unfit, cell))
                return
            out[PLACE["active"]] = flag(active)
            if self._shopify:
                run.active = flag(active)
            if archived or (self._shopify and active):
                self._say_archived(run, archived, news, faults, cell)
        elif self._shopify:
            out[PLACE["active"]] = run.active

    def _say_archived(self, run: Run, archived: bool, news: dict[str, str], faults: list[CellFault], cell: str) -> None:
        said = run.said.get("archived")
        if said is None:
            news["archived"] = flag(archived)
        elif said[0] != flag(archived):
            header = self._layout.header_of("status")
            faults.append(CellFault(header, "contradicts", {"line": said[1]}, cell))

    def _images(self, record: Record, faults: list[CellFault]) -> list[tuple[int, str, str | None]]:
        """The pictures of the product that this row brings: (position, address, text for those who do not see)."""
        columns, row = self._layout.columns, record.cells
        if self._shopify:
            return self._shopify_image(row, faults)
        place = columns.get("product_images")
        run = self._run
        if place is None or not row[place].strip() or (run is not None and "product_images" in run.said):
            return []
        try:
            return [(n, url, None) for n, url in enumerate(cells.urls(row[place]))]
        except Unfit:
            return []  # named among the product's cells already

    def _shopify_image(self, row: Sequence[str], faults: list[CellFault]) -> list[tuple[int, str, str | None]]:
        columns = self._layout.columns
        if "image" not in columns or not row[columns["image"]].strip():
            return []
        found: dict[str, str] = {}
        for name, convert in IMAGE_CELLS.items():
            if name not in columns or not row[columns[name]].strip():
                continue
            try:
                found[name] = convert(row[columns[name]])
            except Unfit as unfit:
                faults.append(self._fault(name, unfit, row[columns[name]]))
        return [(int(found.get("image_position", 0)), found.get("image", ""), found.get("image_alt"))]

    def _fault(self, name: str, unfit: Unfit, cell: str) -> CellFault:
        return CellFault(self._layout.header_of(name), unfit.code, unfit.params, cell)


PRODUCT_TEXT: Final[Mapping[str, Convert]] = {
    "description": cells.long_text,
    "product_images": lambda cell: " ".join(cells.urls(cell)),
}
IMAGE_CELLS: Final[Mapping[str, Convert]] = {
    "image": cells.url,
    "image_position": lambda cell: str(cells.whole(cell)),
    "image_alt": lambda cell: cells.long_text(cell)[:512],
}


def _text(cell: str) -> str:
    return cell if cells.PLAIN.fullmatch(cell) else written(cells.text(cell))


def _several(places: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """The cells at these places, always as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple(row[place] for place in places)
