"""Shapes as Vendure's Admin API answers and as the shop's emitter posts.

Money is a whole number of the currency's smallest unit, whose size the shop's money strategy
decides: two decimals by default, even for yen. Source: recorded answers of Vendure 3.7.3
(tests/plugins/vendure/payloads).
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.alias_generators import to_camel

from renkei_contracts.toolkit import wire

Id = Annotated[str, Field(strict=True, min_length=1, max_length=100)]
Money = Annotated[int, Field(strict=True, ge=0, lt=10**18)]
SignedMoney = Annotated[int, Field(strict=True, gt=-(10**18), lt=10**18)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Wire(wire.Wire):
    """camelCase outside, snake_case inside."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class Variant(Wire):
    """The goods of a line."""

    sku: str = ""
    name: str = ""


class Line(Wire):
    """A line; ``quantity`` is what is left of it, and its price is that of what is left.

    A line that was added by a modification keeps an ``order_placed_quantity`` of 0. The prorated
    unit price of a line of which nothing is left no longer holds its discounts.
    """

    id: Id
    quantity: Count
    order_placed_quantity: Count
    tax_rate: Decimal
    prorated_unit_price_with_tax: Money
    prorated_line_price_with_tax: Money
    product_variant: Variant


class Surcharge(Wire):
    """An amount beside the lines: a fee, or a reduction where it is negative."""

    price_with_tax: SignedMoney


class RefundLine(Wire):
    """Pieces for which money went back; they stay on the order unless they are cancelled, too."""

    order_line_id: Id
    quantity: Count


class Refund(Wire):
    """Money given back; only the older way of refunding fills ``lines`` and ``shipping``."""

    total: Money
    shipping: SignedMoney = 0
    state: str
    created_at: AwareDatetime
    lines: tuple[RefundLine, ...] = ()


class Payment(Wire):
    """A payment; its amount stays when money goes back."""

    amount: Money
    state: str
    created_at: AwareDatetime
    refunds: tuple[Refund, ...] = ()


class Dated(Wire):
    """Something of which only the moment of making concerns us."""

    created_at: AwareDatetime


class User(Wire):
    """The login of a registered customer."""

    verified: bool
    updated_at: AwareDatetime


class Login(Wire):
    """That a customer has a login, in an order."""

    verified: bool


class Buyer(Wire):
    """The customer of an order; guests have one, too, but no login."""

    id: Id
    email_address: str = ""
    user: Login | None


class Order(Wire):
    """An order with everything that decides its state and amounts.

    ``updated_at`` is not here on purpose: state transitions write an older value back.
    """

    id: Id
    code: str
    type: str
    state: str
    currency_code: str
    order_placed_at: AwareDatetime | None
    sub_total_with_tax: SignedMoney
    shipping_with_tax: Money
    total_with_tax: SignedMoney
    customer: Buyer | None
    lines: tuple[Line, ...]
    surcharges: tuple[Surcharge, ...]
    payments: tuple[Payment, ...] | None
    fulfillments: tuple[Dated, ...] | None = None
    modifications: tuple[Dated, ...] | None = None


class Customer(Wire):
    """A customer; a guest has no user."""

    id: Id
    email_address: str = ""
    first_name: str = ""
    last_name: str = ""
    phone_number: str | None = None
    updated_at: AwareDatetime
    user: User | None


class PointsHolder(Wire):
    """A customer with the one custom field that was asked for."""

    custom_fields: dict[str, Annotated[int, Field(strict=True)] | None]


class ServerConfig(Wire):
    """What the server was started with."""

    money_strategy_precision: Annotated[int, Field(strict=True, ge=0, le=6)]


class GlobalSettings(Wire):
    """The shop's settings, of which we read the server's part."""

    server_config: ServerConfig


class Rows(Wire):
    """A page of a list, each row still to be read."""

    items: tuple[dict[str, Any], ...]


class ListPage(Rows):
    """A page of a list; ``total_items`` counts all rows of the list, this page's and the others."""

    total_items: Count


class OrderPlace(Wire):
    """Where an order stands in the list of orders."""

    id: Id
    at: AwareDatetime = Field(alias="orderPlacedAt")


class CustomerPlace(Wire):
    """Where a customer stands in the list of customers."""

    id: Id
    at: AwareDatetime = Field(alias="createdAt")


class Event(Wire):
    """A delivery's body: what happened to which order or customer."""

    event: str
    created_at: AwareDatetime
    type: str
    id: Id
    before: str | None = Field(default=None, alias="from")
    to: str | None = None
    change: str | None = None


class Extensions(Wire):
    """The machine-readable part of an error."""

    code: str | None = None


class Error(Wire):
    """An error of the GraphQL layer, which comes with status 200."""

    extensions: Extensions | None = None


class Answer(Wire):
    """The envelope of every answer."""

    data: dict[str, Any] | None = None
    errors: tuple[Error, ...] = ()


class Result(Wire):
    """What came of a mutation: the thing itself, or an error that is a result like any other."""

    typename: str = Field(alias="__typename")


class Rate(Wire):
    """A tax rate in percent."""

    value: Decimal


class Goods(Wire):
    """What can be bought, on a stage."""

    sku: str
    name: str
    price_with_tax: Money
    tax_rate_applied: Rate
