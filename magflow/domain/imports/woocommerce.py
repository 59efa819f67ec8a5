"""WooCommerce's rows, retold as rows of MagFlow's own columns; the reader behind them is the same for both.

A `variable` row is a product, its `variation` rows are the variants and name it by SKU or by `id:123`, wherever in the
file it stands. So the file is gone through twice: first for the products that variations refer to.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from magflow.domain.imports.cells import Sign
from magflow.domain.imports.faults import CellFault, FileFault, Refusal, RowFault, shown
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import Prepared
from magflow.domain.imports.variants import VariantReader
from magflow.domain.names import handle_from

MOST_PARENTS: Final = 200_000
TYPES: Final = ("simple", "variable", "variation", "grouped", "external")
BETWEEN: Final = re.compile(r"(?<!\\),")

INNER: Final = ("handle", "name", "description", "brand", "category", "sku", "price", "compare_at_price", "stock",
                "status", "ean", "external_id", "images", "product_images")  # fmt: skip
"""What a row is retold in, in this order; its options follow."""
SPOKEN_OF_AS: Final[Mapping[str, str]] = {
    "handle": "parent", "price": "regular_price", "compare_at_price": "regular_price", "status": "published",
    "external_id": "id", "product_images": "images",
}  # fmt: skip
"""Whose column is named where a retold cell is wrong."""


def in_list(value: str) -> str:
    """A value as WooCommerce writes it into a list."""
    return value.replace(",", "\\,")


def from_list(value: str) -> str:
    """The value that `in_list` was given."""
    return value.replace("\\,", ",").strip()


def on_one_line(text: str) -> str:
    """A long text as WooCommerce writes it: line breaks as two characters, and those two as three."""
    return text.replace("\\n", "\\\\n").replace("\r\n", "\n").replace("\n", "\\n")


def on_lines(text: str) -> str:
    """The text that `on_one_line` was given."""
    return "\\n".join(part.replace("\\n", "\n") for part in text.split("\\\\n"))


class Parent(NamedTuple):
    """A product that variations refer to."""

    name: str
    handle: str
    """As the file gives it."""
    tag: str
    """Told by what else it is called, where another product has the same name."""
    published: bool


@dataclass(frozen=True)
class Retold:
    """A row in MagFlow's columns."""

    cells: list[str]
    is_variant: bool


class Retelling:
    """Knows a file's products; retells its records one by one."""

    def __init__(self, layout: Layout, records: Iterable[Record]) -> None:
        self._layout = layout
        self._parents: dict[str, Parent] = {}
        self._repeated: set[str] = set()
        self.inner = self._inner()
        self._know(records)

    def _inner(self) -> Layout:
        layout = self._layout
        headers = [layout.header_of(SPOKEN_OF_AS.get(name, name)) for name in INNER]
        options = []
        for name_place, value_place in layout.options:
            options.append((len(headers), len(headers) + 1))
            headers += [layout.headers[name_place], layout.headers[value_place]]
        columns = {name: place for place, name in enumerate(INNER) if self._speaks_of(name)}
        return Layout("variants", "woocommerce", tuple(headers), columns, tuple(options), layout.left_out)

    def _speaks_of(self, name: str) -> bool:
        """Whether the file says anything of a field; what it does not say stays as it is."""
        outer = {"price": ("regular_price", "sale_price"), "compare_at_price": ("sale_price",),
                 "status": ("published",), "external_id": ("id",), "product_images": ("images",),
                 "description": ("description", "short_description"), "handle": ("name",)}  # fmt: skip
        return any(one in self._layout.columns for one in outer.get(name, (name,)))

    def _know(self, records: Iterable[Record]) -> None:
        seen: set[int] = set()
        for record in records:
            if record.fault is not None or "variation" in self._types(record.cells):
                continue
            handle = handle_from(self._cell(record.cells, "name"))
            if hash(handle) in seen:
                self._repeated.add(handle)
            seen.add(hash(handle))
            if "variable" not in self._types(record.cells):
                continue
            references = self._references(record.cells)
            name = self._cell(record.cells, "name")
            own = self._cell(record.cells, "handle")
            parent = Parent(name, own, _tag(references), self._published(record.cells))
            self._parents.update(dict.fromkeys(references, parent))
            if len(self._parents) > 2 * MOST_PARENTS:
                raise FileFault("too_many_products", limit=MOST_PARENTS)

    def _references(self, row: Sequence[str]) -> list[str]:
        sku, number = self._cell(row, "sku"), self._cell(row, "id")
        return [*([sku] if sku else []), *([f"id:{number}"] if number else [])]

    def _cell(self, row: Sequence[str], name: str) -> str:
        place = self._layout.columns.get(name)
        return row[place].strip() if place is not None else ""

    def _types(self, row: Sequence[str]) -> set[str]:
        return {word.strip().lower() for word in self._cell(row, "type").split(",")} or {"simple"}

    def _published(self, row: Sequence[str]) -> bool:
        return self._cell(row, "published") in {"1", ""}

    # --- one record --------------------------------------------------------------------------------------------------

    def retell(self, row: Sequence[str]) -> Retold:
        """A record in MagFlow's columns. Raises RowFault for what can be told of nobody's variant."""
        kinds = self._types(row) & set(TYPES) or ({"simple"} if not self._cell(row, "type") else set())
        if not kinds:
            choices = {"choices": ", ".join(TYPES)}
            raise RowFault([self._fault("type", "not_one_of", self._cell(row, "type"), choices)])
        out = dict.fromkeys(INNER, "")
        out |= {"sku": self._cell(row, "sku"), "ean": self._cell(row, "ean"), "external_id": self._cell(row, "id")}
        options = [""] * (2 * len(self._layout.options))
        if "variation" in kinds:
            parent = self._parent(row)
            out |= {
                "name": parent.name,
                "handle": parent.handle or self._handle(parent.name, parent.tag),
                "images": self._images(row),
            }
            options = self._options(row)
        else:
            parent = None
            out |= self._of_product(row)
        if is_variant := bool(kinds & {"simple", "variation"}):
            out |= self._prices(row)
            stock = self._cell(row, "stock")
            out["stock"] = "" if stock == "parent" else stock
            shown = self._published(row) and (parent is None or parent.published)
            out["status"] = ("active" if shown else "inactive") if "published" in self._layout.columns else ""
        else:
            # A product that is not a variant itself has no SKU here, and its number is nobody's external id.
            out |= {"sku": "", "ean": "", "external_id": ""}
        return Retold([*out.values(), *options], is_variant)

    def _parent(self, row: Sequence[str]) -> Parent:
        reference = self._cell(row, "parent").replace("id: ", "id:")
        parent = self._parents.get(reference)
        if parent is None:
            code = "parent_missing" if reference else "required"
            raise RowFault([self._fault("parent", code, reference, {"value": shown(reference)})])
        return parent

    def _handle(self, name: str, tag: str) -> str:
        """Products are known by name; where two have the same, the rows cannot be told apart by it."""
        handle = handle_from(name)
        return f"{handle}-{tag}" if handle in self._repeated and tag else ""

    def _of_product(self, row: Sequence[str]) -> dict[str, str]:
        name = self._cell(row, "name")
        if not name:
            raise RowFault([self._fault("name", "required", "")])
        described = self._cell(row, "description") or self._cell(row, "short_description")
        return {
            "handle": self._cell(row, "handle") or self._handle(name, _tag(self._references(row))),
            "name": name,
            "description": on_lines(described),
            "brand": self._first(row, "brand"),
            "category": self._first(row, "category"),
            "product_images": self._images(row),
        }

    def _first(self, row: Sequence[str], name: str) -> str:
        """The first of a list; a comma that belongs to a name has a backslash before it."""
        return from_list(BETWEEN.split(self._cell(row, name))[0])

    def _images(self, row: Sequence[str]) -> str:
        return " ".join(from_list(part) for part in BETWEEN.split(self._cell(row, "images")) if part.strip())

    def _prices(self, row: Sequence[str]) -> dict[str, str]:
        """While something is on sale, the regular price is what it is compared with."""
        regular, sale = self._cell(row, "regular_price"), self._cell(row, "sale_price")
        return {"price": sale or regular, "compare_at_price": regular if sale else ""}

    def _options(self, row: Sequence[str]) -> list[str]:
        """A blank value means any: the variant then has none, and the shop shows it as incomplete."""
        pairs: list[str] = []
        for name_place, value_place in self._layout.options:
            name = row[name_place].strip()
            pairs += [name, from_list(row[value_place].strip()) if name else ""]
        return pairs

    def _fault(self, name: str, code: str, cell: str, params: dict[str, str] | None = None) -> CellFault:
        return CellFault(self._layout.header_of(name), code, params or {}, cell)


def _tag(references: Sequence[str]) -> str:
    return handle_from(references[0].removeprefix("id:")) if references else ""


class WooReader:
    """Reads WooCommerce's records in file order; `prepared` and `refused` are what they came to."""

    def __init__(self, signs: Mapping[str, Sign | None], import_id: int, retelling: Retelling) -> None:
        inner = {"price": _first_sign(signs), "compare_at_price": _first_sign(signs)}
        # A sale that is over leaves no price to compare with.
        self._reader = VariantReader(retelling.inner, inner, import_id, clears=("compare_at_price",))
        self._retelling = retelling

    @property
    def prepared(self) -> Prepared:
        """What was taken."""
        return self._reader.prepared

    @prepared.setter
    def prepared(self, prepared: Prepared) -> None:
        self._reader.prepared = prepared

    @property
    def refused(self) -> list[Refusal]:
        """What was not."""
        return self._reader.refused

    @refused.setter
    def refused(self, refused: list[Refusal]) -> None:
        self._reader.refused = refused

    def read(self, record: Record) -> None:
        """Take a record, or note why not."""
        if record.fault is not None:
            self._reader.read(record)
            return
        try:
            retold = self._retelling.retell(record.cells)
            self._reader.take(record._replace(cells=retold.cells), variant=retold.is_variant)
        except RowFault as fault:
            self.refused.append(Refusal(record.number, record.line, tuple(fault.faults)))


def _first_sign(signs: Mapping[str, Sign | None]) -> Sign | None:
    return next((sign for sign in signs.values() if sign is not None), None)
