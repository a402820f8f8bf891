"""Booking the expiry of points whose time is over. Balances never wait for it."""

from dataclasses import dataclass

from renkei.ledger.entry import Cause
from renkei.ledger.lots import expire_dead
from renkei.ledger.transaction import Draft
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
        books = attempt.books_of(self.member)
        draft = Draft(books, attempt.now)
        ended = expire_dead(draft, [lot.number for lot in books.lots], attempt.now)
        attempt.enter(draft, Cause("expire", f"{self.member}#{books.version + 1}"))
        return ended
