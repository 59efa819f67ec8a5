"""The search field of the top bar: suggestions while typing, and a page of results."""

from typing import Any, Final

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from magflow.db import db
from magflow.domain.border import Unfit, text
from magflow.queries.search import Hit, Kind, search
from magflow.web import auth
from magflow.web.locale import _l
from magflow.web.pages import url_or_none
from magflow.web.permissions import allowed, requires

blueprint = Blueprint("search", __name__)

LONGEST: Final = 200
SUGGESTED: Final = 5
SHOWN: Final = 50

KINDS: Final[dict[Kind, tuple[str, Any, str, str]]] = {
    "order": ("orders:read", _l("Orders"), "orders.page", "order_id"),
    "variant": ("catalog:read", _l("Variants"), "variants.page", "variant_id"),
    "product": ("catalog:read", _l("Products"), "products.page", "product_id"),
}
"""Per kind: who may see it, its heading, and the page of one."""


@blueprint.get("/search/suggest")
@requires("self")
def suggest() -> ResponseReturnValue:
    """The best few of each kind, as JSON for the field."""
    return jsonify({"results": found(words_asked(), SUGGESTED)})


@blueprint.get("/search")
@requires("self")
def results() -> ResponseReturnValue:
    """A page of results; a single one is opened at once."""
    words = words_asked()
    hits = found(words, SHOWN)
    if len(hits) == 1:
        return redirect(hits[0]["url"])
    groups: dict[str, list[dict[str, str]]] = {}
    for hit in hits:
        groups.setdefault(hit["kind"], []).append(hit)
    return render_template("home/search.html", words=words, groups=groups)


def words_asked() -> str:
    """What is looked for; nothing when it could not be in any name."""
    try:
        return text(request.args.get("q", ""), most=LONGEST)
    except Unfit:
        return ""


def found(words: str, limit: int) -> list[dict[str, str]]:
    """The hits that this person may see, each with its address."""
    if not words:
        return []
    scopes = auth.visitor().scopes
    kinds = [kind for kind, (permission, *_rest) in KINDS.items() if allowed(permission, scopes)]
    hits = search(db.session(), words, kinds=kinds, limit=limit)
    return [shown for hit in hits if (shown := as_shown(hit))]


def as_shown(hit: Hit) -> dict[str, str] | None:
    """A hit as the field and the page show it; None where the area of its page is not installed."""
    _permission, heading, endpoint, argument = KINDS[hit.kind]
    url = url_or_none(endpoint, **{argument: hit.id})
    return {"label": hit.label, "note": hit.note, "url": url, "kind": str(heading)} if url else None
