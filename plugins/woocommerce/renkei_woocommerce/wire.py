"""Shapes as WooCommerce sends them. What decides state, amounts or people has no default."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from renkei_contracts.toolkit.wire import Whole, Wire

MONEY = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,8})?")
GMT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")

TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)
"""What the hub wants to hear of. Refunds have no topic: they update their order."""


def _money(value: object) -> Decimal:
    if not isinstance(value, str) or not MONEY.fullmatch(value):
        raise ValueError("not an amount")
    return Decimal(value)


def _gmt(value: object) -> datetime:
    if not isinstance(value, str) or not GMT.fullmatch(value):
        raise ValueError("not a time without zone")
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _percent(value: object) -> Decimal | None:
    if value is None:
        return None
    # A whole rate is sent as a number or, with fractions, as a float: 10, 7.8.
    if isinstance(value, bool) or not PERCENT.fullmatch(str(value)):
        raise ValueError("not a percentage")
    return Decimal(str(value))


Money = Annotated[Decimal, BeforeValidator(_money)]
"""An amount, sent as text."""

Gmt = Annotated[datetime, BeforeValidator(_gmt)]
"""A moment, sent in UTC without saying so: the fields that end in ``_gmt``."""

Id = Annotated[int, Field(strict=True, gt=0, lt=2**63)]


class Place(Wire):
    """Where a row stands in a list by when it changed."""

    id: Id
    date_modified_gmt: Gmt


class LineTax(Wire):
    """The tax of a line at one rate; an empty total says that this rate does not apply."""

    id: Whole
    total: str


class Line(Wire):
    """One product, for all pieces, without tax: ``subtotal`` before coupons, ``total`` after."""

    id: Id
    name: str
    sku: str | None
    quantity: Whole
    subtotal: Money
    subtotal_tax: Money
    total: Money
    total_tax: Money
    taxes: tuple[LineTax, ...]


class TaxLine(Wire):
    """A rate that an order uses."""

    rate_id: Whole
    compound: Annotated[bool, Field(strict=True)]
    rate_percent: Annotated[Decimal | None, BeforeValidator(_percent)]


class Fee(Wire):
    """Something added to an order that is no product, or taken off."""

    total: Money
    total_tax: Money


class CouponLine(Wire):
    """A coupon that an order uses; the code is in small letters."""

    code: str
    discount: Money
    discount_tax: Money


class RefundTotal(Wire):
    """A refund as its order tells it: ``total`` is below zero."""

    id: Id
    total: Money


class Contact(Wire):
    """Where the bill goes."""

    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    phone: str | None = None


class Order(Wire):
    """An order; ``customer_id`` 0 is a guest, ``total`` includes tax and is as sold."""

    id: Id
    number: str
    status: str
    currency: str
    prices_include_tax: Annotated[bool, Field(strict=True)]
    date_created_gmt: Gmt
    date_modified_gmt: Gmt
    date_paid_gmt: Gmt | None
    shipping_total: Money
    shipping_tax: Money
    total: Money
    customer_id: Annotated[int, Field(strict=True, ge=0, lt=2**63)]
    billing: Contact
    line_items: tuple[Line, ...]
    tax_lines: tuple[TaxLine, ...]
    fee_lines: tuple[Fee, ...]
    coupon_lines: tuple[CouponLine, ...]
    refunds: tuple[RefundTotal, ...]


class Standing(Wire):
    """As much of an order as says whether it is one yet."""

    status: str


class Meta(Wire):
    """A value that a plugin keeps with something."""

    key: str
    value: Any


class RefundLine(Wire):
    """What was given back of a line: all numbers are below zero, or 0."""

    quantity: Whole
    total: Money
    total_tax: Money
    meta_data: tuple[Meta, ...]


class Refund(Wire):
    """A refund; without lines it says for nothing in particular."""

    id: Id
    amount: Money
    line_items: tuple[RefundLine, ...]


class Customer(Wire):
    """A customer; one that never changed has no ``date_modified_gmt``."""

    id: Id
    email: str
    first_name: str
    last_name: str
    date_created_gmt: Gmt
    date_modified_gmt: Gmt | None
    billing: Contact
    meta_data: tuple[Meta, ...]


class Deleted(Wire):
    """What is left of something that was deleted: nothing but its id.

    The topic is not signed: a body that says more was signed for another one.
    """

    model_config = ConfigDict(extra="forbid")

    id: Id


class Status(Wire):
    """The HTTP status of a refusal."""

    status: Whole


class Refusal(Wire):
    """What a delivery holds where its order or customer could not be read any more."""

    code: str
    data: Status


class Product(Wire):
    """A product, or one variation of it; the quantity is null where stock is not managed."""

    id: Id
    parent_id: Annotated[int, Field(strict=True, ge=0, lt=2**63)]
    type: str
    sku: str
    manage_stock: bool | str
    stock_quantity: Whole | None
    date_modified_gmt: Gmt


class Listed(Wire):
    """A product or a variation as a list of goods has it, with its GTIN (WooCommerce 9.2 on)."""

    id: Id
    type: str
    name: str
    sku: str
    global_unique_id: str


class Coupon(Wire):
    """A coupon."""

    id: Id
    code: str


class Currency(Wire):
    """What the shop sells in."""

    code: str


class Webhook(Wire):
    """A subscription: active, paused by a person, or disabled after failures."""

    id: Id
    status: str
    topic: str
    delivery_url: str
