"""The catalogue: products, their options and variants, and why a variant's stock is what it is."""

from magflow.blueprints.variants import api, catalogue_api
from magflow.web.areas import Area

area = Area("variants", api=(catalogue_api.api, api.api))
