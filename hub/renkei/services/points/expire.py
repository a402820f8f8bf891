"""Booking the expiry of points whose time is over. Balances never wait for it."""

from dataclasses import dataclass

from renkei.ledger.entry import Cause
from renkei.ledger.lots import expire_dead
from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt


@dataclass(frozen=True)
class ExpireLots:
    """Book what has expired of one member."""

    member: str

    def needs(self) -> Needs:
        """The member."""
        return Needs(members=frozenset({self.member}))

    def decide(self, attempt: Attempt) -> int:
        """How many points ended."""
        draft = attempt.draft(self.member, attempt.now)
        refs = [lot.ref for books in draft.group.homes for lot in books.lots]
        ended = expire_dead(draft, refs, attempt.now)
        version = attempt.books_of(self.member).version
        attempt.enter(draft, Cause("expire", f"{self.member}#{version + 1}"))
        return ended
