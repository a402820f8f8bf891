"""Shapes as Square sends them; whatever is unset is left out."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from renkei_contracts.toolkit.wire import Moment, Whole, Wire


def nothing(value: object) -> object:
    """A list that is null is one without rows."""
    return () if value is None else value


Rows = Annotated[tuple[dict[str, Any], ...], BeforeValidator(nothing)]
"""A list whose rows are still to be parsed, so that one bad row spoils no other."""


class Money(Wire):
    """An amount in the smallest unit of its currency: of JPY, yen."""

    amount: Whole
    currency: str


class Applied(Wire):
    """The share of a tax or discount that a line bears."""

    tax_uid: str | None = None
    discount_uid: str | None = None
    applied_money: Money | None = None


Shares = Annotated[tuple[Applied, ...], BeforeValidator(nothing)]


class Line(Wire):
    """A line of a sale. ``total_money``: with tax, after every discount."""

    uid: str
    name: str | None = None
    variation_name: str | None = None
    catalog_object_id: str | None = None
    quantity: str
    quantity_unit: dict[str, Any] | None = None
    item_type: str | None = None
    applied_taxes: Shares = ()
    applied_discounts: Shares = ()
    total_tax_money: Money | None = None
    total_discount_money: Money | None = None
    total_service_charge_money: Money | None = None
    total_money: Money


class Tax(Wire):
    """A tax of a sale; ``percentage`` is a decimal text."""

    uid: str
    type: str
    percentage: str


class Discount(Wire):
    """A discount of a sale; with ``reward_ids`` it is what a loyalty reward gives."""

    uid: str
    name: str | None = None
    type: str | None = None
    applied_money: Money | None = None
    reward_ids: Annotated[tuple[str, ...], BeforeValidator(nothing)] = ()


class ServiceCharge(Wire):
    """A service charge of a sale, with its tax."""

    total_money: Money | None = None


class ReturnDiscount(Wire):
    """Which discount of the sale is given back with the goods."""

    uid: str
    source_discount_uid: str | None = None


class ReturnLine(Wire):
    """Pieces of a line of the sale that came back, and what they cost."""

    source_line_item_uid: str | None = None
    quantity: str
    applied_discounts: Shares = ()
    total_tax_money: Money | None = None
    total_money: Money


class Return(Wire):
    """What one order gives back of one sale."""

    source_order_id: str | None = None
    return_line_items: Annotated[tuple[ReturnLine, ...], BeforeValidator(nothing)] = ()
    return_discounts: Annotated[tuple[ReturnDiscount, ...], BeforeValidator(nothing)] = ()


class Tender(Wire):
    """A means of payment of a sale.

    ``payment_id`` is there for payments of the Payments API only; ``id`` is that of the payment
    always (both by Square's OpenAPI document).
    """

    id: str | None = None
    payment_id: str | None = None
    customer_id: str | None = None


class Reward(Wire):
    """A reward that a sale uses; its points come with the reward itself."""

    id: str


class Order(Wire):
    """A sale, or the return of goods of another one."""

    id: str
    location_id: str
    state: str
    created_at: Moment
    updated_at: Moment
    customer_id: str | None = None
    line_items: Annotated[tuple[Line, ...], BeforeValidator(nothing)] = ()
    taxes: Annotated[tuple[Tax, ...], BeforeValidator(nothing)] = ()
    discounts: Annotated[tuple[Discount, ...], BeforeValidator(nothing)] = ()
    service_charges: Annotated[tuple[ServiceCharge, ...], BeforeValidator(nothing)] = ()
    returns: Annotated[tuple[Return, ...], BeforeValidator(nothing)] = ()
    rewards: Annotated[tuple[Reward, ...], BeforeValidator(nothing)] = ()
    tenders: Annotated[tuple[Tender, ...], BeforeValidator(nothing)] = ()
    total_money: Money | None = None
    total_tip_money: Money | None = None


class Payment(Wire):
    """A payment; ``refund_ids`` are all of its refunds, whatever became of them."""

    id: str
    status: str | None = None
    location_id: str | None = None
    order_id: str | None = None
    customer_id: str | None = None
    refund_ids: Annotated[tuple[str, ...], BeforeValidator(nothing)] = ()
    refunded_money: Money | None = None


class Refund(Wire):
    """A refund of a payment; ``order_id`` names the order that the goods came back by."""

    id: str
    status: str
    amount_money: Money
    order_id: str | None = None
    payment_id: str | None = None
    updated_at: Moment


class LoyaltyReward(Wire):
    """A reward with the points it took."""

    id: str
    points: Whole


class Customer(Wire):
    """A profile in the customer directory."""

    id: str
    updated_at: Moment
    given_name: str | None = None
    family_name: str | None = None
    email_address: str | None = None
    phone_number: str | None = None
    birthday: str | None = None
    reference_id: str | None = None


class Account(Wire):
    """A loyalty account. ``balance`` may be below zero."""

    id: str
    customer_id: str | None = None
    balance: Whole


class OneOrder(Wire):
    """The answer that holds an order."""

    order: dict[str, Any]


class SomeOrders(Wire):
    """A page of orders."""

    orders: Rows = ()
    cursor: str | None = None


class OnePayment(Wire):
    """The answer that holds a payment."""

    payment: Payment


class OneRefund(Wire):
    """The answer that holds a refund."""

    refund: Refund


class OneReward(Wire):
    """The answer that holds a reward."""

    reward: LoyaltyReward


class SomeRewards(Wire):
    """Rewards that were found."""

    rewards: Annotated[tuple[LoyaltyReward, ...], BeforeValidator(nothing)] = ()
    cursor: str | None = None


class OneCustomer(Wire):
    """The answer that holds a customer."""

    customer: Customer


class SomeCustomers(Wire):
    """A page of customers."""

    customers: Rows = ()
    cursor: str | None = None


class OneAccount(Wire):
    """The answer that holds a loyalty account."""

    loyalty_account: Account


class SomeAccounts(Wire):
    """Loyalty accounts that were found."""

    loyalty_accounts: Annotated[tuple[Account, ...], BeforeValidator(nothing)] = ()


class Event(Wire):
    """What a change of points is written down as."""

    id: str


class OneEvent(Wire):
    """The answer that holds a loyalty event."""

    event: Event


class Granted(Wire):
    """The answer to the refresh grant."""

    access_token: str = Field(repr=False)
    expires_at: Moment
    refresh_token: str | None = Field(default=None, repr=False)
