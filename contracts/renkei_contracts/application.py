"""What a merchant's own cart, app or site asks and tells over /v1, in our own shape.

A member is named by our id, or by ``customer``, the channel's own id of its customer. Points are
whole points, amounts whole yen, instants carry their zone.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from renkei_contracts.base import Canonical, Instant, Key, Points, Slug, Text
from renkei_contracts.order import CouponCodes, Lines, Tender


class CartQuote(Canonical):
    """What would this cart earn, and how many points may it use? Binds nobody; may be nobody's.

    ``pickup``: it will be collected in a store.
    """

    member: Key | None = None
    customer: Key | None = None
    lines: Lines
    points_wanted: Points = 0
    tenders: tuple[Tender, ...] = ()
    coupons: CouponCodes = ()
    pickup: StrictBool = False

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if self.member is not None and self.customer is not None:
            raise ValueError("give member or customer, not both")
        return self


class ActivityTold(Canonical):
    """A member did something other than buying; ``key`` makes it count once in this channel.

    ``kind`` is the activity's name in the program, ``object`` what it was about (a product, a
    store, an article), ``receipt`` the sale it belongs to.
    """

    key: Key
    member: Key | None = None
    customer: Key | None = None
    kind: Slug
    object: Text = ""
    receipt: Text = ""
    occurred_at: Instant

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.member is None) == (self.customer is None):
            raise ValueError("give member or customer, and not both")
        return self


class FactTold(Canonical):
    """A fact of a business day: of an area, of one store of this channel, or of everywhere.

    ``store`` is the channel's own id of it. What a merchant calls an area is theirs.
    """

    name: Slug
    area: Slug | None = None
    store: Annotated[Text, Field(max_length=200)] = ""
    day: date
    value: StrictBool = True

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.area is not None and self.store:
            raise ValueError("a fact is of an area or of a store, not of both")
        return self


class FactsTold(Canonical):
    """Facts for sales from now on."""

    facts: Annotated[tuple[FactTold, ...], Field(min_length=1, max_length=1_000)]


class FactsKept(Canonical):
    """How many were new, and how many had been stated otherwise before: those stay as they were."""

    new: int
    differ: int
