"""Shapes as the Admin GraphQL API answers our documents (documents.py), every field required."""

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from renkei_contracts.toolkit.wire import Moment, Wire
from renkei_shopify.wire import Amount

T = TypeVar("T")

Count = Annotated[int, Field(strict=True, ge=0)]


def _digits(value: object) -> object:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not a number, nor a text of digits")


LegacyId = Annotated[int, BeforeValidator(_digits), Field(gt=0, lt=2**64)]
"""A REST id, sent as a string of digits; a number is as good."""


class Node(Wire):
    """camelCase outside, snake_case inside."""

    model_config = ConfigDict(alias_generator=to_camel)


class PageInfo(Node):
    """Whether and where a connection goes on."""

    has_next_page: StrictBool
    end_cursor: str | None


class Slice(Node, Generic[T]):
    """One page of a connection."""

    page_info: PageInfo
    nodes: tuple[T, ...]


class Ref(Node):
    """Something by its global id."""

    id: str


class Legacy(Node):
    """Something by its REST id, a string of digits."""

    legacy_resource_id: LegacyId


class Money(Node):
    """An amount in one currency."""

    amount: Amount


class MoneyBag(Node):
    """An amount in the shop's currency."""

    shop_money: Money


class TaxLine(Node):
    """One tax on a line; ``rate`` is a proportion."""

    title: str
    rate: Amount | None


class DiscountApplication(Node):
    """What a discount comes from: a code, or a title that somebody gave it, or else."""

    code: str | None = None
    title: str | None = None


class DiscountAllocation(Node):
    """This line's part of one discount."""

    allocated_amount_set: MoneyBag
    discount_application: DiscountApplication


class LineItem(Node):
    """One line of an order."""

    id: str
    title: str
    sku: str | None
    quantity: Count
    current_quantity: Count
    is_gift_card: StrictBool
    original_unit_price_set: MoneyBag
    discount_allocations: tuple[DiscountAllocation, ...]
    tax_lines: tuple[TaxLine, ...]


class RefundLine(Node):
    """Pieces of a line refunded."""

    line_item: Ref
    quantity: Count
    subtotal_set: MoneyBag
    total_tax_set: MoneyBag


class Attribute(Node):
    """A property of the cart."""

    key: str
    value: str | None


class Order(Node):
    """An order's head with its first lines and the names of its refunds."""

    legacy_resource_id: LegacyId
    name: str
    created_at: Moment
    processed_at: Moment
    updated_at: Moment
    cancelled_at: Moment | None
    display_financial_status: str | None
    display_fulfillment_status: str
    currency_code: str
    taxes_included: StrictBool
    test: StrictBool
    email: str | None
    phone: str | None
    retail_location: Legacy | None
    source_name: str | None
    source_identifier: str | None
    customer: Legacy | None
    custom_attributes: tuple[Attribute, ...]
    total_shipping_price_set: MoneyBag
    line_items: Slice[LineItem]
    refunds: tuple[Ref, ...]


class EmailAddress(Node):
    """A customer's address for mail."""

    email_address: str


class PhoneNumber(Node):
    """A customer's telephone number."""

    phone_number: str


class Customer(Node):
    """A customer as we ask for one."""

    legacy_resource_id: LegacyId
    first_name: str | None
    last_name: str | None
    updated_at: Moment
    verified_email: StrictBool
    default_email_address: EmailAddress | None
    default_phone_number: PhoneNumber | None


class MoreLines(Node):
    """Further lines of an order."""

    line_items: Slice[LineItem]


class RefundShippingLine(Node):
    """Shipping that was given back."""

    subtotal_amount_set: MoneyBag
    tax_amount_set: MoneyBag


class RefundDuty(Node):
    """Customs duty that was given back."""

    amount_set: MoneyBag


class Transaction(Node):
    """Money that moved, or was to."""

    kind: str
    status: str
    amount_set: MoneyBag


class Refund(Node):
    """A refund with its first lines."""

    refund_line_items: Slice[RefundLine]
    refund_shipping_lines: Slice[RefundShippingLine]
    duties: tuple[RefundDuty, ...] | None
    transactions: Slice[Transaction]


class Metafield(Node):
    """A metafield's value, always a string."""

    value: str


class PointsHolder(Node):
    """A customer with the points metafield, where it was ever written."""

    metafield: Metafield | None


class UserError(Node):
    """Why a mutation was refused."""

    field: tuple[str, ...] | None
    message: str
    code: str | None


class MetafieldsSet(Node):
    """What became of writing metafields."""

    metafields: tuple[Metafield, ...] | None
    user_errors: tuple[UserError, ...]


class Shop(Node):
    """What we check of the store."""

    currency_code: str
    myshopify_domain: str


class Scope(Node):
    """A granted access scope."""

    handle: str


class Installation(Node):
    """Our app in this store."""

    access_scopes: tuple[Scope, ...]


class Subscription(Node):
    """A webhook subscription made through the API."""

    topic: str
    uri: str


class Subscriptions(Node):
    """The store's subscriptions of our app."""

    nodes: tuple[Subscription, ...]


class PlainError(Node):
    """Why a mutation was refused, where no code says it."""

    message: str


class Subscribed(Node):
    """What became of subscribing."""

    user_errors: tuple[PlainError, ...]


class ConnectionCheck(Node):
    """Everything the connection check asks for."""

    shop: Shop
    current_app_installation: Installation
    webhook_subscriptions: Subscriptions


class ThrottleStatus(Node):
    """The leaky bucket of query cost, in points and points a second."""

    maximum_available: Decimal | None = None
    currently_available: Decimal | None = None
    restore_rate: Decimal | None = None

    @property
    def is_complete(self) -> bool:
        """Whether one can count with it."""
        figures = (self.maximum_available, self.currently_available, self.restore_rate)
        return None not in figures


class Cost(Node):
    """What a query costs and what is left."""

    requested_query_cost: Decimal | None = None
    throttle_status: ThrottleStatus | None = None


class Extensions(Node):
    """Additions to an answer."""

    cost: Cost | None = None


class ErrorExtensions(Node):
    """The machine-readable part of an error."""

    code: str | None = None


class TransportError(Node):
    """An error of the whole document."""

    extensions: ErrorExtensions | None = None


class Answer(Node):
    """The envelope of every answer; ``errors`` is a bare text where no document was run."""

    data: dict[str, Any] | None = None
    errors: tuple[TransportError, ...] | str | None = None
    extensions: Extensions | None = None


class TokenAnswer(Node):
    """The answer of the client credentials grant; here Shopify writes snake_case."""

    model_config = ConfigDict(alias_generator=None)

    access_token: str = Field(repr=False)
    expires_in: int | None = None
