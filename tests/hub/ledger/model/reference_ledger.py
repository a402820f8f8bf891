"""The reference ledger: small, slow and meant to be obviously right. No database, no cleverness.

Every point is an object with a state. Rules come from the design of the ledger; where that leaves
a choice, a comment says which one is made. This file has what is asked and answered once: holds,
sales at a till, corrections, quotas, merges.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from reference_orders import Orders
from reference_points import Is, OrderKey, Reserved, State, expires_at

Answer = tuple[object, ...]


class Refused(Exception):
    """A request that is not granted; its argument is the code."""


@dataclass
class ReferenceLedger(Orders):
    """The books of a few members, and every request that was accepted."""

    requests: dict[Answer, tuple[Answer, Answer]] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    claims: dict[str, dict[str, int]] = field(default_factory=dict)

    def once(self, key: Answer, content: Answer, decide: Callable[[], Answer]) -> Answer:
        """The first answer again for the same content; a refusal is not remembered."""
        if key in self.requests:
            known, answer = self.requests[key]
            if known != content:
                raise Refused("key_reused")
            return answer
        answer = decide()
        self.requests[key] = (content, answer)
        return answer

    # --- holds

    def hold(
        self, channel: str, key: str, member: str, amount: int, ttl: int, end: datetime
    ) -> Answer:
        """Set points aside, if spendable covers them."""
        return self.once(
            ("hold", channel, key),
            (member, amount, ttl),
            lambda: self._hold(channel, member, amount, end),
        )

    def _hold(self, channel: str, member: str, amount: int, end: datetime) -> Answer:
        if self.spendable(member) < amount:
            raise Refused("insufficient_points")
        points = self.usable(member, self.now)[:amount]
        for point in points:
            point.now = Is.HELD
        self.holds.append(Reserved(member, channel, points, end))
        return (len(self.holds) - 1, amount, end, self.spendable(member))

    def release(self, channel: str, number: int) -> Answer:
        """End a hold of the same channel; one that has ended stays as it ended."""
        hold = self.holds[number]
        if hold.channel != channel:
            raise Refused("hold_not_found")
        if hold.how is None:
            self.end(hold, "released", hold.points)
        return (self.spendable(hold.member),)

    # --- sales at a till

    def commit(
        self,
        sale: OrderKey,
        revision: int,
        state: State,
        member: str | None,
        hold: int | None,
        *,
        occurred: bool,
    ) -> Answer:
        """A finished sale at a till: a request, or what has happened and is never refused.

        Told as the one and as the other it is one: a register may have gone offline in between.
        """
        return self.once(
            ("sale", sale, revision),
            (state, member, hold),
            lambda: self._commit(sale, state, member, hold, occurred),
        )

    def _commit(
        self, sale: OrderKey, state: State, member: str | None, number: int | None, occurred: bool
    ) -> Answer:
        if member is None and (state.used or number is not None):
            raise Refused("points_without_member")
        hold = self.holds[number] if number is not None else None
        if not occurred:
            self._require_own(hold, sale, member)
            self._require_covered(hold, sale, state, member)
        if hold and (hold.channel != sale[0] or not self.together(hold.member, member or "")):
            hold = None
        state = replace(state, receipt=sale[1])
        if self.see(sale, state, member, hold=hold, request=not occurred) == "alias":
            if hold is not None and hold.how is None:
                self.capture(hold, sale, 0)
            first = self.same[sale]
            who = self.orders[first].member
            posted = self.posted(who, first) if first[0] == sale[0] else (0, 0)
            return (who, *posted, self.spendable(who) if who else 0)
        who = self.orders[sale].member
        return (who, *self.posted(who, sale), self.spendable(who) if who else 0)

    def _require_own(self, hold: Reserved | None, sale: OrderKey, member: str | None) -> None:
        """A hold pays for one sale of its own channel and member."""
        if hold is None:
            return
        if hold.channel != sale[0] or hold.how == "released":
            raise Refused("hold_not_found")
        if not self.together(hold.member, member or ""):
            raise Refused("hold_of_other_member")
        if hold.how == "captured" and hold.sale != sale:
            raise Refused("hold_used")

    def _require_covered(
        self, hold: Reserved | None, sale: OrderKey, state: State, member: str | None
    ) -> None:
        """A request takes no more than its own hold, what it has already, and what is spendable."""
        if state.cancelled or not state.used or member is None:
            return
        if state.used > state.yen:
            raise Refused("points_exceed_total")
        reserved = len(hold.points) if hold and hold.how is None else 0
        has = self.posted(member, self.counted_at(sale))[1]
        if state.used > reserved + has + self.spendable(member):
            raise Refused("insufficient_points")

    # --- corrections

    def adjust(
        self,
        key: str,
        member: str,
        points: int,
        at: datetime | None,
        end: datetime | None,
        occurred: bool,
    ) -> Answer:
        """A person gives points, or takes what is spendable; what has happened may become debt."""
        return self.once(
            ("adjust", key),
            (member, points, at, end, occurred),
            lambda: self._adjust(member, points, min(at or self.now, self.now), end, occurred),
        )

    def _adjust(
        self, member: str, points: int, at: datetime, end: datetime | None, occurred: bool
    ) -> Answer:
        if points > 0:
            self.grant(points, member, "adjustment", None, at, at, end or expires_at(at))
        elif occurred:
            self.use(member, -points, at, Is.WITHDRAWN)
        else:
            self._withdraw(member, -points)
        return self._balance(member)

    def exchange(self, key: str, member: str, points: int) -> Answer:
        """Points from another program, or spendable ones to it."""

        def decide() -> Answer:
            if points > 0:
                ends = expires_at(self.now)
                self.grant(points, member, "exchange", None, self.now, self.now, ends)
            else:
                self._withdraw(member, -points)
            return self._balance(member)

        return self.once(("exchange", key), (member, points), decide)

    def bring(
        self, key: str, member: str, points: int, at: datetime, end: datetime | None
    ) -> Answer:
        """Points from the system used before, with that system's dates; no end: for ever."""

        def decide() -> Answer:
            self.grant(points, member, "migration", None, at, at, end)
            return self._balance(member)

        return self.once(("import", key), (member, points, at, end), decide)

    def write_off(self, key: str, member: str, points: int) -> Answer:
        """Forgive this much of the member's own debt."""

        def decide() -> Answer:
            if points > self.debts[member]:
                raise Refused("debt_smaller")
            self.debts[member] -= points
            return self._balance(member)

        return self.once(("write_off", key), (member, points), decide)

    def _withdraw(self, member: str, points: int) -> None:
        if points > self.spendable(member):
            raise Refused("insufficient_points")
        for point in self.usable(member, self.now)[:points]:
            point.now = Is.WITHDRAWN

    def _balance(self, member: str) -> Answer:
        debt = sum(n for home, n in self.debts.items() if self.together(home, member))
        return (self.spendable(member), -debt)

    # --- quotas and merges

    def claim(self, quota: str, claimant: str, wanted: int) -> int:
        """The most ever granted to a claimant stays theirs; all of them together keep the limit."""
        claims = self.claims.setdefault(quota, {})
        had = claims.get(claimant, 0)
        claims[claimant] = had + max(
            0, min(wanted - had, self.limits[quota] - sum(claims.values()))
        )
        return min(claims[claimant], wanted)

    def merge(self, member: str, into: str) -> None:
        """The two groups are one from now on; no lot moves."""
        if not self.together(member, into):
            self.merged[self.root(member)] = self.root(into)

    def unmerge(self, member: str) -> None:
        """The member stands alone again, with those merged into them."""
        self.merged.pop(member, None)
