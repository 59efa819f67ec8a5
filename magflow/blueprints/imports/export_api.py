"""The API of exports: the catalogue, its stock, offers and orders, as CSV and as workbooks."""

from typing import Any

from flask import Response

from magflow.blueprints.imports import exporting, requests
from magflow.blueprints.imports.api import api, sends, sent_file
from magflow.queries.exports import ALL_ORDERS, EVERYTHING, Wanted, WantedOrders
from magflow.services import audit
from magflow.web.auth import current_actor
from magflow.web.permissions import requires


@api.get("/exports/variants.csv")
@requires("catalog:read")
@api.filters(requests.ExportQuery)
@sends("csv")
def export_variants(query: dict[str, Any]) -> Response:
    """Export the catalogue; imported again, it changes nothing."""
    return _variants(query, "csv")


@api.get("/exports/variants.xlsx")
@requires("catalog:read")
@api.filters(requests.ExportQuery)
@sends("xlsx")
def export_variants_workbook(query: dict[str, Any]) -> Response:
    """Export the catalogue as a workbook; imported again, it changes nothing."""
    return _variants(query, "xlsx")


@api.get("/exports/stock.csv")
@requires("stock:read")
@api.filters(requests.StockExportQuery)
@sends("csv")
def export_stock(query: dict[str, Any]) -> Response:
    """Export stock to be counted: imported again, a row whose stock has moved since is refused."""
    return _export("stock", "magflow", "csv", wanted=_wanted(query))


@api.get("/exports/stock.xlsx")
@requires("stock:read")
@api.filters(requests.StockExportQuery)
@sends("xlsx")
def export_stock_workbook(query: dict[str, Any]) -> Response:
    """Export stock to be counted, as a workbook."""
    return _export("stock", "magflow", "xlsx", wanted=_wanted(query))


@api.get("/exports/offers.csv")
@requires("stock:read")
@api.filters(requests.OffersExportQuery)
@sends("csv")
def export_offers(query: dict[str, Any]) -> Response:
    """Export an account's offers, in the columns in which they are imported."""
    return _export("offers", "magflow", "csv", source=query["source"], account=query["source_account"])


@api.get("/exports/offers.xlsx")
@requires("stock:read")
@api.filters(requests.OffersExportQuery)
@sends("xlsx")
def export_offers_workbook(query: dict[str, Any]) -> Response:
    """Export an account's offers as a workbook."""
    return _export("offers", "magflow", "xlsx", source=query["source"], account=query["source_account"])


@api.get("/exports/orders.csv")
@requires("orders:read")
@api.filters(requests.OrdersExportQuery)
@sends("csv")
def export_orders(query: dict[str, Any]) -> Response:
    """Export orders, a row a line; imported again, they change nothing."""
    return _export("orders", "magflow", "csv", orders=_orders(query))


@api.get("/exports/orders.xlsx")
@requires("orders:read")
@api.filters(requests.OrdersExportQuery)
@sends("xlsx")
def export_orders_workbook(query: dict[str, Any]) -> Response:
    """Export orders as a workbook, a row a line."""
    return _export("orders", "magflow", "xlsx", orders=_orders(query))


def _wanted(query: dict[str, Any]) -> Wanted:
    return Wanted(exporting.STATUS.get(query.get("status", "")), query.get("brand"), query.get("category"),
                  query.get("text"))  # fmt: skip


def _orders(query: dict[str, Any]) -> WantedOrders:
    return WantedOrders(query.get("status"), query.get("source"), query.get("source_account"),
                        query.get("placed_from"), query.get("placed_to"))  # fmt: skip


def _variants(query: dict[str, Any], kind: str) -> Response:
    named = {"source": query["source"], "account": query["source_account"]}
    return _export("variants", query["format"], kind, wanted=_wanted(query), **named)


def _export(
    what: str, form: str, kind: str, *, wanted: Wanted = EVERYTHING, orders: WantedOrders = ALL_ORDERS, **named: str
) -> Response:
    pieces = exporting.export(what, form, wanted=wanted, orders=orders, workbook=kind == "xlsx", **named)
    audit.note(current_actor(), f"export.{what}", {"format": form})
    return sent_file(pieces, f"{what}-{form}", kind)
