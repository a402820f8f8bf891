"""An activity of a member is booked: its points, unless one of its caps is reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from renkei.errors import BookingRefused
from renkei.ledger.books import Lot
from renkei.ledger.chart import Account as A
from renkei.ledger.corrections import grant
from renkei.ledger.entry import Cause, digest_of
from renkei.ledger.keys import ClaimKey, RequestKey
from renkei.ledger.lots import spendable
from renkei.ledger.world import Known, Needs
from renkei.loyalty.activity import Activity, Cap, caps_of
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.points.hold import book_lapses
from renkei.services.rules import in_force, require_plausible
from renkei_contracts.point import ActivityAnswer, ActivitySeen


@dataclass(frozen=True)
class BookActivity:
    """An activity, once per key: the same again gives the first answer.

    Beyond a cap it is answered with no points and the reason. Raises UnknownMember, KeyReused,
    RequestInvalid, and BookingRefused for an activity the program does not know.
    """

    ask: ActivitySeen

    @property
    def request(self) -> RequestKey:
        """The caller's key."""
        return (f"activity/{self.ask.source}", self.ask.key)

    def needs(self) -> Needs:
        """The member and the request."""
        return Needs(
            members=frozenset({self.ask.member}),
            requests=frozenset({self.request}),
            since=self.ask.occurred_at,
        )

    def further(self, known: Known) -> Needs:
        """The caps of this activity in every program: which one is the member's shows later."""
        ids = {one.program for one in known.programs}
        rules = (in_force(known.programs, program, self.ask.occurred_at) for program in ids)
        keys = {self._claim(cap) for found in rules if found for cap in self._caps(found[1])}
        return Needs(claims=frozenset(keys))

    def decide(self, attempt: Attempt) -> ActivityAnswer:
        """The first answer again, or what it gives."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        first = attempt.first_answer(self.request, digest, ActivityAnswer)
        if first is not None:
            return first
        require_plausible("occurred_at", self.ask.occurred_at, attempt.now)
        answer = self._book(attempt)
        attempt.remember(self.request, digest, answer)
        return answer

    def _book(self, attempt: Attempt) -> ActivityAnswer:
        program = attempt.books_of(self.ask.member).program
        found = attempt.program_in_force(program, self.ask.occurred_at)
        activity = self._activity(found[1]) if found else None
        if found is None or activity is None:
            raise BookingRefused(
                "activity_unknown", f"program {program} gives nothing for {self.ask.kind!r:.60}"
            )
        if not activity.counts_in(self.ask.occurred_at.astimezone(found[1].clock).month):
            months = ", ".join(str(month) for month in activity.months)
            return self._answer(attempt, 0, f"only in months {months}")
        caps = list(self._caps(found[1]))
        full = self._full(attempt, caps)
        if full is not None:
            return self._answer(attempt, 0, f"at most {full.times} {full.words}")
        for cap in caps:
            attempt.claim(self._claim(cap), 1, cap.times)
        self._grant(attempt, activity, found)
        return self._answer(attempt, activity.points, activity.called)

    def _full(self, attempt: Attempt, caps: Sequence[Cap]) -> Cap | None:
        """The first cap that leaves nothing: looked at before any is claimed from."""
        for cap in caps:
            name = (cap.scope, cap.period)
            quota = attempt.quotas.get(name) or attempt.world.quotas.get(name)
            if quota is not None and quota.used >= max(quota.limit, cap.times):
                return cap
        return None

    def _grant(self, attempt: Attempt, activity: Activity, found: tuple[int, Program]) -> None:
        version, rules = found
        book_lapses(attempt, self.ask.member)
        draft = attempt.draft(self.ask.member, min(self.ask.occurred_at, attempt.now))
        lot = Lot(
            number=0,
            origin="activity",
            granted=activity.points,
            granted_at=draft.event_at,
            usable_from=rules.usable_from(draft.event_at),
            expires_at=rules.expires_at(draft.event_at),
            slides_months=rules.slides_months,
            yen_value=activity.points * rules.redeem.yen_per_point,
        )
        if activity.point_type is not None:
            typed = rules.typed(activity.point_type, activity.points, draft.event_at)
            lot = lot._replace(
                point_type=typed.point_type,
                only_at=typed.only_at,
                expires_at=typed.expires_at,
                slides_months=typed.slides_months,
            )
        grant(draft, "earn", A.ISSUED, lot, attempt.now)
        why = (f"{activity.called}: {activity.points}",)
        attempt.enter(draft, Cause("activity", self.ask.key, program_version=version, reasons=why))

    def _answer(self, attempt: Attempt, points: int, reason: str) -> ActivityAnswer:
        group = attempt.group_of(self.ask.member)
        return ActivityAnswer(
            points=points,
            reason=reason,
            spendable=spendable(group.lots, group.debt, attempt.now),
            balance_version=group.version,
            as_of=attempt.now,
        )

    def _activity(self, rules: Program) -> Activity | None:
        return next((one for one in rules.activities if one.name == self.ask.kind), None)

    def _caps(self, rules: Program) -> Sequence[Cap]:
        activity = self._activity(rules)
        if activity is None:
            return ()
        return tuple(caps_of(activity, rules.id, self.ask, rules.clock))

    def _claim(self, cap: Cap) -> ClaimKey:
        return (cap.scope, cap.period, f"{self.ask.source}/{self.ask.key}")
