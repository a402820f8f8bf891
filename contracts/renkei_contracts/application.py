"""What a merchant's own cart, app or site asks and tells over /v1, in our own shape.

A member is named by our id, or by ``customer``, the channel's own id of its customer. Points are
whole points, amounts whole yen, instants carry their zone.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from renkei_contracts.base import Canonical, Instant, Key, Points, Slug, Text, Yen
from renkei_contracts.order import CouponCodes, Lines, Tender
from renkei_contracts.till import HoldAnswer


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


class OfMember(Canonical):
    """What is about one member: our id, or the channel's own id of its customer."""

    member: Key | None = None
    customer: Key | None = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.member is None) == (self.customer is None):
            raise ValueError("give member or customer, and not both")
        return self


class ActivityTold(OfMember):
    """A member did something other than buying; ``key`` makes it count once in this channel.

    ``kind`` is the activity's name in the program, ``object`` what it was about (a product, a
    store, an article), ``receipt`` the sale it belongs to.
    """

    key: Key
    kind: Slug
    object: Text = ""
    receipt: Text = ""
    occurred_at: Instant


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


HoldSeconds = Annotated[int, Field(strict=True, ge=10, le=2_592_000)]
"""How long a cart may hold points: up to 30 days, as payment in a convenience store takes days."""


class CartHold(OfMember):
    """Set a member's points aside at checkout; ``key`` is made by the cart and names the hold."""

    key: Key
    points: Annotated[int, Field(strict=True, ge=1, le=999_999_999)]
    ttl_seconds: HoldSeconds = 900


class RewardWanted(OfMember):
    """Points of a member for a reward of their program; ``key`` makes it happen once here."""

    key: Key
    reward: Slug


class RewardUnwanted(OfMember):
    """Whose coupon it is that was exchanged for points, and goes back unused."""


class CartExtend(Canonical):
    """Keep a hold open for so long from now; it never ends earlier than it would have."""

    ttl_seconds: HoldSeconds = 900


class CartHoldAnswer(HoldAnswer):
    """The hold, and the ``code`` for one use that stands for it in a vendor's shop.

    The code takes ``code_yen`` yen off an order until ``code_until``, as soon as it is issued there
    (HoldSeen says when). None: the channel is no shop that takes codes.
    """

    code: Key | None = None
    code_yen: Yen | None = None
    code_until: Instant | None = None


class HoldSeen(Canonical):
    """A hold as it stands: ``points`` are held now, until ``lapses_at``; of one that ended, none.

    ``order`` is the order that captured it. ``code_state``: the code is ``wanted`` until it is
    ``issued`` in the vendor's shop, or has ``failed`` there for good; ``used`` once an order
    brought it; ``unwanted`` and then ``revoked`` where the hold ended otherwise.
    """

    hold: Key
    member: Key
    state: Literal["open", "captured", "released", "lapsed"]
    points: Points
    lapses_at: Instant | None = None
    order: Key | None = None
    code: Key | None = None
    code_state: Literal["wanted", "issued", "failed", "used", "unwanted", "revoked"] | None = None
    code_until: Instant | None = None


class OrderAnswer(Canonical):
    """What is booked for an order as it stands now.

    ``settled``: this state counts from now on. ``unchanged``: it did already. ``older``: a newer
    one is known, and this one was ignored. ``unlinked``: kept; nobody known is its buyer yet.
    ``history``: placed before this channel's orders count. ``alias``: the same sale is counted at
    another order; ``doubtful``: perhaps, and a person decides. Without a member all are 0.
    """

    order: Key
    outcome: Literal["settled", "unchanged", "older", "unlinked", "history", "alias", "doubtful"]
    member: Key | None
    earned: Points
    used: Points
    spendable: Points
    balance_version: int | None
    as_of: Instant


class CustomerAnswer(Canonical):
    """The member that this customer is; ``created``: they are new."""

    member: Key
    created: StrictBool
