"""The tables, a module an aggregate. Constraints and triggers are born in `migrations/`; these mirror them."""

from magflow.models.access import ApiToken, OneTimeLink, RateWindow, SignInThrottle, User, UserSession
from magflow.models.automation import AutomationEntry, AutomationRule
from magflow.models.bulk_edits import BulkEdit, BulkEditProgress, BulkEditRow
from magflow.models.catalogue import (
    OptionType,
    OptionValue,
    OptionValueVariant,
    PriceTemplate,
    PriceTemplateRule,
    Product,
    ProductOptionType,
    ProductOptionValue,
    ProductPriceTemplate,
    Variant,
    VariantExternalId,
    VariantImage,
    VariantStatus,
)
from magflow.models.demand import DemandForecast, PoolSettlement
from magflow.models.images import Image, ImageFile, SoldPicture
from magflow.models.imports import (
    ExportSchedule,
    Import,
    ImportChunk,
    ImportFeed,
    ImportImage,
    ImportMapping,
    ImportMissing,
    ImportOption,
    ImportProduct,
    ImportRow,
    ImportStage,
)
from magflow.models.jobs import JobFailure
from magflow.models.marketplaces import (
    MarketplaceAccount,
    MarketplaceOrder,
    MarketplaceRequest,
    MarketplaceReturn,
    MarketplaceWrite,
    Offer,
    OfferSnapshot,
    OrderWindow,
    RateSlot,
    StockOutbox,
    StockPool,
)
from magflow.models.notifications import Message, Recipient, ToldAlert
from magflow.models.operations import AdoptionChange, AuditEntry, Event, IdempotencyKey, Setting, UpkeepMark
from magflow.models.orders import Order, OrderHandling, OrderItem, OrderSeries, OrderStatusMove, Refund, Restock
from magflow.models.stock import StockMovement
from magflow.models.stock_sync import (
    BulkAnalysis,
    BulkAnalysisPart,
    StockAlert,
    StockCase,
    StockFigure,
    StockSyncChange,
    StockSyncPass,
    Transfer,
    TransferStep,
)
from magflow.models.title_reading import OptionReadingSkip
from magflow.models.webhooks import (
    WebhookDelivery,
    WebhookEndpoint,
    WebhookInbox,
    WebhookSubscription,
    WebhookVersion,
)
from magflow.models.workspace import SavedView, SavedViewDefault, TitleConfirmation, TroubleKeep, VariantTrouble

__all__ = [
    "AdoptionChange", "ApiToken", "AuditEntry", "AutomationEntry", "AutomationRule", "BulkAnalysis",
    "BulkAnalysisPart", "BulkEdit", "BulkEditProgress", "BulkEditRow", "DemandForecast", "Event", "ExportSchedule",
    "IdempotencyKey", "Image", "ImageFile", "Import", "ImportChunk", "ImportFeed", "ImportImage", "ImportMapping",
    "ImportMissing", "ImportOption", "ImportProduct", "ImportRow", "ImportStage", "JobFailure", "MarketplaceAccount",
    "MarketplaceOrder", "MarketplaceRequest", "MarketplaceReturn", "MarketplaceWrite", "Message", "Offer",
    "OfferSnapshot", "OneTimeLink", "OptionReadingSkip", "OptionType", "OptionValue", "OptionValueVariant", "Order",
    "OrderHandling", "OrderItem", "OrderSeries", "OrderStatusMove", "OrderWindow", "PoolSettlement", "PriceTemplate",
    "PriceTemplateRule", "Product", "ProductOptionType", "ProductOptionValue", "ProductPriceTemplate", "RateSlot",
    "RateWindow", "Recipient", "Refund", "Restock", "SavedView", "SavedViewDefault", "Setting", "SignInThrottle",
    "SoldPicture", "StockAlert", "StockCase", "StockFigure", "StockMovement", "StockOutbox", "StockPool",
    "StockSyncChange", "StockSyncPass", "TitleConfirmation", "ToldAlert", "Transfer", "TransferStep", "TroubleKeep",
    "UpkeepMark", "User", "UserSession", "Variant", "VariantExternalId", "VariantImage", "VariantStatus",
    "VariantTrouble", "WebhookDelivery", "WebhookEndpoint", "WebhookInbox", "WebhookSubscription", "WebhookVersion",
]  # fmt: skip
