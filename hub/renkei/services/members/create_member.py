"""Making a member of ours known at a vendor, so that their card can be scanned there."""

from dataclasses import dataclass

from sqlalchemy import text

from renkei.clock import Clock
from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.errors import UnknownMember
from renkei.services.booking import Booking
from renkei.services.personal import opened_identity, opened_names
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.errors import Rejected, UnsupportedFeature
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, NewMember

PERSON = """
SELECT k.wrapped, p.sealed, i.scope, i.sealed
FROM member_profile p JOIN member_key k USING (member_id) JOIN identity i USING (member_id)
WHERE p.member_id = :m AND p.state = 'active' AND i.kind = 'card' AND i.grade <> 'asserted'
  AND i.valid_until IS NULL
ORDER BY i.valid_from DESC LIMIT 1"""


@dataclass(frozen=True)
class CreateMember:
    """Creates there what is a member here; again is the same as once, by the card."""

    database: Database
    ring: KeyRing
    booking: Booking
    clock: Clock

    async def __call__(self, opened: OpenConnection, member: str) -> str:
        """The vendor's id of the member, who is linked to it from now on."""
        creation = opened.member_creation
        if creation is None:
            raise UnsupportedFeature(f"the plugin {opened.row.vendor} cannot create members")
        new, card = await self._person(member)
        what = f"connection {opened.id}: creating a member"
        ref = await call(what, creation.create(new), writes=True)
        seen = Member(ref=ref, changed_at=self.clock(), identities=(card,))
        answer = await self.booking.enrol(seen, mirrors_at=[opened.id])
        if answer.member != member:
            raise Rejected(f"{ref} is the customer of another member, {answer.member}")
        return ref.id

    async def _person(self, member: str) -> tuple[NewMember, Identity]:
        async with self.database.begin() as conn:
            row = (await conn.execute(text(PERSON), {"m": member})).first()
        if row is None:
            raise UnknownMember(f"{member} has no card, or is no longer a member")
        key = self.ring.unwrap(member, bytes(row[0]))
        names = opened_names(self.ring, key, member, bytes(row[1]))
        number = opened_identity(self.ring, key, member, bytes(row[3]))
        card = Identity(kind=IdentityKind.CARD, scope=row[2], value=number, grade=Grade.STRONG)
        new = NewMember(
            member=member, card=number, family_name=names.family, given_name=names.given
        )
        return new, card
