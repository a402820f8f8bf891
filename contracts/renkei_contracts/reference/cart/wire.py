"""Shapes as the cart sends them. What decides state, amounts or people has no default."""

from typing import Annotated, Any, Literal

from pydantic import Field

from renkei_contracts.toolkit.wire import Moment, Wire

Count = Annotated[int, Field(strict=True, ge=0)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class Line(Wire):
    """One product of an order; amounts are yen with tax, for all pieces together."""

    id: Id
    sku: str
    jan: str = ""
    title: str = ""
    quantity: Count
    amount: Count
    tax_percent: Literal[0, 8, 10]
    returned_quantity: Count
    returned_amount: Count


class UsedCoupon(Wire):
    """The coupon that an order used, and the yen that it took off."""

    code: str
    yen: Count


class Order(Wire):
    """An order; ``total`` is its lines and the shipping, as sold, less what a coupon took off.

    A guest has no customer.
    """

    id: Id
    number: str
    state: str
    currency: str
    test: bool
    placed_at: Moment
    updated_at: Moment
    customer_id: Id | None
    email: str | None
    lines: tuple[Line, ...]
    shipping: Count
    coupon: UsedCoupon | None
    total: Count


class Customer(Wire):
    """A customer; ``email_verified`` means that the shop had an answer from that address."""

    id: Id
    state: str
    merged_into: Id | None
    email: str | None
    email_verified: bool
    phone: str | None
    family_name: str = ""
    given_name: str = ""
    points: Count
    updated_at: Moment


class Points(Wire):
    """What the customer's account page shows."""

    points: Count


class Level(Wire):
    """Pieces of a product at a location, as counted at ``at``."""

    sku: str
    location: str
    quantity: Count
    at: Moment


class Levels(Wire):
    """Some levels."""

    levels: tuple[Level, ...]


class Product(Wire):
    """A product; ``jan`` is empty where it has none."""

    id: Id
    sku: str
    jan: str
    title: str


class Occasion(Wire):
    """Something in the shop's calendar."""

    name: str
    area: str
    value: bool
    source: str


class Calendar(Wire):
    """The occasions of a day."""

    occasions: tuple[Occasion, ...]


class Shop(Wire):
    """How the shop is set up."""

    currency: str
    own_points: bool
    webhook_url: str | None


class Rows(Wire):
    """A page of a list, its rows still to be parsed, so that one bad row spoils no other."""

    rows: tuple[dict[str, Any], ...]
    next: str | None


class Event(Wire):
    """The body of a delivery; what ``data`` is depends on the topic."""

    topic: str
    at: Moment
    data: dict[str, Any]


class Left(Wire):
    """A customer who withdrew or was deleted."""

    customer_id: Id


class Merged(Wire):
    """Two customers who became one."""

    kept: Id
    gone: Id


class Shown(Wire):
    """A balance that a person changed at the vendor."""

    customer_id: Id
    points: Count
