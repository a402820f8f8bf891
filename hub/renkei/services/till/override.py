"""Points a cashier moves by hand: within limits, or in place of a receipt that is lost."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from renkei.errors import RequestInvalid
from renkei.ledger.entry import digest_of
from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.keys import ClaimKey, RequestKey
from renkei.ledger.lots import spendable
from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt
from renkei.services.points.corrections import Adjust
from renkei.services.points.hold import first_answer
from renkei.services.refusals import refused
from renkei.services.rules import require_plausible
from renkei.services.target import evaluation_of
from renkei.services.till.till_terminal import Terminal
from renkei.storage.sealed import KeyRing
from renkei_contracts.aftersale import OverrideRequest, ReturnRequest
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order, OrderState
from renkei_contracts.point import Adjustment, Corrected

BESIDE = timedelta(days=1)
"""A business day ends after midnight, and the clock of a till is not quite the hub's."""


@dataclass(frozen=True)
class OverrideByCashier:
    """An adjustment a till may make by itself; what it may is in the program."""

    ask: OverrideRequest
    terminal: Terminal
    ring: KeyRing = field(repr=False)

    @cached_property
    def adjust(self) -> Adjust:
        """The movement, under the till's own key."""
        ask = self.ask
        # The till's key may be as long as any: what it names here is its digest.
        name = digest_of({"terminal": self.terminal.id, "key": ask.key})
        return Adjust(
            Adjustment(
                member=ask.member,
                key=f"override/{name.hex()}",
                points=ask.points,
                reason=ask.reason,
                by=ask.by,
            ),
            self.ring,
        )

    @property
    def claim(self) -> ClaimKey:
        """What it takes of the till's day."""
        day = self.ask.business_date.isoformat()
        return (f"override/{self.terminal.id}", day, self.ask.key)

    def needs(self) -> Needs:
        """The member, and the till's limit of the day."""
        own = Needs(
            connections=frozenset({self.terminal.connection}), claims=frozenset({self.claim})
        )
        return self.adjust.needs() | own

    def decide(self, attempt: Attempt) -> Corrected:
        """The first answer again; refused beyond the limits, or beyond what is spendable."""
        digest = digest_of(self.adjust.ask.model_dump(mode="json"))
        first = first_answer(attempt, self.adjust.request, digest, Corrected)
        if first is not None:
            return first
        if not attempt.knows(self.ask.member):
            raise refused("member_not_found", self.ask.member)
        self._require_within(attempt)
        return self.adjust.decide(attempt)

    def _require_within(self, attempt: Attempt) -> None:
        program = attempt.connection(self.terminal.connection).program
        rules = attempt.program_in_force(program, attempt.now)
        limits = rules[1].override if rules else None
        points = abs(self.ask.points)
        if rules is None or limits is None or not limits.allowed:
            raise refused("override_not_allowed")
        self._require_near(attempt, rules[1].clock)
        if points > limits.points or attempt.claim(self.claim, points, limits.per_day) < points:
            raise refused("override_limit")
        group = as_if_lapsed(attempt.group_of(self.ask.member), attempt.now)
        if self.ask.points < -spendable(group.lots, group.debt, attempt.now):
            raise refused("insufficient_points")

    def _require_near(self, attempt: Attempt, zone: ZoneInfo) -> None:
        """Each day has its limit: a till that could name any day would have none."""
        day = self.ask.business_date
        if abs(day - attempt.now.astimezone(zone).date()) > BESIDE:
            why = "is neither today nor a day beside it"
            raise RequestInvalid("business_date", day.isoformat(), why)


@dataclass(frozen=True)
class ReturnWithoutReceipt:
    """Goods whose sale nobody can name: what they would earn now is taken back, as a fact."""

    ask: ReturnRequest
    connection: str
    ring: KeyRing = field(repr=False)

    @property
    def request(self) -> RequestKey:
        """The return's own receipt."""
        return (f"return/{self.connection}", str(self.ask.receipt))

    @cached_property
    def order(self) -> Order:
        """The goods as a sale of now."""
        at = self.ask.returned_at
        return Order(
            ref=ExternalRef(connection=self.connection, id=str(self.ask.receipt)),
            changed_at=at,
            placed_at=at,
            state=OrderState.FULFILLED,
            lines=self.ask.lines,
            location=self.ask.receipt.store,
        )

    def needs(self) -> Needs:
        """The member with the key that seals notes, and the receipt."""
        return self._adjust(-1).needs() | Needs(
            connections=frozenset({self.connection}),
            requests=frozenset({self.request}),
        )

    def decide(self, attempt: Attempt) -> Corrected:
        """The first answer again, or the points taken; what is short becomes debt."""
        ask = self.ask
        digest = digest_of(ask.model_dump(mode="json"))
        first = first_answer(attempt, self.request, digest, Corrected)
        if first is not None:
            return first
        require_plausible("returned_at", ask.returned_at, attempt.now)
        if not attempt.knows(ask.member):
            raise refused("member_not_found", ask.member)
        facts = attempt.connection(self.connection)
        rules = attempt.program_in_force(facts.program, ask.returned_at)
        earned = evaluation_of(self.order, rules, facts.company, None, attempt.world).earned
        answer = self._adjust(-earned).decide(attempt) if earned else self._nothing(attempt)
        attempt.remember(self.request, digest, answer)
        return answer

    def _nothing(self, attempt: Attempt) -> Corrected:
        group = attempt.group_of(self.ask.member)
        return Corrected(
            points=0,
            spendable=spendable(group.lots, group.debt, attempt.now),
            debt=group.debt,
            balance_version=group.version,
            as_of=attempt.now,
        )

    def _adjust(self, points: int) -> Adjust:
        reason = self.ask.reason or "return without a receipt"
        name = digest_of({"connection": self.connection, "receipt": str(self.ask.receipt)})
        return Adjust(
            Adjustment(
                member=self.ask.member,
                key=f"return/{name.hex()}",
                points=points,
                reason=reason,
                by=f"{self.ask.receipt.store}/{self.ask.receipt.till}"[:500],
                occurred_at=self.ask.returned_at,
                occurred=True,
            ),
            self.ring,
        )
