"""Shapes as EC-CUBE's Web API plugin answers, and as its webhooks tell.

Decimals come as JSON numbers, with or without a fraction (Types.php: decimal is Float). What
decides states, amounts or people has no default. Source: schema.graphql of eccube-api4 6ce2dab8.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from renkei_contracts.toolkit.wire import Moment, Wire

LARGEST_ID = 2**31 - 1
"""PostgreSQL holds the ids as an integer; asking for more is an error in the shop."""

MOST = Decimal(10) ** 12

DAY = re.compile(r"(\d{4}-\d{2}-\d{2})T.*")


def _number(value: object) -> object:
    # A text or true would be taken for a number too.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("not a number")
    return value


def _id(text: str) -> str:
    if int(text) > LARGEST_ID:
        raise ValueError("no id can be so large")
    return text


def _day(text: str) -> str:
    found = DAY.fullmatch(text)
    if found is None:
        raise ValueError("not a moment")
    date.fromisoformat(found[1])
    return found[1]


Id = Annotated[str, Field(strict=True, pattern=r"^[1-9][0-9]{0,9}$"), AfterValidator(_id)]
Amount = Annotated[Decimal, BeforeValidator(_number), Field(gt=-MOST, lt=MOST)]
BirthDay = Annotated[str, Field(strict=True), AfterValidator(_day)]
"""The day of a moment, as the shop writes it in its own zone."""


class Ref(Wire):
    """Anything of which only the id is of concern: a status, a type, a customer."""

    id: Id


class OrderItem(Wire):
    """A line of an order: goods, postage, a fee, a discount or points, as its type says.

    ``price`` holds tax where ``display`` says so; ``tax`` is that of one piece.
    """

    id: Id
    product_name: str
    product_code: str | None
    price: Amount
    quantity: Amount
    tax: Amount
    tax_rate: Amount
    tax_adjust: Amount
    type: Ref = Field(alias="OrderItemType")
    taxation: Ref | None = Field(alias="TaxType")
    display: Ref | None = Field(alias="TaxDisplayType")


class Order(Wire):
    """An order, or a checkout that is under way; a guest's has no customer."""

    id: Id
    order_no: str | None
    email: str | None
    phone_number: str | None
    subtotal: Amount
    discount: Amount
    delivery_fee_total: Amount
    charge: Amount
    total: Amount
    payment_total: Amount
    use_point: Amount
    currency_code: str | None
    create_date: Moment
    update_date: Moment
    order_date: Moment | None
    payment_date: Moment | None
    status: Ref = Field(alias="OrderStatus")
    customer: Ref | None = Field(alias="Customer")
    items: tuple[OrderItem, ...] = Field(alias="OrderItems")


class Customer(Wire):
    """A customer; one who left keeps an address nobody reads."""

    id: Id
    name01: str
    name02: str
    email: str
    phone_number: str | None
    birth: BirthDay | None
    point: Amount
    update_date: Moment
    status: Ref = Field(alias="Status")


class Stocked(Wire):
    """A variation of a product, or the product itself where it has none."""

    id: Id
    code: str | None
    stock: Amount | None
    stock_unlimited: bool = Field(strict=True)
    visible: bool = Field(strict=True)
    update_date: Moment


class Product(Wire):
    """A product with its variations."""

    id: Id
    name: str
    update_date: Moment
    classes: tuple[Stocked, ...] = Field(alias="ProductClasses")


class Listed(Wire):
    """A page of a list; its rows still to be parsed, so that one bad row spoils no other."""

    nodes: tuple[Any, ...]
    total: Annotated[int, Field(strict=True, ge=0)] = Field(alias="totalCount")


class ShownBalance(Wire):
    """What our companion answers to a write; ``applied``: false where a newer one was there."""

    customer_id: Id
    points: Annotated[int, Field(strict=True)]
    applied: bool = Field(strict=True)


class Category(Wire):
    """Of what kind an error is: see GraphQL/Error of the Web API plugin."""

    category: str | None = None


class Error(Wire):
    """An error of GraphQL; errors come with status 200."""

    message: str = ""
    extensions: Category | None = None


class Answer(Wire):
    """The answer to a document."""

    data: dict[str, Any] | None = None
    errors: tuple[Error, ...] = ()


class Told(Wire):
    """One thing that changed, as a webhook tells it; what kind of thing decides what its id is."""

    entity: str
    action: str


class Named(Wire):
    """An order or a customer, as a webhook names it."""

    id: Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]


class NewestOrder(Wire):
    """The order that changed last, as the connection check looks at it."""

    id: Id
    currency_code: str | None
    add_point: Amount
    use_point: Amount
    customer: Ref | None = Field(alias="Customer")


class NewestOrders(Wire):
    """At most one."""

    nodes: tuple[NewestOrder, ...]


class FieldName(Wire):
    """A mutation of the shop's schema."""

    name: str


class Fields(Wire):
    """The mutations that the shop's Web API has."""

    fields: tuple[FieldName, ...]


class Check(Wire):
    """What the connection check asks."""

    mutations: Fields = Field(alias="__type")
    orders: NewestOrders


class PointRules(Wire):
    """How EC-CUBE handles points by itself (基本設定), as our companion tells it."""

    option_point: bool = Field(strict=True)
    basic_point_rate: Amount
    point_conversion_rate: Amount
