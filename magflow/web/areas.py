"""Areas: what a part of MagFlow, or a package from outside, brings along.

An area is one object, found by its name in the entry-point group `magflow.areas`:

    # pyproject.toml of any package
    [project.entry-points."magflow.areas"]
    parcels = "shop_parcels:area"

    # shop_parcels/__init__.py
    area = Area("parcels", blueprints=(pages,), api=(parcels_api,), menu=(MenuEntry(_l("Parcels"), "parcels.index"),))

MagFlow's own areas are found the same way, so that nothing is possible for them alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click
from flask import Blueprint

GROUP: Final = "magflow.areas"


class AreaBroken(Exception):
    """An area cannot be used. `str()` is one line that names it and where it comes from."""


@dataclass(frozen=True)
class MenuEntry:
    """One line of the navigation. It is shown to those who have its permission."""

    label: Any
    """A lazy translation (`lazy_gettext`): the menu is built per request."""
    endpoint: str
    permission: str = "self"
    icon: str = ""
    """Name of a symbol in `static/img/icons.svg`."""
    position: int = 500
    """Ascending; MagFlow's own stand at 100 (Home) to 700 (Audit)."""
    badge: Callable[[], int] | None = None
    """How many things in it need a person; nothing is shown for 0."""


@dataclass(frozen=True)
class Area:
    """A part of the application: its pages, API, lists, commands, jobs and lines of the menu."""

    name: str
    blueprints: Sequence[Blueprint] = ()
    api: Sequence[Any] = ()
    """`magflow.web.api.ApiBlueprint`s; they are mounted under /api/v1."""
    admin_views: Callable[[], Sequence[Any]] = tuple
    """Makes the Flask-Admin views anew for each application: they remember theirs."""
    commands: Sequence[click.Command] = ()
    tasks: Sequence[Any] = ()
    """`magflow.services.jobs.Task`s that the worker runs for this area."""
    subscribers: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    """Event type -> what is told about it (`magflow.services.dispatch.Subscriber`)."""
    menu: Sequence[MenuEntry] = ()
    source: str = field(default="", compare=False)
    """The distribution that it was found in; filled in by `load_areas`."""


def load_areas() -> list[Area]:
    """Every installed area, by name. Raises AreaBroken, naming the distribution, when one cannot be used."""
    found: dict[str, Area] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        area = _load(entry)
        if (other := found.get(area.name)) is not None:
            raise AreaBroken(
                f"two areas are called {area.name!r}: one of {other.source}, one of {area.source}; "
                "uninstall one of them"
            )
        found[area.name] = area
    check_names(list(found.values()))
    return list(found.values())


def check_names(areas: Sequence[Area]) -> None:
    """Refuse two blueprints of one name before Flask does it without saying whose they are. Raises AreaBroken."""
    owners: dict[str, Area] = {}
    for area in areas:
        for blueprint in (*area.blueprints, *area.api):
            if (other := owners.get(blueprint.name)) is not None:
                raise AreaBroken(
                    f"the blueprint name {blueprint.name!r} is used twice: by area {other.name!r} of "
                    f"{other.source or 'this application'} and by area {area.name!r} of "
                    f"{area.source or 'this application'}"
                )
            owners[blueprint.name] = area


def _load(entry: EntryPoint) -> Area:
    source = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
    try:
        area = entry.load()
    except Exception as error:
        # Foreign code: whatever it raises, the message says whose it is.
        raise AreaBroken(
            f"the area {entry.name!r} of {source} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(area, Area):
        raise AreaBroken(f"{entry.value} of {source} is not an Area but {type(area).__name__}")
    return Area(**{**vars(area), "source": source})
