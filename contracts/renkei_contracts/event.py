"""Observations: what a delivery or a poll tells. A closed union."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from renkei_contracts.base import Canonical, Instant, Key, Points, Text
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import Order

ObjectKind = Literal["order", "member", "balance"]
"""What kind of thing changed at the vendor and can be read again."""


class OrderSeen(Canonical):
    """An order as it is now."""

    type: Literal["order_seen"] = "order_seen"
    order: Order


class MemberSeen(Canonical):
    """A member as the vendor knows them now."""

    type: Literal["member_seen"] = "member_seen"
    member: Member


class BalanceSeen(Canonical):
    """The balance the vendor shows for a customer at ``at``."""

    type: Literal["balance_seen"] = "balance_seen"
    ref: ExternalRef
    points: Points
    at: Instant


class MemberLeft(Canonical):
    """The vendor says that this customer withdrew or was deleted."""

    type: Literal["member_left"] = "member_left"
    ref: ExternalRef
    at: Instant


class MembersMerged(Canonical):
    """The vendor joined two of its customers."""

    type: Literal["members_merged"] = "members_merged"
    kept: ExternalRef
    gone: ExternalRef
    at: Instant


class Changed(Canonical):
    """Something changed: go and read it, not before ``delay`` after the delivery.

    A hint has no identity of its own and is never deduplicated.
    """

    type: Literal["changed"] = "changed"
    kind: ObjectKind
    ref: ExternalRef
    delay: timedelta = timedelta(0)


class ActivitySeen(Canonical):
    """A member did something other than buying."""

    type: Literal["activity_seen"] = "activity_seen"
    key: Key
    member: ExternalRef
    activity: Key
    object: Text = ""
    at: Instant


class Ignored(Canonical):
    """Understood, and of no concern to the hub; the reason is counted and shown."""

    type: Literal["ignored"] = "ignored"
    reason: Text


Observation = Annotated[
    OrderSeen
    | MemberSeen
    | BalanceSeen
    | MemberLeft
    | MembersMerged
    | Changed
    | ActivitySeen
    | Ignored,
    Field(discriminator="type"),
]
