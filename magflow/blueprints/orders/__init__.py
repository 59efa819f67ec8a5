"""Orders: taken, changed while they are pending, finalized, cancelled, and taken back."""

from magflow.blueprints.orders import api
from magflow.web.areas import Area

area = Area("orders", api=(api.api,))
