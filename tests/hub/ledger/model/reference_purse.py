"""The points of a few members: whose they are, what happened to each, what is owed.

There are no jobs: a hold ends when its time is over and a point is dead when its lot's time is
over, at once, because the clock says so.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reference_points import Is, Lot, OrderKey, Owed, Point, Reserved


@dataclass
class Purse:
    """Points, debts and holds. ``merged`` are the pointers: member → into whom."""

    now: datetime
    lots: list[Lot] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    debts: Counter[str] = field(default_factory=Counter)
    holds: list[Reserved] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)

    # --- what anybody may ask

    def spendable(self, member: str) -> int:
        """Usable points that are not over, less debt; never below zero."""
        debt = sum(n for home, n in self.debts.items() if self.together(home, member))
        return max(0, len(self.usable(member, self.now)) - debt)

    def alone(self, home: str) -> int:
        """What the member's own points less their own debt come to."""
        own = [p for p in self.usable(home, self.now) if p.lot.home == home]
        return max(0, len(own) - self.debts[home])

    def pending(self, member: str) -> int:
        """Points that wait for a condition."""
        return sum(p.now is Is.PENDING and self.together(p.lot.home, member) for p in self.points)

    def usable(self, member: str, at: datetime) -> list[Point]:
        """Points that could be spent at that instant: soonest end first, then earliest granted."""
        alive = [
            p
            for p in self.points
            if p.now is Is.AVAILABLE and self.together(p.lot.home, member) and p.lot.alive(at)
        ]
        return sorted(alive, key=lambda p: p.lot.turn)

    def together(self, one: str, other: str) -> bool:
        """Whether their points count together."""
        return self.root(one) == self.root(other)

    def root(self, member: str) -> str:
        """Where the pointers end."""
        while member in self.merged:
            member = self.merged[member]
        return member

    # --- the clock

    def advance(self, now: datetime) -> None:
        """Let time pass: holds lapse in the order of their ends, each at its own instant."""
        for hold in sorted(self.holds, key=lambda one: one.lapses_at):
            if hold.how is None and hold.lapses_at <= now:
                self.now = max(self.now, hold.lapses_at)
                self.end(hold, "lapsed", hold.points)
        self.now = now

    # --- what can happen to points

    def use(self, member: str, amount: int, at: datetime, how: Is) -> list[Point | Owed]:
        """A fact: points alive when it happened, then points alive now, then debt."""
        then = self.usable(member, at)
        since = [p for p in self.usable(member, self.now) if p not in then]
        taken: list[Point | Owed] = []
        for point in (then + since)[:amount]:
            point.now = how
            taken.append(point)
        short = amount - len(taken)
        self.debts[member] += short
        return taken + [Owed(member) for _ in range(short)]

    def restore(self, point: Point, order: OrderKey, at: datetime, until: datetime) -> None:
        """Back to its lot, or to a new one with grace where the lot's time is over."""
        if point.lot.dead(self.now):
            point.now = Is.RESTORED
            self.grant(1, point.lot.home, "restore", order, at, self.now, until)
        else:
            point.now = Is.AVAILABLE
            self.repay([point])

    def forgive(self, owed: Owed, order: OrderKey, at: datetime, until: datetime) -> None:
        """Undo a debt. If points have repaid it, the newest lot that repaid gets its point back.

        Debts of a home are one sum: whose debt a point repaid is not kept. A debt that was written
        off left nothing to go back to: a new lot.
        """
        repaid = [p for p in self.points if p.now is Is.NETTED and p.lot.home == owed.home]
        if self.debts[owed.home]:
            self.debts[owed.home] -= 1
        elif repaid:
            self.restore(max(repaid, key=lambda p: p.lot.number), order, at, until)
        else:
            self.grant(1, owed.home, "restore", order, at, self.now, until)

    def repay(self, points: Iterable[Point]) -> None:
        """Every inflow repays its own home's debt first, usable or not."""
        for point in points:
            if self.debts[point.lot.home]:
                self.debts[point.lot.home] -= 1
                point.now = Is.NETTED

    def grant(
        self,
        amount: int,
        home: str,
        origin: str,
        order: OrderKey | None,
        granted_at: datetime,
        usable_from: datetime | None,
        expires_at: datetime | None,
    ) -> list[Point]:
        """A new lot. Without dates it waits; with dates it repays debt, even if it is born dead."""
        if not amount:
            return []
        lot = Lot(len(self.lots) + 1, home, origin, order, granted_at, usable_from, expires_at)
        self.lots.append(lot)
        waits = usable_from is None
        made = [Point(lot, Is.PENDING if waits else Is.AVAILABLE) for _ in range(amount)]
        self.points += made
        if not waits:
            self.repay(made)
        return made

    # --- holds

    def capture(self, hold: Reserved, order: OrderKey, amount: int) -> list[Point]:
        """Use up to ``amount`` of the hold, whatever has expired meanwhile; the rest comes back."""
        used, rest = hold.points[: max(0, amount)], hold.points[max(0, amount) :]
        for point in used:
            point.now = Is.REDEEMED
        hold.sale = order
        self.end(hold, "captured", rest)
        return used

    def end(self, hold: Reserved, how: str, rest: Iterable[Point]) -> None:
        """What comes back repays debt, unless its time is over: then it is gone."""
        hold.how = how
        for point in rest:
            point.now = Is.AVAILABLE
        self.repay(p for p in rest if not p.lot.dead(self.now))
