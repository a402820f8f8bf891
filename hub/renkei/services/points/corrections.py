"""Adjust, import, exchange, write off: each once per key, by a person or a migration."""

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from renkei.errors import BookingRefused, RequestInvalid
from renkei.ledger.books import Channel, Lot
from renkei.ledger.chart import Account as A
from renkei.ledger.corrections import grant, withdraw, write_off
from renkei.ledger.entry import Cause, digest_of
from renkei.ledger.keys import RequestKey
from renkei.ledger.lots import spendable, use
from renkei.ledger.transaction import Draft
from renkei.ledger.world import Needs
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.personal import sealed_note
from renkei.services.points.hold import book_lapses
from renkei.services.rules import require_plausible
from renkei.storage.sealed import KeyRing
from renkei_contracts.point import (
    Adjustment,
    BalanceImport,
    Corrected,
    PointsExchange,
    WriteOff,
)

Ask = TypeVar("Ask", Adjustment, BalanceImport, PointsExchange, WriteOff)


@dataclass(frozen=True)
class Correction(Generic[Ask]):
    """A correction: the same key with the same content gives the first answer again.

    Points are taken as ``channel`` may spend them (None: wherever). Raises UnknownMember,
    KeyReused, BookingRefused, PeriodNotOpen, RequestInvalid.
    """

    ask: Ask
    ring: KeyRing = field(repr=False)
    channel: Channel | None = None

    kind = ""
    moment = "occurred_at"

    @property
    def request(self) -> RequestKey:
        """The caller's key, apart for each kind."""
        return (self.kind, self.ask.key)

    def needs(self) -> Needs:
        """The member with the key that seals notes, and the request."""
        member = frozenset({self.ask.member})
        return Needs(
            members=member,
            keys_of=member,
            requests=frozenset({self.request}),
            since=self.happened_at(),
        )

    def decide(self, attempt: Attempt) -> Corrected:
        """The first answer again, a refusal, or the movement booked."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        first = attempt.first_answer(self.request, digest, Corrected)
        if first is not None:
            return first
        attempt.books_of(self.ask.member)
        book_lapses(attempt, self.ask.member)
        event_at = self.happened_at() or attempt.now
        require_plausible(self.moment, event_at, attempt.now)
        self.require_possible(attempt)
        draft = attempt.draft(self.ask.member, event_at, self.channel)
        self.book(attempt, draft)
        attempt.enter(draft, self._cause(attempt), self.period())
        answer = self._answer(attempt)
        attempt.remember(self.request, digest, answer)
        return answer

    def require_possible(self, attempt: Attempt) -> None:
        """Raise RequestInvalid for what no books could take."""

    @abstractmethod
    def book(self, attempt: Attempt, draft: Draft) -> None:
        """Post the movement into the draft."""

    def happened_at(self) -> datetime | None:
        """When it happened, if it is told; None: now."""
        return None

    def period(self) -> str | None:
        """The month it must be booked into, if one is named."""
        return None

    def reasons(self) -> tuple[str, ...]:
        """What a statement may show to anybody."""
        return ()

    def note(self) -> dict[str, str]:
        """What only those may read who have the member's key."""
        return {}

    def _cause(self, attempt: Attempt) -> Cause:
        note, member = self.note(), self.ask.member
        wrapped = attempt.world.member_keys.get(member)
        sealed = None
        if note and wrapped is not None:
            sealed = sealed_note(self.ring, self.ring.unwrap(member, wrapped), member, note)
        return Cause(self.kind, self.ask.key, reasons=self.reasons(), note=sealed)

    def _answer(self, attempt: Attempt) -> Corrected:
        group = attempt.group_of(self.ask.member)
        return Corrected(
            points=self.ask.points,
            spendable=spendable(group.lots, group.debt, attempt.now),
            debt=group.debt,
            balance_version=group.version,
            as_of=attempt.now,
        )


class Adjust(Correction[Adjustment]):
    """A person gives or takes points."""

    kind = "adjust"

    def book(self, attempt: Attempt, draft: Draft) -> None:
        """Up: a lot of its own. Down: what is spendable, and as a fact also beyond it."""
        points, now = self.ask.points, attempt.now
        if points > 0:
            lot = lot_of(attempt, draft, "adjustment", points, self.ask.expires_at)
            grant(draft, "adjust.up", A.ADJUSTED, lot, now)
        elif self.ask.occurred:
            use(draft, "adjust.down", A.ADJUSTED, -points, draft.event_at, now)
        else:
            require_spendable(draft, -points, now)
            withdraw(draft, "adjust.down", A.ADJUSTED, -points, now)

    def require_possible(self, attempt: Attempt) -> None:
        """Only what has occurred can have used points in the past."""
        past, at = self.ask.points < 0 and not self.ask.occurred, self.ask.occurred_at
        if past and at is not None and at < attempt.now:
            why = "points can be taken in the past only by what has `occurred`"
            raise RequestInvalid("occurred_at", at.isoformat(), why)

    def happened_at(self) -> datetime | None:
        """When the person says it happened."""
        return self.ask.occurred_at

    def period(self) -> str | None:
        """The month named."""
        return self.ask.period

    def note(self) -> dict[str, str]:
        """Why, and who."""
        return {"reason": self.ask.reason, "by": self.ask.by}


class ImportBalance(Correction[BalanceImport]):
    """Points from the system the shop used before."""

    kind = "import"
    moment = "granted_at"

    def happened_at(self) -> datetime | None:
        """Since the old system granted them: a late fact."""
        return self.ask.granted_at

    def book(self, attempt: Attempt, draft: Draft) -> None:
        """A lot with the dates of the old system."""
        ask = self.ask
        lot = Lot(
            number=0,
            origin="migration",
            granted=ask.points,
            granted_at=ask.granted_at,
            usable_from=ask.granted_at,
            expires_at=ask.expires_at,
        )
        grant(draft, "import", A.IMPORTED, lot, attempt.now)

    def reasons(self) -> tuple[str, ...]:
        """From where."""
        return (f"brought from {self.ask.source}",)


class ExchangePoints(Correction[PointsExchange]):
    """Points from or to another program."""

    kind = "exchange"

    def book(self, attempt: Attempt, draft: Draft) -> None:
        """In: a lot of its own. Out: only what is spendable."""
        points, now = self.ask.points, attempt.now
        if points > 0:
            lot = lot_of(attempt, draft, "exchange", points, self.ask.expires_at)
            grant(draft, "exchange", A.EXCHANGED, lot, now)
        else:
            require_spendable(draft, -points, now)
            withdraw(draft, "exchange", A.EXCHANGED, -points, now)

    def reasons(self) -> tuple[str, ...]:
        """With whom."""
        return (f"{'from' if self.ask.points > 0 else 'to'} {self.ask.partner}",)


class WriteOffDebt(Correction[WriteOff]):
    """The shop gives up on a member's debt."""

    kind = "write_off"

    def book(self, attempt: Attempt, draft: Draft) -> None:
        """Never more than the member's own debt."""
        owed = -draft.debts[self.ask.member]
        if self.ask.points > owed:
            raise BookingRefused(
                "debt_smaller", f"{self.ask.member} owes {owed}, not {self.ask.points} points"
            )
        write_off(draft, self.ask.points)

    def note(self) -> dict[str, str]:
        """Why, and who."""
        return {"reason": self.ask.reason, "by": self.ask.by}


def require_spendable(draft: Draft, points: int, now: datetime) -> None:
    """Raise BookingRefused unless the member can spend that much."""
    there = spendable(draft.sorted_lots(), sum(draft.debts.values()), now)
    if points > there:
        raise BookingRefused(
            "insufficient_points", f"{draft.member} can spend {there}, not {points} points"
        )


def lot_of(
    attempt: Attempt, draft: Draft, origin: str, points: int, expires_at: datetime | None
) -> Lot:
    """A lot that is usable from the event on and ends when told, or as the program says."""
    found = attempt.program_in_force(draft.group.program, attempt.now)
    rules = found[1] if found else Program()
    return Lot(
        number=0,
        origin=origin,
        granted=points,
        granted_at=draft.event_at,
        usable_from=draft.event_at,
        expires_at=expires_at or rules.expires_at(draft.event_at),
        slides_months=rules.slides_months if expires_at is None else None,
        yen_value=points * rules.redeem.yen_per_point,
    )
