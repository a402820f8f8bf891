"""Holds as commands: place, release, and book what has lapsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel

from renkei.errors import KeyReused
from renkei.ledger import holds
from renkei.ledger.books import Channel, Hold, HoldName
from renkei.ledger.entry import Cause, digest_of, micros
from renkei.ledger.keys import RequestKey
from renkei.ledger.lots import spendable
from renkei.ledger.staged import NewHold
from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt
from renkei.services.refusals import refused
from renkei_contracts.aftersale import ExtendRequest
from renkei_contracts.till import HoldAnswer, HoldRequest, HoldState

HOLD_PREFIX = "hld_"
LONGEST_VERSION = 18
"""Digits that any version of a member's books has at most."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class PlaceHold:
    """Set points aside. The same key with the same content gives the first answer again."""

    ask: HoldRequest
    scope: str
    channel: Channel

    @property
    def request(self) -> RequestKey:
        """The register's own name for this hold."""
        return (f"hold/{self.scope}", self.ask.key)

    def needs(self) -> Needs:
        """The member and the key."""
        return Needs(
            connections=frozenset({self.channel.connection}),
            members=frozenset({self.ask.member}),
            requests=frozenset({self.request}),
        )

    def decide(self, attempt: Attempt) -> HoldAnswer:
        """Refused unless spendable covers it, counting every other open hold."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        first = first_answer(attempt, self.request, digest, HoldAnswer)
        if first is not None:
            return first
        attempt.connection(self.channel.connection)
        if not attempt.knows(self.ask.member):
            raise refused("member_not_found", self.ask.member)
        book_lapses(attempt, self.ask.member)
        member, points = self.ask.member, self.ask.points
        lapses_at = attempt.now + timedelta(seconds=self.ask.ttl_seconds)
        name = (self.scope, self.ask.key)
        lead = place_hold(attempt, name, member, points, lapses_at, self.channel)
        answer = hold_answer(attempt, member, lead, points, lapses_at, self.channel)
        attempt.remember(self.request, digest, answer)
        return answer


@dataclass(frozen=True)
class ReleaseHold:
    """Give a hold back. Releasing one that has ended changes nothing."""

    name: HoldName
    channel: Channel

    def needs(self) -> Needs:
        """The member and the hold."""
        return Needs(
            connections=frozenset({self.channel.connection}),
            members=frozenset({self.name[0]}),
            holds=frozenset({self.name}),
        )

    def decide(self, attempt: Attempt) -> HoldAnswer:
        """Release what is still open; a hold of nobody, or of another channel, is not found."""
        known = attempt.known_hold(self.name)
        if known is None or known.connection != self.channel.connection:
            raise refused("hold_not_found", hold_id(self.name))
        book_lapses(attempt, self.name[0])  # what lapsed before has repaid debt before
        end_hold(attempt, self.name[0], attempt.parts_of(self.name), "released")
        return hold_answer(attempt, known.for_member, self.name, 0, attempt.now, self.channel)


@dataclass(frozen=True)
class ExtendHold:
    """Keep a hold open for longer; again, or for a shorter time, changes nothing."""

    name: HoldName
    ask: ExtendRequest
    channel: Channel

    def needs(self) -> Needs:
        """The member and the hold."""
        return ReleaseHold(self.name, self.channel).needs()

    def decide(self, attempt: Attempt) -> HoldAnswer:
        """Refused once its time is over or it has ended: what it held may be spent by now."""
        known = attempt.known_hold(self.name)
        if known is None or known.connection != self.channel.connection:
            raise refused("hold_not_found", hold_id(self.name))
        parts = attempt.parts_of(self.name)
        if not parts:
            raise refused("hold_ended", hold_id(self.name))
        until = attempt.now + timedelta(seconds=self.ask.ttl_seconds)
        for part in parts:
            if part.lapses_at < until:
                attempt.extend_hold(part, until)
        lapses_at = max(until, *(part.lapses_at for part in parts))
        points = sum(part.amount for part in parts)
        return hold_answer(attempt, known.for_member, self.name, points, lapses_at, self.channel)


@dataclass(frozen=True)
class LookAtHold:
    """Reads a hold under its member's lock: what was told before, by whatever call, is in it."""

    name: HoldName
    channel: Channel

    def needs(self) -> Needs:
        """The member and the hold."""
        return ReleaseHold(self.name, self.channel).needs()

    def decide(self, attempt: Attempt) -> HoldState:
        """What is still set aside, or how it ended; one whose time is over has lapsed.

        Refused where it is nobody's, or another channel's.
        """
        known = attempt.known_hold(self.name)
        if known is None or known.connection != self.channel.connection:
            raise refused("hold_not_found", hold_id(self.name))
        parts = attempt.parts_of(self.name)
        return HoldState.model_validate(
            {
                "hold": hold_id(self.name),
                "member": known.for_member,
                "state": "open" if parts else known.how or "lapsed",
                "points": sum(part.amount for part in parts),
                "lapses_at": max((part.lapses_at for part in parts), default=None),
                "sale": known.order[1] if known.order and known.how == "captured" else "",
                "as_of": attempt.now,
            }
        )


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


def place_hold(
    attempt: Attempt,
    name: tuple[str, str],
    member: str,
    points: int,
    lapses_at: datetime,
    channel: Channel,
) -> HoldName:
    """Set points aside; ``name`` is who asks, and how they name it. Refused beyond spendable."""
    now, group = attempt.now, attempt.group_of(member)
    if spendable(group.lots, group.debt, now, channel) < points:
        raise refused("insufficient_points")
    draft = attempt.draft(member, now, channel)
    frozen = holds.place(draft, points, now)
    facts = {"connection": channel.connection, "lapses_at": micros(lapses_at)}
    entries = attempt.enter(draft, Cause("hold", "/".join(name), facts={"hold": facts}))
    home = frozen[0][0][0]
    lead = (home, entries[home].version)
    for entry in entries.values():
        part = NewHold(
            member=entry.member,
            version=entry.version,
            scope=name[0],
            key=name[1],
            connection=channel.connection,
            amount=holds.in_home(frozen, entry.member),
            lapses_at=lapses_at,
            lead=lead,
            for_member=member,
        )
        attempt.add_hold(part, frozen)
    return lead


def first_answer(attempt: Attempt, request: RequestKey, digest: bytes, kind: type[M]) -> M | None:
    """What a register's key was answered before; refused where it asked for something else."""
    try:
        return attempt.first_answer(request, digest, kind)
    except KeyReused:
        raise refused("key_reused", request[1]) from None


def book_lapses(attempt: Attempt, member: str) -> int:
    """Book every part of a hold that has lapsed in the member's group; gives how many."""
    over = holds.lapsed(attempt.group_of(member).holds, attempt.now)
    for part in over:
        end_hold(attempt, part.home, [part], "lapsed")
    return len(over)


def end_hold(attempt: Attempt, member: str, parts: Sequence[Hold], how: holds.Ending) -> None:
    """Book a hold's release, or the lapse of a part, which happened when its time was over."""
    if not parts:
        return
    lapses = how == "lapsed"
    event_at = parts[0].lapses_at if lapses else attempt.now
    draft = attempt.draft(member, event_at, beside=[part.home for part in parts])
    give_back = holds.lapse if lapses else holds.release
    give_back(draft, parts, attempt.now)
    entries = attempt.enter(draft, Cause(f"hold.{how}", hold_id(parts[0].lead)))
    attempt.end_hold(parts, entries, how)


def hold_answer(
    attempt: Attempt,
    member: str,
    name: HoldName,
    points: int,
    lapses_at: datetime,
    channel: Channel,
) -> HoldAnswer:
    """The hold and what is left after it."""
    group = holds.as_if_lapsed(attempt.group_of(member), attempt.now)
    return HoldAnswer(
        hold=hold_id(name),
        points=points,
        lapses_at=lapses_at,
        spendable=spendable(group.lots, group.debt, attempt.now, channel),
        balance_version=group.version,
    )


def hold_id(name: HoldName) -> str:
    """The hold's public name, which carries the home of its first part."""
    member, version = name
    return f"{HOLD_PREFIX}{member.removeprefix('mem_')}_{version}"


def parse_hold_id(hold: str) -> HoldName:
    """The name of a hold from its public one; raises TillRefused."""
    member, _, version = hold.removeprefix(HOLD_PREFIX).rpartition("_")
    if (
        not hold.startswith(HOLD_PREFIX)
        or not member
        or not version.isascii()
        or not version.isdigit()
        or len(version) > LONGEST_VERSION
    ):
        raise refused("hold_not_found", hold)
    return f"mem_{member}", int(version)
