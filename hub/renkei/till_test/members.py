"""The fixed members of a test installation, by whose cards and phone the cases look."""

from typing import TYPE_CHECKING

from renkei.connections.store import load
from renkei.identity.cards import card_number
from renkei.services.points.corrections import Adjust
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.point import Adjustment

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

RICH = card_number(9_000_000_001)
"""The card of the member with points."""

NOBODY = card_number(9_000_000_999)
"""A card that nobody has."""

SHARED_PHONE = "0312345678"
"""A phone number that two of the members have."""

POINTS = 100_000
"""What the member with points was given."""

OTHERS = (card_number(9_000_000_002), card_number(9_000_000_003))
"""The cards of the two who share a phone number, without points."""


async def prepare(hub: "Hub", connection: str) -> None:
    """Make the fixed members; again changes nothing. Raises UnknownConnection."""
    async with hub.database.begin() as conn:
        await load(conn, connection)
    rich = await _member(hub, connection, RICH, "一郎")
    for card, name in zip(OTHERS, ("二郎", "三郎"), strict=True):
        shared = Identity(kind=IdentityKind.PHONE, value=SHARED_PHONE, grade=Grade.ASSERTED)
        await _member(hub, connection, card, name, shared)
    gift = Adjustment(
        member=rich, key="till-test", points=POINTS, reason="till-test", by="till-test"
    )
    await hub.booking.committer.submit(Adjust(gift, hub.ring))


async def _member(hub: "Hub", connection: str, card: str, name: str, *more: Identity) -> str:
    named = Identity(kind=IdentityKind.CARD, value=card, grade=Grade.STRONG)
    seen = Member(
        ref=ExternalRef(connection=connection, id=f"till-test/{card}"),
        changed_at=hub.clock(),
        family_name="連携",
        given_name=name,
        identities=(named, *more),
    )
    return (await hub.booking.enrol(seen)).member
