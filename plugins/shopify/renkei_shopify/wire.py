"""Shapes as Shopify's webhooks send them (REST style), every field optional.

A merchant's subscription may trim any field (``includeFields``), so that what is missing is
told apart from what is null by ``model_fields_set``.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, StrictBool

from renkei_contracts.toolkit.wire import Wire


def _told(value: object) -> object:
    # pydantic would take a number for seconds since 1970.
    if isinstance(value, int | float | Decimal):
        raise ValueError("not a moment")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("not a number")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_told)]

Amount = Annotated[Decimal, BeforeValidator(_number)]
"""Money or a rate: a decimal text, or a JSON number."""
Count = Annotated[int, Field(strict=True, ge=0)]
Id = Annotated[int, Field(strict=True, gt=0, lt=2**64)]


class TaxLine(Wire):
    """One tax on a line; ``rate`` is a proportion (0.1), sent as a JSON number."""

    title: str | None = None
    rate: Amount | None = None


class DiscountAllocation(Wire):
    """This line's part of one discount, removed and refunded pieces included.

    ``code_of_ours`` is the hold or coupon it comes from; no webhook says that.
    """

    amount: Amount | None = None
    code_of_ours: str = ""


class LineItem(Wire):
    """A line; ``quantity`` is as ordered, ``current_quantity`` without refunded and removed."""

    id: Id | None = None
    sku: str | None = None
    title: str | None = None
    quantity: Count | None = None
    current_quantity: Count | None = None
    price: Amount | None = None
    gift_card: StrictBool = False
    discount_allocations: tuple[DiscountAllocation, ...] | None = None
    tax_lines: tuple[TaxLine, ...] | None = None


class RefundLine(Wire):
    """Pieces of a line refunded; the two amounts come as JSON numbers, unlike all other money."""

    line_item_id: Id | None = None
    quantity: Count | None = None
    subtotal: Amount | None = None
    total_tax: Amount | None = None


class Transaction(Wire):
    """Money that moved, or was to."""

    kind: str | None = None
    status: str | None = None
    amount: Amount | None = None


class RefundShippingLine(Wire):
    """Shipping that was given back; read by GraphQL only."""

    subtotal: Amount | None = None
    total_tax: Amount | None = None


class Refund(Wire):
    """One refund of an order: pieces, shipping, and the money that went."""

    refund_line_items: tuple[RefundLine, ...] | None = None
    refund_shipping_lines: tuple[RefundShippingLine, ...] | None = None
    transactions: tuple[Transaction, ...] | None = None


class Customer(Wire):
    """A customer; in an order only a part of it."""

    id: Id | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    verified_email: StrictBool | None = None
    updated_at: Moment | None = None


class ShippingLine(Wire):
    """One way of shipping and its price."""

    price: Amount | None = None


class ShopMoney(Wire):
    """An amount in the shop's own currency."""

    amount: Amount | None = None


class MoneySet(Wire):
    """An amount in the shop's currency and the buyer's; only the shop's is read."""

    shop_money: ShopMoney | None = None


class DiscountCode(Wire):
    """A code that the shopper gave."""

    code: str | None = None


class Attribute(Wire):
    """A property of the cart."""

    name: str | None = None
    value: str | None = None


class Order(Wire):
    """An order as a webhook tells it.

    ``source_name`` is where it comes from: a web shop, Shopify POS, another vendor's register that
    calls it ``source_identifier``.
    """

    id: Id | None = None
    name: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    processed_at: Moment | None = None
    cancelled_at: Moment | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    currency: str | None = None
    taxes_included: StrictBool | None = None
    subtotal_price: Amount | None = None
    test: StrictBool | None = None
    email: str | None = None
    phone: str | None = None
    location_id: Id | None = None
    source_name: str | None = None
    source_identifier: str | None = None
    customer: Customer | None = None
    discount_codes: tuple[DiscountCode, ...] | None = None
    note_attributes: tuple[Attribute, ...] | None = None
    line_items: tuple[LineItem, ...] | None = None
    refunds: tuple[Refund, ...] | None = None
    shipping_lines: tuple[ShippingLine, ...] | None = None
    total_shipping_price_set: MoneySet | None = None


class OrderEdit(Wire):
    """What changed in an edit; it names its order and is not one."""

    order_id: Id | None = None


class Named(Wire):
    """Somebody by id."""

    id: Id | None = None


class Hint(Wire):
    """Bodies that only point at something: refunds, edits, deletions, merges, erasures."""

    id: Id | None = None
    order_id: Id | None = None
    order_edit: OrderEdit | None = None
    customer: Named | None = None
    status: str | None = None
    admin_graphql_api_customer_kept_id: str | None = None
    admin_graphql_api_customer_deleted_id: str | None = None
