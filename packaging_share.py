"""Puts templates, static files and migrations into a built wheel, under magflow/share.

They stand at the top of the checkout, where people look for them, and an editable install reads them there; an
installed wheel has no checkout, so it carries them itself. `magflow.settings.share` finds either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("templates", "static", "migrations")


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the folders to a wheel; leaves an editable install alone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill `force_include` before the wheel is written."""
        if version == "editable":
            return
        for folder in FOLDERS:
            if (Path(self.root) / folder).is_dir():
                build_data["force_include"][folder] = f"magflow/share/{folder}"
