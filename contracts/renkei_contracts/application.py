"""What a merchant's own cart, app or site asks and tells over /v1, in our own shape.

A member is named by our id, or by ``customer``, the channel's own id of its customer. Points are
whole points, amounts whole yen, instants carry their zone.
"""

from typing import Self

from pydantic import model_validator

from renkei_contracts.base import Canonical, Instant, Key, Points, Slug, Text
from renkei_contracts.order import Lines, Tender


class CartQuote(Canonical):
    """What would this cart earn, and how many points may it use? Binds nobody; may be nobody's."""

    member: Key | None = None
    customer: Key | None = None
    lines: Lines
    points_wanted: Points = 0
    tenders: tuple[Tender, ...] = ()

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
