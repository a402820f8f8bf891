"""A member as a vendor knows them, and the identities by which they are found."""

import re
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from renkei_contracts.base import Canonical, Instant, Key, Points, Text
from renkei_contracts.ids import ExternalRef

WRITTEN = re.compile(r"[0-9]{2}-[0-9]{2}")
NO_DAY = "must be a month and a day of it, as 02-29"


def _day_of_a_year(text: str) -> str:
    """A month and day that some year has; a week of one, which ISO 8601 knows as well, is none."""
    if text and not WRITTEN.fullmatch(text):
        raise ValueError(NO_DAY)
    try:
        date.fromisoformat(f"2000-{text or '01-01'}")
    except ValueError:
        raise ValueError(NO_DAY) from None
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
