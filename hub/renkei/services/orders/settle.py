"""Settling a restated order: record what was seen, book target minus posted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from renkei.ledger.books import Channel, Hold
from renkei.ledger.entry import Cause, digest_of
from renkei.ledger.keys import OrderKey
from renkei.ledger.lots import catch_up_with_slides
from renkei.ledger.settlement import settle
from renkei.ledger.staged import Alert, OrderRow
from renkei.ledger.target import OrderName, Settled, Target, homes_of
from renkei.ledger.transaction import Draft
from renkei.loyalty.basket import RateSum
from renkei.loyalty.earn import still_sold
from renkei.loyalty.evaluation import Evaluation
from renkei.loyalty.printed import as_printed, variance_of
from renkei.loyalty.program import Program
from renkei.loyalty.refunds import effective
from renkei.services.attempt import Attempt
from renkei.services.members.member_facts import keep_facts, look_at_tiers
from renkei.services.orders.budgets import bounded
from renkei.services.orders.order_coupons import issue_coupons, terms_used, use_coupons
from renkei.services.orders.order_holds import parts_claimed, paying
from renkei.services.orders.restated_order import RestatedOrder
from renkei.services.orders.same_sale import Seen, same_sale, seen_before, tell_of_copy
from renkei.services.orders.seen_order import compare, content_of, known_order, record, refunds_of
from renkei.services.points.allowance_use import carry_on, hold_facts, open_parts
from renkei.services.points.hold import book_lapses
from renkei.services.rules import require_plausible
from renkei.services.target import evaluation_of, nothing, rules_for, target_of
from renkei_contracts.order import Order, OrderState

Outcome = Literal[
    "settled", "unchanged", "older", "unlinked", "reread", "history", "alias", "doubtful"
]


class SettleAnswer(NamedTuple):
    """What came of it. ``earned`` and ``redeemed`` are what is posted for the order now.

    ``reread``: equal vendor clock with other content, so the order must be read from the vendor.
    ``unlinked``: kept, no member is known yet. ``alias``: the same sale as another order;
    ``doubtful``: perhaps, and a person must say. ``rates`` are the totals of what is still sold,
    where it was evaluated now.
    """

    outcome: Outcome
    member: str | None = None
    earned: int = 0
    redeemed: int = 0
    rates: tuple[RateSum, ...] = ()


@dataclass(frozen=True)
class SettleOrder(RestatedOrder):
    """Records the order as it is now, and books the difference."""

    def decide(self, attempt: Attempt) -> SettleAnswer:
        """Record the order, then post the difference."""
        row = known_order(attempt, self.key)
        order = self.order
        require_plausible("placed_at", order.placed_at, attempt.now)
        require_plausible("changed_at", order.changed_at, attempt.now)
        member = self._member(attempt, row)
        digest = digest_of(content_of(self.document))
        verdict = compare(row, order.changed_at, digest, self.read_at)
        if verdict == "reread":
            return SettleAnswer("reread", member)
        if verdict == "older" or (verdict == "same" and row and row.member == member):
            return _standing(attempt, self.key, row, "older" if verdict == "older" else "unchanged")
        return self.post(attempt, row, member, digest)

    def _member(self, attempt: Attempt, row: OrderRow | None) -> str | None:
        """Whom the sale belongs to; what is known is not forgotten by a state that says less."""
        proven = attempt.world.proven(list(self.identities))
        named = self.member or paying(attempt, self.payer, proven, self.key) or proven
        return named or (row.member if row and not self._names_another(row) else None)

    def _names_another(self, row: OrderRow) -> bool:
        """Whether this state says that the sale is a customer's who is not the known one."""
        customer = self.order.customer
        return customer is not None and row.customer not in (None, customer.id)

    def post(
        self, attempt: Attempt, row: OrderRow | None, member: str | None, digest: bytes
    ) -> SettleAnswer:
        """Record the state and book the difference, whether or not the state itself is new."""
        facts = attempt.connection(self.key[0])
        seen = seen_before(row) if self.again else same_sale(attempt, self.order, row, member)
        frozen = rules_for(attempt, facts.program, self.order, row)
        new = self._row(row, member, seen, facts.program, frozen, digest)
        record(attempt, row, new, self.delivery_key)
        use_coupons(attempt, self.order, row, self.alert_id)
        counts = self.order.placed_at >= facts.settles_from
        if counts and row and row.member and row.member != new.member:
            self._post(attempt, row.member, nothing(frozen, attempt.now), new, ())
        if seen.same or seen.doubt or not counts or member is None:
            issue_coupons(attempt, self.order, None, (), None, self.alert_id)
        if seen.same:
            self._give_hold_back(attempt, member, frozen, new)
            if row is None or row.awaited or row.same is None:
                self._tell_of_refunds(attempt, seen.same)
            return self._alias(attempt, seen)
        if seen.doubt:
            return self._doubt(attempt, row, seen.doubt)
        now_sold = effective(self.order, refunds_of(attempt, self.order))
        if not counts:
            stands = attempt.staged.orders[self.key]
            attempt.staged.orders[self.key] = stands._replace(spent=still_sold(now_sold))
            return SettleAnswer("history", member)
        if member is None:
            return SettleAnswer("unlinked")
        evaluation = self._evaluated(attempt, row, member, now_sold, frozen)
        issue_coupons(attempt, self.order, member, evaluation.issues, frozen, self.alert_id)
        target = target_of(self.order, evaluation, frozen, attempt.now, facts.company)
        posted = self._post(attempt, member, target, new, self._hold_parts(attempt, member))
        return posted._replace(rates=evaluation.rates)

    def _evaluated(
        self,
        attempt: Attempt,
        row: OrderRow | None,
        member: str,
        sold: Order,
        frozen: tuple[int, Program] | None,
    ) -> Evaluation:
        """What it earns; what that was judged by, and what is still sold, stays with the order."""
        company = attempt.connection(self.key[0]).company
        kept = keep_facts(attempt, self.order, row, member, frozen[1]) if frozen else None
        terms = terms_used(attempt, sold)
        evaluation = evaluation_of(sold, frozen, company, kept, attempt.world, terms)
        spent = still_sold(sold, evaluation)
        stands = attempt.staged.orders[self.key]
        attempt.staged.orders[self.key] = stands._replace(spent=spent, facts=kept)
        if frozen is None:
            return evaluation
        if spent > (row.spent if row and row.member == member else 0):
            look_at_tiers(attempt, member, self.order.placed_at, frozen[1])
        given = bounded(attempt, evaluation, sold, frozen[1], member)
        # A person was told when it counted for the first time.
        told = self.again and attempt.settled_of(member, self.key) != Settled()
        variance = None if told else variance_of(given, self.order, sold, frozen[1])
        if variance is not None:
            _alert(attempt, self.alert_id, "earn_variance", member, self.key, variance)
        return as_printed(given, self.order, sold, frozen[1])

    def _row(
        self,
        row: OrderRow | None,
        member: str | None,
        seen: Seen,
        program: str,
        frozen: tuple[int, Program] | None,
        digest: bytes,
    ) -> OrderRow:
        return OrderRow(
            key=self.key,
            revision=(row.revision if row else 0) + 1,
            clock=self.order.changed_at,
            read_at=self.read_at,
            digest=digest,
            placed_at=self.order.placed_at,
            customer=self.order.customer.id if self.order.customer else None,
            member=None if seen.same else member,
            same=seen.same,
            program=program if frozen else None,
            program_version=frozen[0] if frozen else None,
            document=self.document,
            total=self.total,
            doubt=seen.doubt,
            apart=bool(row and row.apart),
            spent=row.spent if row else 0,
            facts=row.facts if row else None,
        )

    def _give_hold_back(
        self,
        attempt: Attempt,
        member: str | None,
        frozen: tuple[int, Program] | None,
        row: OrderRow,
    ) -> None:
        """What the sale used was booked where it is counted: its hold ends and needs nothing."""
        parts = self._hold_parts(attempt, member) if member else ()
        if member and parts and not self.allowance:
            self._post(attempt, member, nothing(frozen, attempt.now), row, parts)

    def _tell_of_refunds(self, attempt: Attempt, counted: OrderKey) -> None:
        """What was refunded before it was known to be another vendor's order."""
        if counted[0] != self.key[0]:
            for one in refunds_of(attempt, self.order):
                tell_of_copy(attempt, self.alert_id, self.key, counted, one.key[2])

    def _alias(self, attempt: Attempt, seen: Seen) -> SettleAnswer:
        """Counted where it was seen first; if only one of the two is cancelled, a person looks."""
        same = seen.same
        assert same is not None
        attempt.staged.same.append((self.key, same, seen.evidence))
        first = attempt.world.orders.get(same) or attempt.world.lookalikes.get(same)
        cancelled = first is not None and first.document.get("state") == OrderState.CANCELLED
        if first is not None and (self.order.state is OrderState.CANCELLED) != cancelled:
            gone, left = (same, self.key) if cancelled else (self.key, same)
            message = f"{gone[1]} was cancelled, but {left[1]}, the same sale, was not"
            _alert(attempt, self.alert_id, "same_sale_differs", None, self.key, message)
        member = first.member if first else None
        # Of another vendor's order the books are not looked at: it is told where it is counted.
        posted = attempt.settled_of(member or "", same) if same[0] == self.key[0] else Settled()
        return SettleAnswer("alias", member, posted.earned, posted.redeemed)

    def _doubt(self, attempt: Attempt, row: OrderRow | None, other: OrderKey) -> SettleAnswer:
        """Granted to nobody until a person has said whether the two are one sale."""
        if row is None or row.doubt is None:
            message = f"perhaps the same sale as {other[0]}/{other[1]}; a person must decide"
            _alert(attempt, self.alert_id, "perhaps_same_sale", None, self.key, message)
        return SettleAnswer("doubtful")

    def _hold_parts(self, attempt: Attempt, member: str) -> tuple[Hold, ...]:
        """The parts of what this sale pays with; another's hold, or an ended one, is none."""
        if self.allowance is not None:
            return open_parts(attempt, self.allowance)
        return parts_claimed(attempt, self.holds_named, self.key[0], member)

    def _post(
        self,
        attempt: Attempt,
        member: str,
        target: Target,
        row: OrderRow,
        parts: tuple[Hold, ...],
    ) -> SettleAnswer:
        """Book target minus posted for this member, out of these parts of a hold first."""
        before = attempt.settled_of(member, self.key)
        if self.allowance and target.redeemed <= before.redeemed:
            parts = ()  # what was used already needs nothing more of it
        homes = {part.home for part in parts} | homes_of(before)
        for home in sorted({member} | homes):
            book_lapses(attempt, home)
        if target.keeps_alive:
            attempt.was_active(member, target.event_at)
        draft = attempt.draft(
            member,
            self._event_at(attempt, before, target),
            Channel(self.key[0], target.store),
            homes,
        )
        catch_up_with_slides(draft, attempt.now)
        used_at = attempt.now if self.request else draft.event_at
        name, keeps = OrderName(*self.key), self.allowance is not None
        work = settle(draft, before, name, target, attempt.now, parts, used_at, keeps=keeps)
        facts = hold_facts(parts[0]) if work.kept else {}
        entries = attempt.enter(draft, self._cause(row, target, facts))
        if parts:
            attempt.end_hold(parts, entries, "captured", work.captured)
            carry_on(attempt, parts, entries, work.kept, member)
        if work.settled != before:
            attempt.staged.settled[member, self.key] = work.settled
        self._warn(attempt, member, draft)
        return SettleAnswer("settled", member, work.settled.earned, work.settled.redeemed)

    def _event_at(self, attempt: Attempt, before: Settled, target: Target) -> datetime:
        """What was never posted happened when the sale did; later changes by their own clock."""
        if before == Settled():
            return target.event_at
        return min(self.happened_at or self.order.changed_at, attempt.now)

    def _cause(self, row: OrderRow, target: Target, facts: Mapping[str, Any]) -> Cause:
        return Cause(
            kind="settle",
            key=f"{self.key[0]}/{self.key[1]}#{row.revision}",
            program_version=row.program_version,
            order=self.key,
            delivery=self.delivery_key,
            reasons=target.reasons,
            facts=facts,
        )

    def _warn(self, attempt: Attempt, member: str, draft: Draft) -> None:
        taken = draft.homes[member].debt - draft.debts[member]
        if taken > 0:
            message = f"{taken} points were missing and became debt"
            _alert(attempt, self.alert_id, "overdraft", member, self.key, message)


def _standing(
    attempt: Attempt, key: OrderKey, row: OrderRow | None, outcome: Outcome
) -> SettleAnswer:
    """What is posted already."""
    member = row.member if row else None
    settled = attempt.settled_of(member or "", key)
    return SettleAnswer(outcome, member, settled.earned, settled.redeemed)


def _alert(
    attempt: Attempt, id: str, kind: str, member: str | None, order: OrderKey, message: str
) -> None:
    number = f"{id}.{len(attempt.staged.alerts)}"
    attempt.staged.alerts.append(Alert(number, kind, member, order, message))
