"""The members of a simulation, as the hub and as the carts know them. Pure."""

from datetime import datetime

from renkei.identity.cards import card_number
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member


def member_id(number: int) -> str:
    """The hub's name of the member of this number."""
    return f"mem_{number:06d}"


def customer(cart: str, number: int) -> ExternalRef:
    """The member as this cart knows them."""
    return ExternalRef(connection=cart, id=f"c{number}")


def member_of(customer: ExternalRef) -> str:
    """The hub's name of this customer."""
    return member_id(int(customer.id.removeprefix("c")))


def seen_at(cart: str, number: int, at: datetime) -> Member:
    """The member as this cart tells of them; carts agree about a member's card."""
    value = card_number(number)
    card = Identity(kind=IdentityKind.CARD, value=value, grade=Grade.STRONG)
    return Member(ref=customer(cart, number), changed_at=at, identities=(card,))
