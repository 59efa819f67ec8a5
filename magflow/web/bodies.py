"""Bodies of requests that several areas read."""

from typing import Final

from magflow.web.border import Body, Integer

VERSION: Final = {"description": "The version that was read; refused with `stale_version` when it is another now"}


def version() -> Integer:
    """The field by which a program says what it decided on."""
    return Integer(least=1, metadata=VERSION)


class SeenBody(Body):
    """A body that needs nothing; with `version` the call is refused when somebody changed it meanwhile."""

    version = version()


class EmptyBody(Body):
    """A body that may be left out, and holds nothing when it is sent."""
