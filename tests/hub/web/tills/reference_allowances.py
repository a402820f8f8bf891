"""Points set aside for a till's time offline, in the reference ledger: a hold that pays for many.

Written from docs/pos-v1.md, "Points without network"; nothing is taken from the hub.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reference_ledger import Answer, ReferenceLedger, Refused
from reference_points import FOR_EVER, OrderKey, Point, Reserved, State

GRACE = timedelta(hours=24)


@dataclass(eq=False)
class SetAside(Reserved):
    """An allowance. ``lapses_at`` is when the time to report ends; ``uses``: count → sale.

    ``told``: what the newest revision of each count's sale says that it used.
    """

    till: str = ""
    expires_at: datetime = FOR_EVER
    uses: dict[int, OrderKey] = field(default_factory=dict)
    told: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def booked(self) -> int:
        """What its sales used, as they were told last."""
        return sum(points for _, points in self.told.values())


@dataclass(frozen=True)
class Use:
    """What a sale says: which allowance (its number among the holds), and the till's count."""

    allowance: int
    counter: int


@dataclass
class Allowances(ReferenceLedger):
    """``told`` are the alerts a person would read: (kind, sale or member)."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def give(self, till: str, key: str, member: str, amount: int, ttl: int) -> Answer:
        """Set points aside; the answer's first part is the number of the hold."""
        return self.once(
            ("allowance", till, key),
            (member, amount, ttl),
            lambda: self._give(till, member, amount, self.now + timedelta(seconds=ttl)),
        )

    def _give(self, till: str, member: str, amount: int, expires_at: datetime) -> Answer:
        if self.spendable(member) < amount:
            raise Refused("insufficient_points")
        number, *_ = self._hold("pos", member, amount, expires_at + GRACE)
        held = self.holds[-1]
        self.holds[-1] = SetAside(
            member, held.channel, held.points, held.lapses_at, till=till, expires_at=expires_at
        )
        return (number, amount, expires_at, expires_at + GRACE, self.spendable(member))

    def capture(self, hold: Reserved, order: OrderKey, amount: int) -> list[Point]:
        """The rest of an allowance stays held for the next sale."""
        if not isinstance(hold, SetAside):
            return super().capture(hold, order, amount)
        rest = hold.points[max(0, amount) :]
        used = super().capture(
            Reserved(
                hold.member, hold.channel, hold.points[: max(0, amount)], hold.lapses_at, hold.how
            ),
            order,
            amount,
        )
        hold.points = rest
        hold.how = None if rest else "captured"
        return used

    def pay_from(
        self, till: str, sale: OrderKey, revision: int, state: State, who: str, use: Use, fact: bool
    ) -> SetAside | None:
        """The allowance that pays, with its use counted; None: a fact that may not use it."""
        given = self.holds[use.allowance]
        assert isinstance(given, SetAside)
        why = self._misuse(till, sale, state, who, given, use, fact)
        if why is not None and not fact:
            raise Refused(why)
        if why is not None:
            self.told.append(("allowance_misused", sale[1]))
            return None
        left = len(given.points) if given.how is None else 0
        has = self.posted(who, sale)[1]
        if not state.cancelled and state.used > left + has:
            if not fact:
                raise Refused("allowance_exceeded")
            self.told.append(("allowance_exceeded", sale[1]))
        given.uses[use.counter] = sale
        newest = (revision, 0 if state.cancelled else state.used)
        given.told[use.counter] = max(newest, given.told.get(use.counter, newest))
        return given

    def _misuse(
        self,
        till: str,
        sale: OrderKey,
        state: State,
        who: str,
        given: SetAside,
        use: Use,
        fact: bool,
    ) -> str | None:
        if given.till != till:
            return "allowance_not_found"
        if not self.together(given.member, who):
            return "allowance_of_other_member"
        counts = {one: counter for counter, one in given.uses.items()}
        if counts.get(sale, use.counter) != use.counter:
            return "allowance_counter"  # a sale keeps the count it has
        other = given.uses.get(use.counter)
        follows = use.counter == max(given.uses, default=0) + 1
        if other != sale and (other is not None or not (fact or follows)):
            return "allowance_counter"
        over = given.expires_at <= (state.placed_at if fact else self.now)
        return "allowance_over" if over else None

    def close(self, till: str, number: int, last: int, points: int) -> Answer:
        """The till's report: what no sale may still use flows back."""
        given = self.holds[number]
        assert isinstance(given, SetAside)
        if given.till != till:
            raise Refused("allowance_not_found")
        left = len(given.points) if given.how is None else 0
        kept = min(left, max(0, points - given.booked))
        if left > kept:
            rest, given.points = given.points[kept:], given.points[:kept]
            self.end(given, "released", rest)
            given.how = None if kept else "released"
        missing = tuple(n for n in range(1, last + 1) if n not in given.uses)
        differs = points != given.booked or missing or last < max(given.uses, default=0)
        if ("report", number, last, points) not in self.requests and differs:
            self.told.append(("allowance_differs", given.member))
        self.requests["report", number, last, points] = ((), ())
        spendable = self.spendable(given.member)
        return (given.booked, missing, points - given.booked, left - kept, kept, spendable)


def counted(state: State, revision: int, sold_at: datetime) -> State:
    """A till has no clock for its revisions: they count microseconds of the sale's own time."""
    return replace(state, clock=sold_at + timedelta(microseconds=revision))
