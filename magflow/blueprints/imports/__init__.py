"""Imports and exports: files in, files out, and the catalogue in step with feeds."""

from magflow.web.areas import Area

area = Area("imports")
