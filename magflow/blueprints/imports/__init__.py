"""Imports and exports: files in, files out, and the catalogue in step with feeds."""

from magflow.blueprints.imports import (
    adopted_pages,
    api,
    check_pages,
    cli,
    export_api,
    export_pages,
    feed_pages,
    jobs,
    mapping_pages,
    pages,
)
from magflow.web.areas import Area, MenuEntry
from magflow.web.locale import _l

__all__ = ["adopted_pages", "area", "check_pages", "export_api", "export_pages", "feed_pages", "mapping_pages"]

area = Area(
    "imports",
    blueprints=(pages.blueprint,),
    api=(api.api,),
    commands=cli.COMMANDS,
    tasks=jobs.TASKS,
    menu=(MenuEntry(_l("Imports"), "imports.index", permission="imports:read", icon="imports", position=500),),
)
