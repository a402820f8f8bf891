"""A vendor's customers: what it told last of them, and where they see their balance. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

CustomerKey = tuple[str, str]
"""(connection, the vendor's id of a customer)."""

ContactGone = tuple[CustomerKey, str, str]
"""A customer, the member they are, and what they are not reached by any more, ``kind:digest``."""


class ToldCustomer(NamedTuple):
    """What a vendor told last of a customer who is ``member``.

    ``names`` is a digest; ``contacts`` are e-mail addresses and telephones, as ``kind:digest``.
    """

    key: CustomerKey
    member: str
    revision: int
    changed_at: datetime
    names: bytes
    contacts: tuple[str, ...]


@dataclass(frozen=True)
class NewMirror:
    """A channel that is to show this member's balance; no external id: create them there."""

    connection: str
    member: str
    external_id: str | None


def customer_of(row: Any) -> ToldCustomer:
    """A row of CUSTOMERS."""
    return ToldCustomer((row[0], row[1]), row[2], row[3], row[4], row[5], tuple(row[6]))


def customer_rows(customers: Mapping[CustomerKey, ToldCustomer]) -> list[dict[str, Any]]:
    """What vendors told of their customers."""
    return [
        {
            "c": told.key[0],
            "e": told.key[1],
            "m": told.member,
            "revision": told.revision,
            "changed": told.changed_at,
            "names": told.names.hex(),
            "contacts": told.contacts,
        }
        for _, told in sorted(customers.items())
    ]


def contact_rows(gone: Iterable[ContactGone], now: datetime) -> list[dict[str, Any]]:
    """What members are not reached by any more."""
    return [
        {"c": c, "e": e, "m": member, "k": kind, "blind": blind, "at": now}
        for (c, e), member, contact in sorted(gone)
        for kind, _, blind in [contact.partition(":")]
    ]
