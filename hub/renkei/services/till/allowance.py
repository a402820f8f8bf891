"""Allowances as commands: points set aside for a till's time offline, closed with its report."""

from dataclasses import dataclass, field
from datetime import timedelta

from renkei.ledger import holds
from renkei.ledger.allowances import Allowance
from renkei.ledger.books import ALLOWANCE, Hold
from renkei.ledger.entry import Cause, digest_of
from renkei.ledger.keys import RequestKey
from renkei.ledger.lots import spendable
from renkei.ledger.staged import Alert
from renkei.ledger.world import Needs
from renkei.loyalty.offline import Offline
from renkei.services.attempt import Attempt
from renkei.services.booking import Booking
from renkei.services.points.allowance_use import carry_on, hold_facts, open_parts
from renkei.services.points.hold import book_lapses, end_hold, first_answer, hold_id, place_hold
from renkei.services.refusals import refused
from renkei.services.till.manner import PLAIN, Manner
from renkei.services.till.till_terminal import Terminal
from renkei.signing import Signer, seconds
from renkei.storage.sealed import KeyRing
from renkei_contracts.allowance import (
    AllowanceAnswer,
    AllowanceClosed,
    AllowanceReport,
    AllowanceRequest,
)
from renkei_contracts.token import ALLOWANCE_TYPE, AllowanceClaims

MISSING_SHOWN = 100


@dataclass(frozen=True)
class GiveAllowance:
    """Set points aside, and sign what the terminal may do with them."""

    ask: AllowanceRequest
    terminal: Terminal
    id: str
    ring: KeyRing = field(repr=False)
    training: bool = False

    @property
    def request(self) -> RequestKey:
        """The terminal's own name for it: the request of the hold that funds it."""
        return (f"hold/{ALLOWANCE}{self.terminal.id}", self.ask.key)

    def needs(self) -> Needs:
        """The member and the key."""
        return Needs(
            connections=frozenset({self.terminal.connection}),
            members=frozenset({self.ask.member}),
            requests=frozenset({self.request}),
        )

    def decide(self, attempt: Attempt) -> AllowanceAnswer:
        """Refused beyond the program's limits, or unless spendable covers it."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        first = first_answer(attempt, self.request, digest, AllowanceAnswer)
        if first is not None:
            return first
        limits = self._limits(attempt)
        if not attempt.knows(self.ask.member):
            raise refused("member_not_found", self.ask.member)
        book_lapses(attempt, self.ask.member)
        allowance = self._allowance(attempt, limits)
        place_hold(
            attempt,
            (allowance.scope, allowance.key),
            allowance.member,
            allowance.points,
            allowance.lapses_at,
            self.terminal.channel,
        )
        attempt.staged.allowances.append(allowance)
        answer = self._answer(attempt, allowance)
        attempt.remember(self.request, digest, answer)
        return answer

    def _limits(self, attempt: Attempt) -> Offline:
        facts = attempt.connection(self.terminal.connection)
        rules = attempt.program_in_force(facts.program, attempt.now)
        limits = rules[1].offline if rules else Offline()
        if not limits.allowed:
            raise refused("allowance_not_allowed")
        if self.ask.points > limits.points or self.ask.ttl_seconds > limits.hours * 3_600:
            raise refused("allowance_limit")
        return limits

    def _allowance(self, attempt: Attempt, limits: Offline) -> Allowance:
        expires_at = attempt.now + timedelta(seconds=self.ask.ttl_seconds)
        return Allowance(
            id=self.id,
            terminal=self.terminal.id,
            key=self.ask.key,
            member=self.ask.member,
            connection=self.terminal.connection,
            points=self.ask.points,
            issued_at=attempt.now,
            expires_at=expires_at,
            lapses_at=expires_at + timedelta(hours=limits.grace_hours),
        )

    def _answer(self, attempt: Attempt, allowance: Allowance) -> AllowanceAnswer:
        group = attempt.group_of(allowance.member)
        left = spendable(group.lots, group.debt, attempt.now, self.terminal.channel)
        return AllowanceAnswer(
            allowance=allowance.id,
            token="" if self.training else self._token(allowance),
            points=allowance.points,
            expires_at=allowance.expires_at,
            report_until=allowance.lapses_at,
            spendable=left,
            balance_version=group.version,
        )

    def _token(self, allowance: Allowance) -> str:
        claims = AllowanceClaims(
            jti=allowance.id,
            sub=allowance.member,
            terminal=f"{self.terminal.store}/{self.terminal.till}",
            points=allowance.points,
            iat=seconds(allowance.issued_at),
            exp=seconds(allowance.expires_at),
        )
        return Signer(self.ring).sign(ALLOWANCE_TYPE, claims)


@dataclass(frozen=True)
class CloseAllowance:
    """The terminal's closing report: what is not used flows back. Told again, it is looked at anew.

    What the report says was used and no sale has told yet stays held until the time to report ends.
    """

    allowance: str
    report: AllowanceReport
    terminal: Terminal
    alert_id: str

    @property
    def request(self) -> RequestKey:
        """The report, so that a person is told of a difference once."""
        said = f"{self.report.last_counter}/{self.report.points_used}"
        return (f"allowance.report/{self.allowance}", said)

    def needs(self) -> Needs:
        """The allowance, whose member is locked with it."""
        return Needs(
            connections=frozenset({self.terminal.connection}),
            allowances=frozenset({self.allowance}),
            requests=frozenset({self.request}),
        )

    def decide(self, attempt: Attempt) -> AllowanceClosed:
        """An allowance of another terminal is not found."""
        allowance = attempt.world.allowances.get(self.allowance)
        if allowance is None or allowance.terminal != self.terminal.id:
            raise refused("allowance_not_found", self.allowance)
        book_lapses(attempt, allowance.member)
        parts = open_parts(attempt, allowance)
        left = sum(part.amount for part in parts)
        untold = self.report.points_used - allowance.booked
        held = min(left, max(0, untold))
        if left > held:
            release_rest(attempt, allowance, parts, held)
        answer = self._answer(attempt, allowance, left - held, held)
        self._remember(attempt, allowance, answer)
        return answer

    def _answer(
        self, attempt: Attempt, allowance: Allowance, released: int, held: int
    ) -> AllowanceClosed:
        known = allowance.sales
        untold = (n for n in range(1, self.report.last_counter + 1) if n not in known)
        group = attempt.group_of(allowance.member)
        return AllowanceClosed(
            allowance=allowance.id,
            points=allowance.points,
            booked=allowance.booked,
            missing=tuple(n for n, _ in zip(untold, range(MISSING_SHOWN), strict=False)),
            difference=self.report.points_used - allowance.booked,
            released=released,
            held=held,
            spendable=spendable(group.lots, group.debt, attempt.now, self.terminal.channel),
            balance_version=group.version,
            as_of=attempt.now,
        )

    def _remember(self, attempt: Attempt, allowance: Allowance, answer: AllowanceClosed) -> None:
        """The report is kept as it was first told, and a difference shown to a person then."""
        if self.request in attempt.world.requests:
            return
        attempt.remember(self.request, digest_of(self.report.model_dump(mode="json")), answer)
        unknown = self.report.last_counter < allowance.next_counter - 1
        if answer.difference or answer.missing or unknown:
            said = f"{self.report.points_used} points in {self.report.last_counter} sales"
            message = f"{allowance.id}: reported {said}, booked {allowance.booked}"
            kind = "allowance_differs"
            alert = Alert(f"{self.alert_id}.{kind}", kind, allowance.member, None, message)
            attempt.staged.alerts.append(alert)


def release_rest(
    attempt: Attempt, allowance: Allowance, parts: tuple[Hold, ...], kept: int
) -> None:
    """Give back what the allowance still holds, but for ``kept``."""
    if not kept:
        end_hold(attempt, allowance.member, parts, "released")
        return
    draft = attempt.draft(allowance.member, attempt.now, beside=[part.home for part in parts])
    _, stays = holds.carry(draft, parts, 0, kept, attempt.now)
    cause = Cause("hold.released", hold_id(parts[0].lead), facts=hold_facts(parts[0]))
    entries = attempt.enter(draft, cause)
    attempt.end_hold(parts, entries, "released")
    carry_on(attempt, parts, entries, stays, allowance.member)


@dataclass(frozen=True)
class Allowances:
    """The register's use cases; every refusal is a TillRefused."""

    booking: Booking

    async def give(
        self, terminal: Terminal, ask: AllowanceRequest, manner: Manner = PLAIN
    ) -> AllowanceAnswer:
        """Points for sales of this register offline."""
        booking = self.booking
        command = GiveAllowance(ask, terminal, booking.new_id("alw"), booking.ring, manner.training)
        answer: AllowanceAnswer = await booking.committer.submit_first(
            manner.of(command, AllowanceAnswer)
        )
        return answer

    async def close(
        self, terminal: Terminal, allowance: str, report: AllowanceReport, manner: Manner = PLAIN
    ) -> AllowanceClosed:
        """The register's closing report."""
        command = CloseAllowance(allowance, report, terminal, self.booking.new_id("alr"))
        answer: AllowanceClosed = await self.booking.committer.submit_first(
            manner.of(command, AllowanceClosed)
        )
        return answer
