"""Shapes as Color Me Shop sends them. What decides state, amounts or people has no default."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool

from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.toolkit.wire import Wire

LATEST = 7_258_118_399
"""The last second of the year 2199, in UTC: no shop's clock shows more."""


def _moment(seconds: object) -> datetime:
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= LATEST:
        raise ValueError("not a number of seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


Count = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
"""Whole yen, points or pieces."""

Id = Annotated[int, Field(strict=True, ge=1, le=10**18 - 1)]

Seconds = Annotated[datetime, BeforeValidator(_moment)]
"""Unix seconds, read as a moment."""


class Detail(Wire):
    """One line; prices are of one piece, ``tax_reduced`` means 8 % and not 10 %.

    ``product_name`` follows the product, ``pristine_product_full_name`` is as it was bought.
    """

    id: Id
    product_model_number: str | None
    pristine_product_full_name: str | None = None
    product_name: str | None = None
    price: Count
    price_with_tax: Count
    product_num: Count
    tax_reduced: StrictBool


class Buyer(Wire):
    """Who bought; a guest (no ``member``) has a throw-away id."""

    id: Id
    member: StrictBool
    mail: str | None = None


class Segment(Wire):
    """Where the order was split; one that was not may name itself as its parent."""

    parent_sale_id: Id
    splitted: StrictBool


class Totals(Wire):
    """Discounts by tax rate."""

    discount_amount_for_normal_tax: Count
    discount_amount_for_reduced_tax: Count


class Sale(Wire):
    """An order. ``tax`` is of the goods; it is part of the prices or comes on top of them."""

    id: Id
    make_date: Seconds
    update_date: Seconds
    paid: StrictBool
    delivered: StrictBool
    canceled: StrictBool
    product_total_price: Count
    delivery_total_charge: Count
    fee: Count
    tax: Count
    noshi_total_charge: Count
    card_total_charge: Count
    wrapping_total_charge: Count
    point_discount: Count
    gmo_point_discount: Count
    other_discount: Count
    total_price: Count
    use_points: Count
    customer: Buyer
    details: tuple[Detail, ...]
    segment: Segment | None
    totals: Totals | None = None


class Granted(Wire):
    """What the shop granted by itself."""

    make_date: Seconds
    canceled: StrictBool
    granted_points: Count


class Customer(Wire):
    """A customer; ``name`` is one field for the whole name, ``birthday`` is not validated."""

    id: Id
    member: StrictBool
    points: Count
    update_date: Seconds
    name: str | None = None
    mail: str | None = None
    tel: str | None = None
    tel_mobile: str | None = None
    birthday: str | None = None


class OneSale(Wire):
    """The answer for one order."""

    sale: dict[str, Any]


class OneCustomer(Wire):
    """The answer for one customer."""

    customer: dict[str, Any]


class Points(Wire):
    """The answer to a change of points: the balance after it."""

    customer_id: Id
    points: Count


class Meta(Wire):
    """What was asked for, as far as it was understood: a limit too large is clamped in silence."""

    total: Annotated[int, Field(strict=True, ge=0)]
    limit: Annotated[int, Field(strict=True, ge=1)]
    offset: Annotated[int, Field(strict=True, ge=0)]


class Token(Wire):
    """An access token, which does not expire; ``scope`` as far as the answer tells."""

    access_token: str = Field(min_length=1, pattern=r"^[\x21-\x7e]+$", repr=False)
    scope: str | None = None


class Coupon(Wire):
    """A coupon of the shop's."""

    id: Id
    code: str
    coupon_type: str
    discount_amount: Count
    status: str


class Total(Wire):
    """How many rows there are, shown or not."""

    total: Annotated[int, Field(strict=True, ge=0)]


class Coupons(Wire):
    """Coupons of the shop; the documented answer has no ``meta`` and shows all of them."""

    shop_coupons: tuple[dict[str, Any], ...]
    meta: Total | None = None
