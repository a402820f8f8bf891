"""A member as a vendor knows them, and the identities by which they are found."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from renkei_contracts.base import Canonical, Instant, Key, Points, Text
from renkei_contracts.ids import ExternalRef


def _day_of_a_year(text: str) -> str:
    """A month and day that some year has."""
    if text:
        date.fromisoformat(f"2000-{text}")
    return text


Birthday = Annotated[str, AfterValidator(_day_of_a_year)]
"""Month and day, ``02-29``, or empty: nobody needs the year to greet somebody."""


class IdentityKind(StrEnum):
    """What kind of key an identity is (design: identity.md)."""

    VENDOR_CUSTOMER = "vendor_customer"
    CARD = "card"
    EMAIL = "email"
    PHONE = "phone"
    LINE = "line"
    ORDER_REF = "order_ref"


class Grade(StrEnum):
    """How well an identity is proven. Only ``VERIFIED`` or better links without a person."""

    ASSERTED = "asserted"
    VERIFIED = "verified"
    STRONG = "strong"


class Identity(Canonical):
    """One key by which a channel knows a person.

    ``scope`` says within what the value is unique: the connection for a vendor's customer id, the
    issuer for a card, empty for e-mail and phone. ``value`` is as the vendor gave it; the hub
    normalizes it.
    """

    kind: IdentityKind
    scope: Text = ""
    value: Key
    grade: Grade = Grade.ASSERTED


class MemberState(StrEnum):
    """Whether the vendor still has this customer as a member."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


class Member(Canonical):
    """A vendor's customer, restated as a whole, as of the vendor's clock ``changed_at``.

    ``grade`` of an identity is never better than what the vendor itself asserts.
    ``birthday`` is without its year, which is not passed on.
    ``points_seen`` is the balance the vendor shows, where its member record carries one.
    """

    ref: ExternalRef
    changed_at: Instant
    state: MemberState = MemberState.ACTIVE
    merged_into: ExternalRef | None = None
    family_name: Text = ""
    given_name: Text = ""
    birthday: Birthday = ""
    identities: tuple[Identity, ...] = ()
    points_seen: Points | None = None


class NewMember(Canonical):
    """A member the hub wants created at a vendor; ``card`` is what the till will scan."""

    member: Key
    card: Key
    family_name: Text = ""
    given_name: Text = ""
