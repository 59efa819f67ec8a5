"""Fields of requests: marshmallow fields over `magflow.domain.border`, which holds every conversion.

A request is described by a `Body` or a `Query`; what is not described is refused by name:

    class AdjustIn(Body):
        delta = Integer(least=-1_000_000, most=1_000_000)
        set = Quantity(least=0)
        reason = Text(required=True, most=200)

The same fields write the OpenAPI page: their limits are its `minimum`, `maxLength` and `pattern`. They say of text
what can be said there; trimming and composing accents is done to what is taken.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from marshmallow import RAISE, Schema, ValidationError, fields

from magflow.domain import border
from magflow.domain.border import INT32_MAX, INT64_MAX, LONG, MONEY_MAX, SHORT, Unfit
from magflow.domain.errors import FieldError, Invalid

Messages = dict[str, str | list[Any] | dict[Any, Any]]
MESSAGES: Final[Messages] = {"required": "required", "null": "null", "validator_failed": "invalid"}


class Complaint(str):
    """A marshmallow message that kept its code and its figures."""

    __slots__ = ("params",)
    params: dict[str, Any]

    def __new__(cls, code: str, params: Mapping[str, Any] | None = None) -> "Complaint":
        complaint = super().__new__(cls, code)
        complaint.params = dict(params or {})
        return complaint


class _Taken(Schema):
    """What all descriptions of requests share: unknown fields are refused, messages are codes."""

    as_text: ClassVar[bool] = False
    """Values come as text: an address, a form."""

    class Meta:
        unknown = RAISE

    error_messages: dict[str, str] = {"unknown": "unknown_field", "type": "not_an_object"}  # noqa: RUF012 - as above


class Body(_Taken):
    """The JSON body of a request."""


class Query(_Taken):
    """What stands behind the question mark, or in a form: text throughout."""

    as_text = True


def load(schema: Schema, data: object) -> dict[str, Any]:
    """The values of a request, or Invalid with every field that is wrong."""
    try:
        loaded: dict[str, Any] = schema.load(data)  # type: ignore[arg-type]
    except ValidationError as error:
        raise Invalid(complaints(error.messages)) from error
    return loaded


def complaints(messages: object, path: str = "") -> list[FieldError]:
    """marshmallow's tree of messages as a list: `items[0].quantity`, code, figures."""
    if isinstance(messages, dict):
        found = []
        for name, below in messages.items():
            found += complaints(below, _inside(path, name))
        return found
    if isinstance(messages, list):
        return [error for message in messages for error in complaints(message, path)]
    params = messages.params if isinstance(messages, Complaint) else None
    return [FieldError(path or "body", str(messages), params)]


def _inside(path: str, name: object) -> str:
    if name == "_schema":
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    # What somebody sent may be called anything, and any length.
    return f"{path}.{name}"[:200] if path else str(name)[:200]


class BorderField(fields.Field[Any]):
    """A field whose conversion is a function of the border."""

    default_error_messages = MESSAGES

    def __init__(self, *, documented: Mapping[str, Any], **options: Any) -> None:
        super().__init__(metadata={**documented, **options.pop("metadata", {})}, **options)

    def convert(self, value: object, as_text: bool) -> Any:
        """The value, or Unfit."""
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        try:
            return self.convert(value, bool(getattr(self.root, "as_text", False)))
        except Unfit as unfit:
            raise ValidationError(Complaint(unfit.code, unfit.params)) from unfit


_CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
_BLANK: Final = r" \t\r\n\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_ONE_LINE: Final = rf"^[{_BLANK}]*([^{_BLANK}{_CONTROL}]([^{_CONTROL}]*[^{_BLANK}{_CONTROL}])?)[{_BLANK}]*$"
_ONE_LINE_OR_NONE: Final = rf"^[{_BLANK}]*([^{_BLANK}{_CONTROL}]([^{_CONTROL}]*[^{_BLANK}{_CONTROL}])?)?[{_BLANK}]*$"
_LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
"""What is taken, as the description says it: control characters nowhere, blanks around it do not count."""


class Text(BorderField):
    """Trimmed text in one line, of 1 to 255 characters unless told otherwise."""

    breaks = False

    def __init__(self, *, most: int = SHORT, least: int = 1, **options: Any) -> None:
        self.least, self.most = least, most
        pattern = _LINES if self.breaks else _ONE_LINE if least else _ONE_LINE_OR_NONE
        documented: dict[str, Any] = {"type": "string", "maxLength": most, "pattern": pattern}
        if least:
            documented["minLength"] = least
        super().__init__(documented=documented, **options)

    def convert(self, value: object, as_text: bool) -> str:
        if not as_text and isinstance(value, str) and len(value) > self.most:
            # A program means the blanks that it sends, and the description counts them.
            raise Unfit("too_long", limit=self.most)
        return border.text(value, most=self.most, least=self.least, breaks=self.breaks)


class LongText(Text):
    """Text with line breaks: a description, a note."""

    breaks = True

    def __init__(self, *, most: int = LONG, least: int = 0, **options: Any) -> None:
        super().__init__(most=most, least=least, **options)


class Currency(BorderField):
    """Three capital letters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["RON"]}, **options)

    def convert(self, value: object, as_text: bool) -> str:  # noqa: ARG002
        return border.currency(value)


class Email(BorderField):
    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "string", "format": "email", "maxLength": 254}, **options)

    def convert(self, value: object, as_text: bool) -> str:  # noqa: ARG002
        return border.email(value)


class Integer(BorderField):
    """A whole number; `3.0` is one, `"3"` and `true` are not."""

    def __init__(self, *, least: int = 0, most: int = INT32_MAX, **options: Any) -> None:
        self.least, self.most = least, most
        super().__init__(documented={"type": "integer", "minimum": least, "maximum": most}, **options)

    def convert(self, value: object, as_text: bool) -> int:
        return border.integer(value, least=self.least, most=self.most, as_text=as_text)


class Id(Integer):
    """The id of a row."""

    def __init__(self, **options: Any) -> None:
        super().__init__(least=1, most=INT64_MAX, **options)


class Quantity(Integer):
    """Units of something: 1 to 1,000,000,000 unless told otherwise."""

    def __init__(self, *, least: int = 1, most: int = 1_000_000_000, **options: Any) -> None:
        super().__init__(least=least, most=most, **options)


class Difference(BorderField):
    """An amount, a number of units, or per cent; below zero for a difference."""

    def __init__(self, **options: Any) -> None:
        documented = {
            "type": ["string", "number"],
            "pattern": r"^[+-]?[0-9]{1,10}(\.[0-9]{1,2})?$",
            "minimum": float(-MONEY_MAX),
            "maximum": float(MONEY_MAX),
            "multipleOf": 0.01,
        }
        super().__init__(documented=documented, **options)

    def convert(self, value: object, as_text: bool) -> Decimal:
        return border.decimal(value, least=-MONEY_MAX, sign="." if as_text else None)


class Money(BorderField):
    """An amount: a JSON number or a text such as "19.90"; never a float on the way."""

    def __init__(self, *, most: Decimal = MONEY_MAX, **options: Any) -> None:
        self.most = most
        documented = {
            "type": ["string", "number"],
            "pattern": r"^[0-9]{1,10}(\.[0-9]{1,2})?$",
            "minimum": 0,
            "maximum": float(most),
            "multipleOf": 0.01,
            "description": "An amount with at most two decimals",
        }
        super().__init__(documented=documented, **options)

    def convert(self, value: object, as_text: bool) -> Decimal:
        return border.decimal(value, most=self.most, sign="." if as_text else None)


class Percent(Money):
    """Per cent from 0 to 100."""

    def __init__(self, **options: Any) -> None:
        described = {
            "description": "Per cent, at most two decimals",
            "pattern": r"^(100(\.00?)?|[0-9]{1,2}(\.[0-9]{1,2})?)$",
        }
        super().__init__(most=Decimal(100), metadata={**described, **options.pop("metadata", {})}, **options)


class Boolean(BorderField):
    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "boolean"}, **options)

    def convert(self, value: object, as_text: bool) -> bool:
        return border.boolean(value, as_text=as_text)


class OneOf(BorderField):
    """One of a fixed list of words."""

    def __init__(self, choices: Collection[str], **options: Any) -> None:
        self.choices = tuple(choices)
        super().__init__(documented={"type": "string", "enum": list(self.choices)}, **options)

    def convert(self, value: object, as_text: bool) -> str:  # noqa: ARG002
        return border.one_of(value, self.choices)


_YEAR: Final = "(19[0-9]{2}|2[01][0-9]{2}|2200)-"
"""Years that a shop can mean, as in `magflow.domain.border`."""


class Day(BorderField):
    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "string", "format": "date", "pattern": f"^{_YEAR}"}, **options)

    def convert(self, value: object, as_text: bool) -> date:  # noqa: ARG002
        return border.day(value)


class Moment(BorderField):
    """A time in ISO 8601; taken as UTC when it names no zone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "string", "format": "date-time", "pattern": f"^{_YEAR}"}, **options)

    def convert(self, value: object, as_text: bool) -> datetime:  # noqa: ARG002
        return border.moment(value)


class Nested(fields.Nested):
    """An object inside the body, described by a `Body` of its own."""

    default_error_messages: Messages = {**MESSAGES, "type": "not_an_object"}  # noqa: RUF012 - never written to


class ListOf(fields.List[Any]):
    """A list of at most `most` things: `ListOf(Nested(LineIn), most=500)`."""

    default_error_messages: Messages = {**MESSAGES, "invalid": "not_a_list"}  # noqa: RUF012 - never written to

    def __init__(
        self, of: fields.Field[Any] | type[fields.Field[Any]], *, most: int = 1000, least: int = 0, **options: Any
    ) -> None:
        super().__init__(
            of,
            validate=_sized(least, most),
            metadata={"minItems": least, "maxItems": most, **options.pop("metadata", {})},
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        # Before the items are looked at: a million wrong ones would make a million messages.
        if isinstance(value, list) and len(value) > self.metadata["maxItems"]:
            raise ValidationError(Complaint("too_many", {"limit": self.metadata["maxItems"]}))
        taken: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        return taken


TYPED_ID: Final = "^ *[0-9]{0,18} *$"


class ChosenId(BorderField):
    """An id as forms send it: texts are trimmed, and empty ones and zeros are no choice."""

    def __init__(self, **options: Any) -> None:
        documented = {"type": ["integer", "string"], "minimum": 0, "maximum": INT64_MAX, "pattern": TYPED_ID}
        super().__init__(documented=documented, **options)

    def convert(self, value: object, as_text: bool) -> int:
        if isinstance(value, str) and re.fullmatch(TYPED_ID, value):
            return int(value.strip(" ") or 0)
        return border.integer(value, least=0, most=INT64_MAX, as_text=as_text)


class ChosenIds(ListOf):
    """Ids that somebody chose, without what is no choice (domain, section 3: clean the ids)."""

    def __init__(self, *, most: int, **options: Any) -> None:
        super().__init__(ChosenId(), most=most, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return [chosen for chosen in super()._deserialize(value, attr, data, **kwargs) if chosen]


def _sized(least: int, most: int) -> Callable[[list[Any]], None]:
    def check(value: list[Any]) -> None:
        if len(value) < least:
            raise ValidationError(Complaint("too_few", {"least": least}))
        if len(value) > most:
            raise ValidationError(Complaint("too_many", {"limit": most}))

    return check
