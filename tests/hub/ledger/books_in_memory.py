"""A member's books in memory, and short ways to move them on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from renkei.ledger import holds
from renkei.ledger.books import Books, Group, Hold, Lot
from renkei.ledger.lots import expire_dead
from renkei.ledger.settlement import settle
from renkei.ledger.target import OrderName, Settled, Target
from renkei.ledger.transaction import Draft

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass
class Ledger:
    """One member's books; every method books one transaction, as the hub would."""

    now: datetime = NOON
    books: Books = field(default_factory=lambda: Books("mem_1", "default", 0, 0, b""))
    settled: dict[str, Settled] = field(default_factory=dict)
    log: list[Draft] = field(default_factory=list)

    def draft(self, event_at: datetime | None = None) -> Draft:
        """A draft over these books alone."""
        return Draft(Group.alone(self.books), self.books.member, event_at or self.now)

    def _keep(self, draft: Draft) -> None:
        self.log.append(draft)
        self.books = self.books._replace(
            version=self.books.version + bool(draft.postings),
            lots_made=self.books.lots_made + len(draft.fresh),
            debt=draft.debts[self.books.member],
            lots=tuple(draft.lots.values()),
        )

    def order(
        self,
        ref: str,
        *,
        earned: int = 0,
        redeemed: int = 0,
        paid: bool = True,
        expires_at: datetime | None = None,
        usable_from: datetime | None = None,
        hold: Hold | None = None,
        event_at: datetime | None = None,
    ) -> None:
        """Settle an order to this target; ``event_at`` makes it a late fact."""
        target = Target(
            earned=earned,
            confirmed=earned if paid else 0,
            redeemed=redeemed,
            event_at=self.now,
            usable_from=usable_from or self.now,
            expires_at=expires_at,
            restored_until=self.now + timedelta(days=30),
        )
        draft = self.draft(event_at)
        before = self.settled.get(ref, Settled())
        work = settle(
            draft, before, OrderName("shop", ref), target, self.now, [hold] if hold else []
        )
        self.settled[ref] = work.settled
        self._keep(draft)
        if hold:
            self._end(hold)

    def hold(self, amount: int, minutes: int = 15) -> Hold:
        """Place a hold."""
        draft = self.draft()
        frozen = holds.place(draft, amount, self.now)
        self._keep(draft)
        lapses_at = self.now + timedelta(minutes=minutes)
        made = Hold(self.books.version, "k", amount, lapses_at, frozen)
        self.books = self.books._replace(holds=(*self.books.holds, made))
        return made

    def release(self, hold: Hold) -> None:
        """Release a hold."""
        draft = self.draft()
        holds.release(draft, [hold], self.now)
        self._keep(draft)
        self._end(hold)

    def expire(self) -> int:
        """Run the expiry job."""
        draft = self.draft()
        ended = expire_dead(draft, [lot.ref for lot in self.books.lots], self.now)
        self._keep(draft)
        return ended

    def _end(self, hold: Hold) -> None:
        rest = tuple(one for one in self.books.holds if one.version != hold.version)
        self.books = self.books._replace(holds=rest)

    def lot(self, number: int) -> Lot:
        """The lot of this number."""
        return next(lot for lot in self.books.lots if lot.number == number)

    def rules(self) -> list[str]:
        """The rules of the last transaction, in order."""
        return [posting.rule for posting in self.log[-1].postings]
