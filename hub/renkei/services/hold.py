"""Holds as commands: place, release, and book what has lapsed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from renkei.ledger import holds
from renkei.ledger.entry import Cause
from renkei.ledger.lots import spendable
from renkei.ledger.transaction import Books, Draft, Hold
from renkei.ledger.world import Needs, NewHold, RequestKey
from renkei.services.attempt import Attempt, digest_of
from renkei.services.refusals import refused
from renkei_contracts.till import HoldAnswer, HoldRequest

HOLD_PREFIX = "hld_"


@dataclass(frozen=True)
class PlaceHold:
    """Set points aside. The same key with the same content gives the first answer again."""

    ask: HoldRequest
    scope: str
    connection: str

    @property
    def request(self) -> RequestKey:
        """The register's own name for this hold."""
        return (f"hold/{self.scope}", self.ask.key)

    def needs(self) -> Needs:
        """The member and the key."""
        return Needs(
            connections=frozenset({self.connection}),
            members=frozenset({self.ask.member}),
            requests=frozenset({self.request}),
        )

    def decide(self, attempt: Attempt) -> HoldAnswer:
        """Refused unless spendable covers it, counting every other open hold."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        known = attempt.world.requests.get(self.request)
        if known is not None:
            if known[0] != digest:
                raise refused("key_reused")
            return HoldAnswer.model_validate(known[1])
        if self.ask.member not in attempt.world.books:
            raise refused("member_not_found")
        book_lapses(attempt, self.ask.member)
        answer = self._place(attempt)
        attempt.staged.requests[self.request] = (digest, answer.model_dump(mode="json"))
        return answer

    def _place(self, attempt: Attempt) -> HoldAnswer:
        member, now = self.ask.member, attempt.now
        books = attempt.books_of(member)
        if spendable(books.lots, books.debt, now) < self.ask.points:
            raise refused("insufficient_points")
        draft = Draft(books, now)
        frozen = holds.place(draft, self.ask.points, now)
        entry = attempt.enter(draft, Cause("hold", f"{self.scope}/{self.ask.key}"))
        assert entry is not None
        lapses_at = now + timedelta(seconds=self.ask.ttl_seconds)
        attempt.add_hold(
            NewHold(
                member=member,
                version=entry.version,
                scope=self.scope,
                key=self.ask.key,
                connection=self.connection,
                amount=self.ask.points,
                lapses_at=lapses_at,
            ),
            frozen,
        )
        return hold_answer(attempt, member, entry.version, self.ask.points, lapses_at)


@dataclass(frozen=True)
class ReleaseHold:
    """Give a hold back. Releasing one that has ended changes nothing."""

    member: str
    version: int
    connection: str

    def needs(self) -> Needs:
        """The member and the hold."""
        return Needs(
            connections=frozenset({self.connection}),
            members=frozenset({self.member}),
            holds=frozenset({(self.member, self.version)}),
        )

    def decide(self, attempt: Attempt) -> HoldAnswer:
        """Release what is still open; a hold of nobody, or of another channel, is not found."""
        known = attempt.world.holds.get((self.member, self.version))
        if known is None or known.connection != self.connection:
            raise refused("hold_not_found")
        hold = open_hold(attempt.books_of(self.member), self.version)
        if hold is not None:
            end_hold(attempt, self.member, hold, "released")
        return hold_answer(attempt, self.member, self.version, 0, attempt.now)


@dataclass(frozen=True)
class LapseHolds:
    """Book the end of a member's holds whose time is over."""

    member: str

    def needs(self) -> Needs:
        """The member."""
        return Needs(members=frozenset({self.member}))

    def decide(self, attempt: Attempt) -> int:
        """How many ended."""
        return book_lapses(attempt, self.member)


def book_lapses(attempt: Attempt, member: str) -> int:
    """Book every hold of the member that has lapsed; gives how many."""
    over = holds.lapsed(attempt.books_of(member), attempt.now)
    for hold in over:
        end_hold(attempt, member, hold, "lapsed")
    return len(over)


def end_hold(attempt: Attempt, member: str, hold: Hold, how: holds.Ending) -> None:
    """Book a hold's release or lapse."""
    draft = Draft(attempt.books_of(member), attempt.now)
    give_back = holds.lapse if how == "lapsed" else holds.release
    give_back(draft, hold, attempt.now)
    entry = attempt.enter(draft, Cause(f"hold.{how}", hold_id(member, hold.version)))
    assert entry is not None
    attempt.end_hold(member, hold, entry, how, 0)


def open_hold(books: Books, version: int) -> Hold | None:
    """The open hold of this name."""
    return next((hold for hold in books.holds if hold.version == version), None)


def hold_answer(
    attempt: Attempt, member: str, version: int, points: int, lapses_at: datetime
) -> HoldAnswer:
    """The hold and what is left after it."""
    books = holds.as_if_lapsed(attempt.books_of(member), attempt.now)
    return HoldAnswer(
        hold=hold_id(member, version),
        points=points,
        lapses_at=lapses_at,
        spendable=spendable(books.lots, books.debt, attempt.now),
        balance_version=books.version,
    )


def hold_id(member: str, version: int) -> str:
    """The hold's public name, which carries its member."""
    return f"{HOLD_PREFIX}{member.removeprefix('mem_')}_{version}"


def parse_hold_id(hold: str) -> tuple[str, int]:
    """(member, version) of a hold's public name; raises TillRefused."""
    member, _, version = hold.removeprefix(HOLD_PREFIX).rpartition("_")
    if (
        not hold.startswith(HOLD_PREFIX)
        or not member
        or not version.isascii()
        or not version.isdigit()
    ):
        raise refused("hold_not_found")
    return f"mem_{member}", int(version[:18])
