"""Shapes as the vendor sends them; ``wire.schema.json`` is its schema."""

from typing import Any

from renkei_contracts.toolkit.wire import Day, Moment, Whole, Wire


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
