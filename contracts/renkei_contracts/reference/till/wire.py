"""Shapes as the vendor sends them. Times carry their zone, yen and points are whole numbers."""

from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from renkei_contracts.errors import PayloadInvalid

T = TypeVar("T", bound=BaseModel)


def _text(value: object) -> object:
    # pydantic would take a number for seconds since 1970.
    if not isinstance(value, str):
        raise ValueError("not a date and time")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text)]
Day = Annotated[date, BeforeValidator(_text)]
Whole = Annotated[int, Field(strict=True)]


class Wire(BaseModel):
    """Ignores what we do not read; never repeats its input in an error."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Line(Wire):
    """A line with tax in its amount; ``returned*`` is the part of it given back so far."""

    number: Whole
    sku: str
    title: str
    quantity: Whole
    amount: Whole
    tax_percent: Whole
    returned: Whole
    returned_amount: Whole


class Payment(Wire):
    """A means of payment and its yen; points are none."""

    kind: str
    amount: Whole


class Sale(Wire):
    """A sale. ``points_used`` are worth a yen each; ``hold`` is the hub's hold that it claims."""

    id: str
    store: str
    register_no: str
    business_date: Day
    settlement: Whole
    receipt: str
    sold_at: Moment
    updated_at: Moment
    status: str
    member: str | None
    card: str | None
    points_used: Whole
    hold: str | None
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]


class Member(Wire):
    """A member's record; ``card`` is what the register scans."""

    id: str
    card: str
    family_name: str
    given_name: str
    email: str | None
    status: str
    merged_into: str | None
    points: Whole
    updated_at: Moment


class Points(Wire):
    """What a member has after a change."""

    points: Whole


class Page(Wire):
    """Some rows, each still to be parsed, so that a bad one spoils no other."""

    rows: tuple[dict[str, Any], ...]
    next: str | None


class Shop(Wire):
    """The shop's settings: points granted by the register itself for 100 yen."""

    points_per_100_yen: Whole


class Hint(Wire):
    """The body of a webhook: what to read again."""

    event: str
    id: str | None = None


def parse(model: type[T], payload: Any, what: str) -> T:
    """The payload as the model; raises PayloadInvalid that names the fields, never their values."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        problem = problem_of(what, error)
    # Raised outside: pydantic's error holds the payload, personal data included.
    raise problem


def problem_of(what: str, error: ValidationError) -> PayloadInvalid:
    """Names the field only."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    return PayloadInvalid(f"{what}: {where} is not understood ({first['type']})")
