"""A vendor's customer becomes, or is found to be, a member."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from renkei.identity.cards import card_number
from renkei.identity.matching import Found, New, match
from renkei.ledger.customers import NewMirror
from renkei.ledger.entry import digest_of
from renkei.ledger.keys import IdentityKey
from renkei.ledger.staged import Alert, NewIdentity, NewMember
from renkei.ledger.world import Needs
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.members.restated_customer import (
    customer_key,
    forget_contacts,
    remember,
    rename,
    restated,
)
from renkei.services.personal import Names, sealed_identity, sealed_names
from renkei.storage.sealed import KeyRing
from renkei_contracts.member import Grade, Identity, IdentityKind, Member

HUB = "hub"
"""Who asserts an identity that we issued ourselves."""


@dataclass(frozen=True)
class EnrolAnswer:
    """The member this customer is; ``created`` says whether they are new."""

    member: str
    created: bool


@dataclass(frozen=True)
class Enrol:
    """A member as a vendor knows them now.

    ``identities`` are normalized, best proof first. ``new_id`` and ``serial`` (ten digits of the
    card) are used if nobody is found. ``mirrors_at`` are the connections that show balances,
    ``creates_at`` those of them where we may create the customer ourselves.
    """

    seen: Member
    identities: tuple[tuple[IdentityKey, Identity], ...]
    new_id: str
    serial: int
    ring: KeyRing = field(repr=False)
    mirrors_at: frozenset[str] = frozenset()
    creates_at: frozenset[str] = frozenset()

    def needs(self) -> Needs:
        """Whoever these identities name, and whether the new card's number is free."""
        keys = {key for key, _ in self.identities} | {self._card()[0]}
        return Needs(
            connections=frozenset({self.seen.ref.connection}),
            identities=frozenset(keys),
            customers=frozenset({customer_key(self.seen)}),
        )

    def decide(self, attempt: Attempt) -> EnrolAnswer:
        """Link to the member a proven identity names, or make a new one.

        What changed at the vendor since it last told of them changes with the member.
        """
        proofs = [key for key, identity in self.identities if identity.grade != Grade.ASSERTED]
        named = match(proofs, attempt.world.identities)
        found = named.member if isinstance(named, Found) else self._create(attempt)
        again = restated(attempt, self.ring, self.seen, found, [key for key, _ in self.identities])
        if again.late:
            return EnrolAnswer(found, created=False)
        remember(attempt, again)
        if isinstance(named, New):
            return EnrolAnswer(found, created=True)
        rename(attempt, self.ring, self.seen, again)
        forget_contacts(attempt, again)
        if self.seen.birthday:
            attempt.staged.birthdays[found] = self.seen.birthday
        self._link(attempt, found, attempt.world.member_keys[found], self.identities)
        self._mirror(attempt, found, everywhere=False)
        self._warn_of_others(attempt, named)
        return EnrolAnswer(found, created=False)

    def _create(self, attempt: Attempt) -> str:
        """A new member, with a card of ours unless they came with one."""
        member = self.new_id
        key, wrapped = self.ring.new_member_key(member)
        names = Names(self.seen.family_name, self.seen.given_name)
        program = attempt.connection(self.seen.ref.connection).program
        rules = attempt.program_in_force(program, attempt.now)
        zone = (rules[1] if rules else Program()).zone
        sealed = sealed_names(self.ring, key, member, names)
        attempt.staged.members.append(NewMember(member, program, zone, wrapped, sealed))
        if self.seen.birthday:
            attempt.staged.birthdays[member] = self.seen.birthday
        identities = self.identities
        if all(one.kind is not IdentityKind.CARD for _, one in identities):
            identities = (*identities, self._card())
        self._link(attempt, member, wrapped, identities)
        self._mirror(attempt, member, everywhere=True)
        attempt.staged.touched.add(member)
        return member

    def _card(self) -> tuple[IdentityKey, Identity]:
        number = card_number(self.serial)
        identity = Identity(kind=IdentityKind.CARD, value=number, grade=Grade.STRONG)
        blind = self.ring.blind(IdentityKind.CARD, "", number)
        return (IdentityKind.CARD.value, "", blind), identity

    def _link(
        self,
        attempt: Attempt,
        member: str,
        wrapped: bytes,
        identities: Sequence[tuple[IdentityKey, Identity]],
    ) -> None:
        """Add what is new; what names the member already, or is proven of another, stays."""
        cipher = self.ring.unwrap(member, wrapped)
        told = {key for key, _ in self.identities}
        for key, identity in identities:
            known, grade = attempt.world.identities.get(key, (None, ""))
            better = known == member and grade == "asserted" and identity.grade != Grade.ASSERTED
            shared = known != member and (identity.grade == Grade.ASSERTED or grade == "asserted")
            if known is None or better or shared:
                by = self.seen.ref.connection if key in told else HUB
                sealed = sealed_identity(self.ring, cipher, member, identity.value)
                attempt.staged.identities.append(
                    NewIdentity(key, member, identity.grade.value, by, sealed)
                )

    def _mirror(self, attempt: Attempt, member: str, *, everywhere: bool) -> None:
        own = self.seen.ref.connection
        if own in self.mirrors_at:
            attempt.staged.mirrors.append(NewMirror(own, member, self.seen.ref.id))
        for connection in sorted(self.creates_at - {own}) if everywhere else ():
            attempt.staged.mirrors.append(NewMirror(connection, member, None))

    def _warn_of_others(self, attempt: Attempt, named: Found) -> None:
        """Proofs that name several members: perhaps one person, for somebody to decide, once."""
        ref = self.seen.ref
        for other in named.also:
            message = f"a customer of {ref.connection} is proven to be {named.member} and {other}"
            id = f"alr_{digest_of({'ref': str(ref), 'other': other}).hex()[:32]}"
            attempt.staged.alerts.append(
                Alert(id, "perhaps_one_person", named.member, None, message)
            )
