"""Form pages: read what a person typed, do it once, and show it all again when it was refused.

    @blueprint.post("/products/<int:product_id>/edit")
    @requires("catalog:write")
    def save(product_id: int) -> ResponseReturnValue:
        form = Form.sent(EditProductForm())
        if form.ok:
            command = EditProduct(product_id, form.changes(...), seen_version=form["version"])

            def work(session: Session, actor: Actor) -> Landing:
                product = products.edit.within(session, command, actor=actor)
                return Landing(url_for("products.show", product_id=product.id), _("Saved."))

            if (answer := form.once(work)) is not None:
                return answer
        return edit_page(product_id, form), form.status

Every form carries a random key (`sealed` in templates/macros/sealed.html): sent twice, by a double click or by a
browser that repeats itself, it takes effect once and both get the same answer (reliability 2.8). What asks first does
so on the server: without `agreed=yes` an answer is a page with the question (`ask_first`), whether scripts run or not.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from flask import Response, current_app, flash, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from magflow.db import db
from magflow.domain import border as convert
from magflow.domain.actors import Actor
from magflow.domain.errors import (
    FieldError,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    Invalid,
    Refused,
    StaleVersion,
)
from magflow.services import idempotency
from magflow.web import border
from magflow.web.auth import current_actor
from magflow.web.locale import _, decimal_sign
from magflow.web.sentences import field_sentence, sentence
from magflow.web.words import LABELS

KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
NOT_FIELDS: Final = frozenset({"csrf_token", "form_key", "agreed"})


class TypedMoney(border.Money):
    """An amount as people write it in their language: 1.234,50 or 1,234.50."""

    def convert(self, value: object, as_text: bool) -> Decimal:  # noqa: ARG002
        return convert.decimal(value, most=self.most, sign=decimal_sign())


class TypedPercent(border.Percent):
    """Per cent as people write it in their language."""

    def convert(self, value: object, as_text: bool) -> Decimal:  # noqa: ARG002
        return convert.decimal(value, most=self.most, sign=decimal_sign())


@dataclass(frozen=True)
class Landing:
    """Where a form that was taken leads, and what is said there."""

    url: str
    message: str | None = None
    tone: str = "success"


class Form:
    """A form: what was typed, what it means, and what is wrong with it.

    In templates `form.text('sku', variant.sku)` is what a field shows, `form.errors.sku` its sentences.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        """Which of a page's forms this is."""
        self.typed: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.errors: dict[str, list[str]] = {}
        self.general: list[str] = []
        """Sentences about the whole form."""
        self.now: dict[str, Any] = {}
        """Field -> what somebody else made of it meanwhile."""
        self.refused: Refused | None = None
        self.was_sent = False

    @classmethod
    def sent(cls, schema: border.Query, name: str = "") -> "Form":
        """The form of the present request. An empty field counts as not given."""
        form = cls(name)
        form.was_sent = True
        form.typed = {
            # A hidden field and a choice may share a name: what was given counts, not what was left empty.
            field: next((value for value in given if value.strip()), given[0])
            for field, given in request.form.lists()
            if field not in NOT_FIELDS
        }
        named = {field.data_key or name for name, field in schema.fields.items()}
        given = {field: value for field, value in form.typed.items() if field in named and value.strip()}
        try:
            form.values = border.load(schema, given)
        except Invalid as invalid:
            form.refuse(invalid)
        return form

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong so far."""
        return not (self.errors or self.general or self.now)

    @property
    def status(self) -> int:
        """The status of the page that shows the form."""
        if self.refused is not None:
            return self.refused.status
        return 200 if self.ok else 422

    def __getitem__(self, field: str) -> Any:
        return self.values.get(field)

    def pick(self, *fields: str) -> dict[str, Any]:
        """These values; None for what was left empty."""
        return {field: self.values.get(field) for field in fields}

    def text(self, field: str, stored: object = None) -> str:
        """What a field shows: what was typed, else what is stored."""
        if self.was_sent:
            return self.typed.get(field, "")
        return typed_text(stored)

    def refuse(self, refused: Refused, fields: Mapping[str, str] | None = None) -> None:
        """Remember a refusal, each sentence at its field. `fields`: a service's name of a field -> the form's."""
        self.refused = refused
        named = fields or {}
        if isinstance(refused, StaleVersion) and refused.changed:
            self.now = {named.get(field, field): value for field, value in refused.changed.items()}
            return
        errors: Sequence[FieldError] = getattr(refused, "errors", ())
        for error in errors:
            self.complain(named.get(error.field, error.field), field_sentence(error))
        if not errors:
            self.general.append(sentence(refused))

    def complain(self, field: str, said: str) -> None:
        """Add a sentence about one field."""
        self.errors.setdefault(field, []).append(said)
        if self.refused is None:
            self.refused = Invalid([FieldError(field, "invalid")])

    def summary(self, prefix: str = "f-") -> list[tuple[str | None, str]]:
        """For the macro `error_summary`: (id of the field, sentence)."""
        found: list[tuple[str | None, str]] = [(None, said) for said in self.general]
        for field, sentences in self.errors.items():
            label = f"{LABELS[field]}: " if field in LABELS else ""
            found += [(prefix + field.replace(".", "-"), label + said) for said in sentences]
        return found

    def once(
        self,
        work: Callable[[Session, Actor], Landing],
        *,
        fields: Mapping[str, str] | None = None,
        files_sha256: bytes = b"",
    ) -> BaseResponse | None:
        """Do the work and lead on; None when it was refused, and the form knows why.

        `files_sha256`: of the files that came along, so that others with the same form are not taken for them.
        """
        # A request never holds two connections: what was read so far is given back before the service begins.
        db.session.remove()
        actor = current_actor()

        def answer(session: Session) -> idempotency.Answer:
            landing = work(session, actor)
            said = json.dumps([landing.message, landing.tone]).encode()
            return idempotency.Answer(303, said, {"Location": landing.url})

        asked = _fingerprint(files_sha256)
        keyed = idempotency.KeyedRequest("POST", str(request.url_rule), _key(), asked, answer, _undo)
        try:
            kept = idempotency.once(keyed, actor=actor)
        except IdempotencyKeyReused as refused:
            # Back in the browser, changed and sent again: nothing is lost, and the next try has a key of its own.
            self.refused = refused
            self.general.append(_("This form was sent before with other values. Look at it again, then send it."))
            return None
        except IdempotencyInProgress as refused:
            self.refused = refused
            self.general.append(_("What you sent first is still being done. Wait a moment, then look whether it is."))
            return None
        except Refused as refused:
            self.refuse(refused, fields)
            return None
        message, tone = json.loads(kept.body)
        if message:
            flash(message, tone)
        return redirect(kept.headers["Location"], 303)


def act(work: Callable[[Session, Actor], Landing], back_url: str) -> BaseResponse:
    """For a button without fields of its own: do it once; a refusal is said on the page that it leads back to."""
    form = Form()
    answer = form.once(work)
    if answer is not None:
        return answer
    flash(" ".join(said for _field, said in form.summary()) or sentence(form.refused or Invalid()), "error")
    return redirect(back_url, 303)


def typed_text(value: object) -> str:
    """A stored value as it would be typed in the reader's language."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{Decimal(str(value)):f}".removesuffix(".0").replace(".", decimal_sign())
    if isinstance(value, Decimal):
        return str(value).replace(".", decimal_sign())
    return str(value)


def form_key() -> str:
    """A new key for a form that is shown."""
    return secrets.token_urlsafe(18)


def show(template: str, **context: Any) -> str:
    """A page with forms."""
    currency = current_app.config["MAGFLOW"].currency
    return render_template(template, form_key=form_key, typed_text=typed_text, currency=currency, **context)


def ask_first(
    title: str, consequences: Sequence[str], verb: str, back_url: str, *, tone: str = ""
) -> BaseResponse | None:
    """None when the person has agreed; else the page that asks, with everything they sent kept in it.

    The button that asks by script sends `agreed=yes` along; without scripts this page does the asking.
    """
    if request.form.get("agreed") == "yes":
        return None
    sent = [(name, value) for name, values in request.form.lists() for value in values if name not in NOT_FIELDS]
    page = show(
        "parts/ask.html", title=title, consequences=consequences, verb=verb, back_url=back_url, tone=tone, sent=sent
    )
    return Response(page, 200)


def _key() -> str:
    given = request.form.get("form_key", "")
    return given if KEY.fullmatch(given) else form_key()


def _fingerprint(files_sha256: bytes) -> bytes:
    """What makes two sendings the same: the address, every field but the tokens, and the files."""
    fields = [(name, values) for name, values in request.form.lists() if name not in NOT_FIELDS]
    return hashlib.sha256(json.dumps([request.path, fields, files_sha256.hex()]).encode()).digest()


def _undo(refused: Refused) -> idempotency.Answer:
    # For a page a refusal is the beginning of a conversation: it is not kept, and all of it is undone.
    raise refused
