"""What a person does with an eMAG account: prices, new offers, families, documents, waybills, returns."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from magflow.domain.marketplaces import SAVED_PLACES
from magflow.marketplaces.emag.account import EmagAccount
from magflow.marketplaces.emag.envelope import opened
from magflow.marketplaces.emag.readings import cash_due, return_reading
from magflow.marketplaces.errors import BadAnswer, MarketplaceError, NotThere
from magflow.marketplaces.protocol import (
    Family,
    FamilyKind,
    Found,
    Issued,
    Listing,
    Outcome,
    Parcel,
    PickUp,
    PriceAgain,
    ReturnReading,
    Trait,
)
from magflow.marketplaces.wire import integer, listed, mapping, words

PICK_UP: Final = frozenset({2, 3})
"""Kinds of the seller's addresses that a courier may be sent to: pick-up, head office."""


class Shopkeeping(EmagAccount):
    """Calls that somebody asked for."""

    def find_by_eans(self, eans: Sequence[str]) -> dict[str, list[Found]]:
        """Catalogue products per EAN, at most 100 of them."""
        answer = self._wire.call(
            "GET", "documentation/find_by_eans", query={"eans[]": list(eans[:100])}, route_class="eans", repeatable=True
        )
        results = mapping(opened(answer, "documentation/find_by_eans").results)
        return {
            ean: [product for row in listed(mapping(found).get("products")) if (product := _found(mapping(row)))]
            for ean, found in results.items()
        }

    # --- offers ------------------------------------------------------------------------------------------------------

    def save_price(self, external_id: str, net: Decimal, least: Decimal | None, most: Decimal | None) -> Outcome:
        """Set an offer's net price, with its bounds where they change."""
        item: dict[str, Any] = {"id": int(external_id), "sale_price": _price(net)}
        if least is not None:
            item["min_sale_price"] = _price(least)
        if most is not None:
            item["max_sale_price"] = _price(most)
        return self._save_offers([item], urgent=False)[external_id]

    def save_status(self, external_id: str, status: int) -> Outcome:
        """Switch an offer on (1) or off (0)."""
        return self._save_offers([{"id": int(external_id), "status": status}], urgent=False)[external_id]

    def refresh(self, offers: Sequence[PriceAgain]) -> dict[str, Outcome]:
        """Send offers again as they are, at most 50 at once: eMAG wants to hear of each at least weekly."""
        body = [{"id": int(one.external_id), "sale_price": _price(one.net)} for one in offers]
        return self._save_offers(body, urgent=False)

    def save_listing(self, listing: Listing) -> tuple[str, ...]:
        """Create an offer, on a product that is there (PNK or EAN) or on a new one. What was said may be a warning; an
        error may have been saved all the same: the caller reads back. Raises RefusedByMarketplace."""
        item: dict[str, Any] = {
            "id": int(listing.external_id), "name": listing.name, "part_number": listing.sku, "brand": listing.brand,
            "status": 1, "sale_price": _price(listing.net), "min_sale_price": _price(listing.least),
            "max_sale_price": _price(listing.most), "vat_id": listing.vat_id,
            "stock": [{"warehouse_id": 1, "value": listing.stock}],
            "handling_time": [{"warehouse_id": 1, "value": listing.handling_time}],
        }  # fmt: skip
        # A product is named by its key or by its barcode, never by both.
        if listing.part_number_key:
            item["part_number_key"] = listing.part_number_key
        elif listing.ean:
            item["ean"] = [listing.ean]
        if listing.category_id:
            item["category_id"] = listing.category_id
        return self._post("product_offer/save", [item]).messages

    def group(self, external_ids: Sequence[str], family: Family) -> tuple[str, ...]:
        """Put offers into one family of variants. What an update must carry goes along as it stands there, and so do
        the characteristics that are not among those by which the members differ."""
        wanted = {"id": family.id, "name": family.name, "family_type_id": family.type_id}
        items = []
        for external_id in external_ids:
            raw = self._raw_offer(external_id)
            item = {name: raw.get(name) for name in ("id", "status", "sale_price", "vat_id", "handling_time", "stock")}
            if traits := family.traits.get(external_id):
                kept = [part for part in map(mapping, listed(raw.get("characteristics")))
                        if integer(part.get("id")) not in traits]  # fmt: skip
                item["characteristics"] = [*kept, *({"id": key, "value": value} for key, value in traits.items())]
            items.append(item | {"family": wanted})
        return self._post("product_offer/save", items, repeatable=True).messages

    def family_kinds(self, external_id: str) -> list[FamilyKind]:
        """The kinds of families that the category of an offer knows, with what their members differ by."""
        category = integer(self._raw_offer(external_id).get("category_id"))
        if category is None:
            return []
        body = {"id": category, "currentPage": 1, "itemsPerPage": 1}
        row = next(map(mapping, listed(self._post("category/read", body, repeatable=True).results)), {})
        known = {integer(mapping(one).get("id")): mapping(one) for one in listed(row.get("characteristics"))}
        return [kind for one in listed(row.get("family_types")) if (kind := _family_kind(mapping(one), known))]

    def _raw_offer(self, external_id: str) -> Mapping[str, Any]:
        body = {"id": int(external_id), "currentPage": 1, "itemsPerPage": 1}
        rows = listed(self._post("product_offer/read", body, repeatable=True).results)
        found = [row for row in map(mapping, rows) if words(row.get("id")) == external_id]
        if not found:
            raise NotThere(f"offer {external_id} is not there", status=404)
        return found[0]

    # --- orders ------------------------------------------------------------------------------------------------------

    def storno(self, external_id: str, quantities: Mapping[str, int]) -> None:
        """Take units of a finalized order back; the quantity that stays, per line."""
        raw = self._whole_order(external_id)
        lines = [
            {**line, "quantity": quantities.get(str(line.get("id")), integer(line.get("quantity")))}
            for line in map(dict, map(mapping, listed(raw.get("products"))))
        ]
        self._save_order({**raw, "products": lines, "is_storno": True})

    def attach(self, external_id: str, kind: int, *, name: str, url: str, attachment: int = 1) -> None:
        """Hand over the address of an invoice (1) or another document; one of that name is not attached twice."""
        raw = self._raw_order(external_id, kind)
        if raw is not None and any(mapping(there).get("name") == name for there in listed(raw.get("attachments"))):
            return
        document = {"order_id": int(external_id), "order_type": kind, "name": name[:60], "url": url, "type": attachment}
        self._post("order/attachments/save", [document], route_class="orders")

    def addresses(self) -> list[PickUp]:
        """Where couriers may fetch what the seller sends."""
        rows = map(mapping, listed(self._post("addresses/read", {"currentPage": 1, "itemsPerPage": 100},
                                              repeatable=True).results))  # fmt: skip
        return [
            PickUp(words(row.get("address_id")) or "", ", ".join(filter(None, (words(row.get("address")),
                   words(row.get("city"))))), integer(row.get("locality_id")) or 0, words(row.get("address")) or "")
            for row in rows if integer(row.get("address_type_id")) in PICK_UP
        ]  # fmt: skip

    def ship(self, external_id: str, parcel: Parcel) -> Issued:
        """Issue a waybill to whom the order names; the order becomes finalized by that alone. Never safe to repeat."""
        raw = self._whole_order(external_id)
        body = _waybill(raw, parcel)
        reservation = integer(mapping(self._post("awb/save", body).results).get("reservation_id"))
        if reservation is None:
            raise BadAnswer("a waybill without a reservation id")
        try:
            return self.waybill(str(reservation))
        except MarketplaceError:
            return Issued(str(reservation))  # issued it is; its number is read another time

    def waybill(self, reservation_id: str) -> Issued:
        """The number of a waybill, and what its label is asked by."""
        found = mapping(self._post("awb/read", {"reservation_id": int(reservation_id)}, repeatable=True).results)
        labels = [mapping(part) for part in listed(found.get("awb"))]
        number = next((words(part.get("awb_number")) for part in labels), None)
        label = next((words(part.get("emag_id")) for part in labels), None) or words(found.get("emag_id"))
        return Issued(reservation_id, label, number)

    def label(self, label_id: str, paper: str = "A4") -> bytes:
        """The label of a waybill, as PDF."""
        query = {"emag_id": label_id, "awb_format": paper}
        answer = self._wire.call("GET", "awb/read_pdf", query=query, repeatable=True)
        if not answer.body.startswith(b"%PDF"):
            opened(answer, "awb/read_pdf")
            raise BadAnswer("the label is no PDF")
        return answer.body

    # --- returns -----------------------------------------------------------------------------------------------------

    def one_return(self, external_id: str) -> ReturnReading | None:
        """One return as it stands now."""
        raw = self._raw_return(external_id)
        return return_reading(raw) if raw is not None else None

    def set_return_status(self, external_id: str, status: int) -> None:
        """Another status, with the whole return as it was read a moment ago."""
        raw = self._raw_return(external_id)
        if raw is None:
            raise NotThere(f"return {external_id} is not there", status=404)
        if integer(raw.get("request_status")) != status:
            self._post("rma/save", [{**raw, "request_status": status}])

    def _raw_return(self, external_id: str) -> dict[str, Any] | None:
        for kind in (3, 2):
            body = {"emag_id": int(external_id), "type": kind, "currentPage": 1, "itemsPerPage": 1}
            rows = map(mapping, listed(self._post("rma/read", body, repeatable=True).results))
            found = [row for row in rows if words(row.get("emag_id")) == external_id]
            if found:
                return dict(found[0])
        return None


def _family_kind(row: Mapping[str, Any], known: Mapping[int | None, Mapping[str, Any]]) -> FamilyKind | None:
    number = integer(row.get("id"))
    if number is None:
        return None
    traits = []
    for part in sorted(map(mapping, listed(row.get("characteristics"))), key=lambda one: _place(one)):
        key = integer(part.get("characteristic_id"))
        if key is not None:
            told = known.get(key, {})
            values = () if integer(told.get("allow_new_value")) else tuple(filter(None, map(_value, listed(
                told.get("values")))))  # fmt: skip
            traits.append(Trait(key, words(told.get("name")) or str(key), values))
    return FamilyKind(number, words(row.get("name")) or str(number), tuple(traits))


def _place(part: Mapping[str, Any]) -> int:
    return integer(part.get("display_order")) or 0


def _value(told: Any) -> str | None:
    """A value of a characteristic: a text, or an object around it."""
    return words(told) or words(mapping(told).get("value")) or words(mapping(told).get("name"))


def _found(row: Mapping[str, Any]) -> Found | None:
    key = words(row.get("part_number_key"))
    if key is None:
        return None
    allowed = row.get("allowed_to_add_offer", row.get("allow_to_add_offer"))  # both are documented
    return Found(
        key,
        words(row.get("product_name")) or key,
        words(row.get("brand_name")) or "",
        bool(integer(allowed)),
        bool(integer(row.get("vendor_has_offer"))),
        integer(row.get("doc_category_id")),
    )


def _waybill(raw: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
    customer, details = mapping(raw.get("customer")), mapping(raw.get("details"))
    name = words(customer.get("shipping_contact")) or words(customer.get("name")) or ""
    receiver = {
        "name": name,
        "contact": name,
        "phone1": words(customer.get("shipping_phone")) or words(customer.get("phone_1")),
        "legal_entity": integer(customer.get("legal_entity")) or 0,
        "locality_id": integer(customer.get("shipping_locality_id")),
        "street": words(customer.get("shipping_street")),
    }
    if code := words(customer.get("shipping_postal_code")):
        receiver["zipcode"] = code  # an empty one is refused
    sender = {
        "name": parcel.sender, "contact": parcel.contact, "phone1": parcel.phone, "address_id": parcel.address.id,
        "locality_id": parcel.address.locality_id, "street": parcel.address.street,
    }  # fmt: skip
    body: dict[str, Any] = {
        "order_id": integer(raw.get("id")), "sender": sender, "receiver": receiver, "is_oversize": 0,
        "envelope_number": parcel.envelopes, "parcel_number": parcel.parcels, "cod": str(cash_due(raw) or 0),
    }  # fmt: skip
    if locker := words(details.get("locker_id")):
        body["locker_id"] = locker
    return body


def _price(amount: Decimal) -> str:
    return str(amount.quantize(SAVED_PLACES))
