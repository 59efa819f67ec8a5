"""Where others call us. What comes proves itself by its signature, or proves nothing and is only a hint."""

from typing import Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from magflow.domain.actors import Actor
from magflow.services import webhooks
from magflow.web.auth import request_id
from magflow.web.permissions import public
from magflow.web.security import largest_body, proves_itself

blueprint = Blueprint("webhooks", __name__)

LONGEST_NUMBER: Final = 18


@blueprint.post("/webhooks/<source>/<account>")
@public
@proves_itself
@largest_body(webhooks.LARGEST)
def receive(source: str, account: str) -> ResponseReturnValue:
    """A delivery: 2xx once it is stored, the work follows."""
    body = request.get_data(cache=False)
    if webhooks.is_unsigned(source, account):
        return _hint(source, account)
    taken = webhooks.receive(source, account, _headers(), body)
    return Response(status=202 if taken == "stored" else 200)


@blueprint.get("/webhooks/<source>/<account>")
@public
@proves_itself
def call(source: str, account: str) -> ResponseReturnValue:
    """A bare call that names an order."""
    return _hint(source, account)


def _hint(source: str, token: str) -> ResponseReturnValue:
    entrance = webhooks.unsigned(source, token)
    number = next((request.args[name] for name in ("order_id", "order_cancelled") if name in request.args), "")
    if number.isascii() and number.isdigit() and 0 < len(number) <= LONGEST_NUMBER:
        actor = Actor(kind="system", name=f"webhook {source}", door="webhook", request_id=request_id())
        webhooks.called(entrance.account_id, actor=actor)
    return Response(status=200)


def _headers() -> dict[str, str]:
    """Header names in lower case. One that came twice counts as not given: nobody is to choose which of them holds."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in request.headers.items():
        lower = name.lower()
        if lower in found:
            twice.add(lower)
        found[lower] = value
    return {name: value for name, value in found.items() if name not in twice}
