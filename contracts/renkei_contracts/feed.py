"""The feed that registers poll: what has changed, each thing as it is now.

``deleted`` marks a tombstone: the thing is gone, and a register drops its copy.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from renkei_contracts.base import Canonical, Instant, Key, Points, Text
from renkei_contracts.member import MemberState

ChangeKind = Literal["member", "balance", "coupon", "rule", "store"]

KINDS: tuple[ChangeKind, ...] = ("member", "balance", "coupon", "rule", "store")
"""Every kind of change there is."""


class BalanceChange(Canonical):
    """A member's balance in this channel."""

    type: Literal["balance"] = "balance"
    member: Key
    spendable: Points
    pending: Points
    balance_version: int
    as_of: Instant


class MemberChange(Canonical):
    """A member, masked. Withdrawn or merged is a tombstone; ``merged_into`` says who remains."""

    type: Literal["member"] = "member"
    member: Key
    deleted: StrictBool = False
    state: MemberState
    merged_into: Text = ""
    masked_name: Text = ""
    card: Text = ""


class CouponChange(Canonical):
    """A coupon of a member. One that was used or taken back is a tombstone."""

    type: Literal["coupon"] = "coupon"
    code: Key
    deleted: StrictBool = False
    member: Key
    name: Text
    title: Text
    benefit: Text
    usable_from: Instant
    usable_until: Instant | None = None


class RuleChange(Canonical):
    """A version of the program; ``digest`` is the hex SHA-256 of its document, ``from`` its start.

    A register that computes points itself says with the digest which version it went by.
    """

    type: Literal["rule"] = "rule"
    program: Text
    version: int
    in_force_from: Instant
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StoreChange(Canonical):
    """A store's setting: ``day_ends`` in minutes after midnight, Japanese time."""

    type: Literal["store"] = "store"
    store: Text
    area: Text
    day_ends: int
    since: datetime


Change = Annotated[
    BalanceChange | MemberChange | CouponChange | RuleChange | StoreChange,
    Field(discriminator="type"),
]


class ChangePage(Canonical):
    """Some changes; go on with ``next_cursor``, at once while there is more."""

    data: tuple[Change, ...]
    next_cursor: Text
    has_more: bool


class SnapshotPage(Canonical):
    """A part of everything; ``next`` leads on (None: this was the last page).

    After the last page poll the changes from ``cursor``, which the first page gave already: what
    changed meanwhile comes again.
    """

    data: tuple[Change, ...]
    next: Text | None
    cursor: Text
