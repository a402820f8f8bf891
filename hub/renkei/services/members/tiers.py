"""Booking what reaching a tier gives. Which tier a member has never waits for it."""

from dataclasses import dataclass
from datetime import datetime

from renkei.ledger.books import Lot
from renkei.ledger.chart import Account as A
from renkei.ledger.corrections import grant
from renkei.ledger.entry import Cause
from renkei.ledger.past import NewReach, PastOf, Reach
from renkei.ledger.world import Known, Needs
from renkei.loyalty.program import Program
from renkei.loyalty.tiers import Reached, looked_at, looks_back, periods, reached
from renkei.services.attempt import Attempt
from renkei.services.members.member_facts import past_of
from renkei.services.points.coupons import Occasion, grant_needs, issue
from renkei.services.points.hold import book_lapses
from renkei.services.rules import rules_of


@dataclass(frozen=True)
class ReachTiers:
    """Book what a member has reached and was not given yet. ``asked_at`` is now.

    ``rules`` are in force, and say how far back the member's sales are looked at. What was reached
    before the rules had that tier gives nothing. ``seed`` is an id nobody can guess: the codes of
    coupons are drawn from it.
    """

    member: str
    rules: Program
    asked_at: datetime
    seed: str

    def needs(self) -> Needs:
        """The member and their past."""
        tiers = self.rules.tiers
        since = looks_back(tiers, self.asked_at, self.rules.clock)
        past = PastOf(self.member, since, points=tiers.metric == "points", reached=True)
        return Needs(members=frozenset({self.member}), pasts=frozenset({past}))

    def further(self, known: Known) -> Needs:
        """The coupons that levels give, whatever version had them when they were reached."""
        levels = {level for one in known.programs for level in rules_of(one).tiers.levels}
        when = periods(self.rules.tiers, self.asked_at, self.rules.clock)
        named = (
            (self.member, level.coupon, _occasion(level.name, period))
            for level in levels
            for period in when
            if level.coupon
        )
        return grant_needs(known, named)

    def decide(self, attempt: Attempt) -> tuple[Reached, ...]:
        """What was reached and is booked now, oldest first."""
        attempt.staged.tiers_seen.add(self.member)
        found = attempt.program_in_force(self._program(attempt), self.asked_at)
        if found is None or not found[1].tiers.rewards:
            return ()
        rules = found[1]
        past = past_of(attempt, self.member)
        if past.sales:
            self._look_again(attempt, rules, max(sale.at for sale in past.sales))
        booked = past.reached | self._just_booked(attempt)
        new = tuple(
            promised
            for one in reached(rules.tiers, past.sales, self.asked_at, rules.clock)
            if Reach(one.level.name, one.period) not in booked
            and (promised := self._promised(attempt, one)) is not None
        )
        for one in new:
            self._book(attempt, one, found)
        return new

    def _program(self, attempt: Attempt) -> str:
        return attempt.group_of(self.member).program

    def _just_booked(self, attempt: Attempt) -> frozenset[Reach]:
        """By this batch, for whoever counts together with the member."""
        homes = attempt.group_of(self.member).members
        every = attempt.world.staged.reached
        return frozenset(one.reach for one in every if one.member in homes)

    def _look_again(self, attempt: Attempt, rules: Program, newest: datetime) -> None:
        """Sales of a month, or period, that is not over wait for its end."""
        due = looked_at(rules.tiers, newest, rules.clock)
        if due > self.asked_at:
            attempt.staged.tiers_due[self.member] = due

    def _promised(self, attempt: Attempt, one: Reached) -> Reached | None:
        """It with the level as the rules had it when it was reached, if that gives something."""
        then = attempt.program_in_force(self._program(attempt), one.at)
        level = then[1].tiers.level(one.level.name) if then else None
        return one._replace(level=level) if level and (level.bonus or level.coupon) else None

    def _book(self, attempt: Attempt, one: Reached, found: tuple[int, Program]) -> None:
        """Once for ever; points go to the member who stands for their group."""
        root, level = attempt.group_of(self.member).root, one.level
        reach = Reach(level.name, one.period)
        attempt.staged.reached.append(NewReach(root, reach, one.at))
        if level.coupon:
            self._give_coupon(attempt, one, level.coupon)
        if level.bonus:
            self._give_points(attempt, root, one, level.bonus, found)

    def _give_coupon(self, attempt: Attempt, one: Reached, kind: str) -> None:
        """With the terms the rules had then; nothing if the member had all there are of it."""
        then = attempt.program_in_force(self._program(attempt), one.at)
        at = min(one.at, attempt.now)
        occasion = Occasion(_occasion(one.level.name, one.period), at, self.seed)
        issue(attempt, self.member, kind, then, occasion)

    def _give_points(
        self, attempt: Attempt, root: str, one: Reached, bonus: int, found: tuple[int, Program]
    ) -> None:
        version, rules = found
        level = one.level
        book_lapses(attempt, root)
        draft = attempt.draft(root, min(one.at, attempt.now))
        grant(draft, "earn", A.ISSUED, _bonus(bonus, rules, draft.event_at), attempt.now)
        why = (f"reached {level.called}: {bonus}",)
        key = f"{level.name}/{one.period}"
        attempt.enter(draft, Cause("tier", key, program_version=version, reasons=why))


def _occasion(level: str, period: str) -> str:
    return f"tier/{level}/{period}"


def _bonus(points: int, rules: Program, at: datetime) -> Lot:
    return Lot(
        number=0,
        origin="tier",
        granted=points,
        granted_at=at,
        usable_from=rules.usable_from(at),
        expires_at=rules.expires_at(at),
        slides_months=rules.slides_months,
        yen_value=points * rules.redeem.yen_per_point,
    )
