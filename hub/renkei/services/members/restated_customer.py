"""A customer told again: what changed at their vendor since, changes with the member. Pure.

Each vendor's word is compared with that vendor's own last word, so that two channels which write a
name in two ways do not undo each other. Cards stay: whoever holds one is found until it is stopped.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from renkei.ledger.customers import CustomerKey, ToldCustomer
from renkei.ledger.keys import IdentityKey
from renkei.services.attempt import Attempt
from renkei.services.personal import Names, sealed_names
from renkei.storage.sealed import KeyRing
from renkei_contracts.member import IdentityKind, Member

CONTACTS = frozenset({IdentityKind.EMAIL.value, IdentityKind.PHONE.value})
"""What people change. It stops finding the member once no vendor says it of them any more."""


@dataclass(frozen=True)
class Restated:
    """What a vendor tells of a customer, beside what it told before (None: nothing, or of another).

    ``late``: it told something newer already.
    """

    told: ToldCustomer
    before: ToldCustomer | None

    @property
    def late(self) -> bool:
        """Whether this is an old state that only now arrives."""
        return self.before is not None and self.told.changed_at < self.before.changed_at


def customer_key(seen: Member) -> CustomerKey:
    """(connection, the vendor's id)."""
    return (seen.ref.connection, seen.ref.id)


def restated(
    attempt: Attempt, ring: KeyRing, seen: Member, member: str, keys: Iterable[IdentityKey]
) -> Restated:
    """This telling beside the one before it."""
    key = customer_key(seen)
    last = attempt.world.customers.get(key)
    revision = (last.revision if last else 0) + (key not in attempt.world.staged.customers)
    known = last if last and last.member == member else None
    contacts = _contacts(keys, known)
    names = ring.blind("names", seen.ref.connection, f"{seen.family_name}\x1f{seen.given_name}")
    told = ToldCustomer(key, member, revision, seen.changed_at, names, contacts)
    return Restated(told, known)


def remember(attempt: Attempt, again: Restated) -> None:
    """Keep what was told, unless it is what was told before."""
    told, before = again.told, again.before
    if before is None or told != before._replace(revision=told.revision):
        attempt.staged.customers[told.key] = told


def rename(attempt: Attempt, ring: KeyRing, seen: Member, again: Restated) -> None:
    """The member's names are those the vendor has changed them to; no name changes nothing."""
    told, before = again.told, again.before
    if before is None or told.names == before.names or not (seen.family_name or seen.given_name):
        return
    names = Names(seen.family_name, seen.given_name)
    cipher = ring.unwrap(told.member, attempt.world.member_keys[told.member])
    attempt.staged.profiles[told.member] = sealed_names(ring, cipher, told.member, names)


def forget_contacts(attempt: Attempt, again: Restated) -> None:
    """Addresses and numbers in whose place others are told end, unless another channel has them."""
    gone = set(again.before.contacts) - set(again.told.contacts) if again.before else set()
    attempt.staged.contacts_gone.update((again.told.key, again.told.member, one) for one in gone)


def _contacts(keys: Iterable[IdentityKey], known: ToldCustomer | None) -> tuple[str, ...]:
    """What is told now. Who is told without any address, or any number, has kept theirs.

    A vendor that takes a right to personal data away leaves them out for everybody.
    """
    told = {_name_of(key) for key in keys if key[0] in CONTACTS}
    kinds = {_kind_of(one) for one in told}
    kept = {one for one in known.contacts if _kind_of(one) not in kinds} if known else set()
    return tuple(sorted(told | kept))


def _kind_of(contact: str) -> str:
    return contact.partition(":")[0]


def _name_of(key: IdentityKey) -> str:
    return f"{key[0]}:{key[2].hex()}"
