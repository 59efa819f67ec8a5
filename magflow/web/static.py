"""Static files: served by WhiteNoise before the application is asked, and kept by browsers for ever.

Their address holds a digest of the whole folder, so that a changed file has a new address, and what a style sheet or a
script asks for by a relative path has it too.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

from flask import Flask
from whitenoise import WhiteNoise

from magflow.settings import Settings
from magflow.web.security import static_headers

A_YEAR: Final = 365 * 24 * 3600


def address(folder: Path, settings: Settings) -> str:
    """Where the folder is mounted: /static/<digest>; without a digest while it is being written."""
    if settings.env == "development":
        return "/static"
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"


def serve(app: Flask, folder: Path, settings: Settings) -> None:
    """Put WhiteNoise in front of the application."""
    fresh = settings.env == "development"

    def headers(given: Any, path: str, url: str) -> None:
        static_headers(given, path, url)
        if not fresh:
            given["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"

    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(folder),
        prefix=app.static_url_path,
        max_age=0,
        autorefresh=fresh,
        allow_all_origins=False,
        add_headers_function=headers,
    )
