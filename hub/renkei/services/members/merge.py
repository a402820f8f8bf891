"""Merging members by a pointer, and parting them again. Who merges whom is decided elsewhere."""

from dataclasses import dataclass

from renkei.errors import BookingRefused
from renkei.ledger.books import Group
from renkei.ledger.staged import Merge
from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt
from renkei.services.members.member_facts import look_at_tiers


@dataclass(frozen=True)
class MergeAnswer:
    """Whose points count together now, root first."""

    members: tuple[str, ...]


@dataclass(frozen=True)
class MergeMembers:
    """``member``, with everybody merged into them, counts with ``into`` from now on.

    Lots, debt and history stay where they are. Merging those who are one already changes nothing.
    Raises UnknownMember, BookingRefused. ``by`` names what asked for it.
    """

    member: str
    into: str
    by: str

    def needs(self) -> Needs:
        """Both groups."""
        return Needs(members=frozenset({self.member, self.into}))

    def decide(self, attempt: Attempt) -> MergeAnswer:
        """Point the one root at the other."""
        group, other = attempt.group_of(self.member), attempt.group_of(self.into)
        if group.root != other.root:
            _require_one_program(group, other)
            point(attempt, group.root, other.root, self.by)
            rules = attempt.program_in_force(group.program, attempt.now)
            if rules:
                look_at_tiers(attempt, other.root, attempt.now, rules[1])
        return _answer(attempt.group_of(self.member))


@dataclass(frozen=True)
class UnmergeMember:
    """``member``, with everybody merged into them, stands alone again; what happened in between is
    divided lot by lot. Parting who is merged with nobody changes nothing.
    """

    member: str
    by: str

    def needs(self) -> Needs:
        """The group."""
        return Needs(members=frozenset({self.member}))

    def decide(self, attempt: Attempt) -> MergeAnswer:
        """Drop the pointer; both sides show a newer balance than the group last did."""
        before = attempt.group_of(self.member)
        merged = {**attempt.world.merged, **attempt.merged}
        if merged.get(self.member) is not None:
            point(attempt, self.member, None, self.by)
            for root in (self.member, before.root):
                _show_newer(attempt, root, before.version)
        return _answer(attempt.group_of(self.member))


def point(attempt: Attempt, member: str, into: str | None, by: str) -> None:
    """Set or drop a pointer; everyone whose balance changes by it is shown anew."""
    attempt.touch(member)
    attempt.merged[member] = into
    attempt.staged.merges.append(Merge(member, into, by))
    attempt.touch(member)


def _show_newer(attempt: Attempt, root: str, version: int) -> None:
    behind = version + 1 - attempt.group_of(root).version
    if behind > 0:
        books = attempt.books_of(root)
        lead = books.version_lead + behind
        attempt.books[root] = books._replace(version_lead=lead)
        attempt.staged.leads[root] = lead


def _require_one_program(group: Group, other: Group) -> None:
    if group.program != other.program:
        raise BookingRefused(
            "other_program", f"{group.root} and {other.root} are members of different programs"
        )


def _answer(group: Group) -> MergeAnswer:
    return MergeAnswer(tuple(books.member for books in group.homes))
