"""Two ledgers that are compared: what each act's answer, and what is left after it, must be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ledger_invariants as invariants
from in_memory_hub import InMemoryHub, copied
from lot_buckets import different, hub_buckets, reference_buckets
from reference_ledger import Answer, ReferenceLedger, Refused
from reference_points import OrderKey

from renkei.errors import BookingRefused, KeyReused, TillRefused
from renkei.ledger.balance import channel_balance
from renkei.ledger.books import Group, HoldName
from renkei.ledger.history import Moved, balance_at
from renkei.ledger.target import Settled
from renkei.services.attempt import Attempt
from renkei.services.points.corrections import Correction
from renkei.services.points.hold import PlaceHold
from renkei.services.till.sale import CommitSale

MEMBERS = ("mem_a", "mem_b", "mem_c")
CART, SHOP = "cart", "shop"
START = datetime(2026, 11, 1, 3, tzinfo=UTC)
SETTLES_FROM = START - timedelta(days=400)
TOKYO = ZoneInfo("Asia/Tokyo")
REQUESTS = (PlaceHold, CommitSale, Correction)


@dataclass
class Compared:
    """Both ledgers. ``holds`` are the hub's names of the holds that the reference numbers."""

    now: datetime = START
    reference: ReferenceLedger = field(
        default_factory=lambda: ReferenceLedger(START, settles_from=SETTLES_FROM)
    )
    hub: InMemoryHub = field(
        default_factory=lambda: InMemoryHub.opened(START, SETTLES_FROM, MEMBERS, (CART, SHOP))
    )
    holds: list[HoldName] = field(default_factory=list)
    past: list[tuple[datetime, dict[str, int]]] = field(default_factory=list)
    shown: dict[str, tuple[int, object]] = field(default_factory=dict)

    # --- running

    def _run(self, command: Any) -> Any:
        answer = self.hub.run(command, self.now)
        assert not isinstance(answer, Exception), answer
        return answer

    def _both(self, reference: Callable[[], Answer], command: Any) -> tuple[Any, Any]:
        """(None, None) if both refuse for the same reason and nothing was changed."""
        before = copied(self.hub.world)
        try:
            given = reference()
        except Refused as refusal:
            self._refused(command, str(refusal), before)
            return None, None
        answer = self._run(command)
        again = isinstance(command, REQUESTS) and command.request in before.requests
        if again:
            invariants.nothing_was_changed(before, self.hub.world)
        elif not (isinstance(command, REQUESTS) and getattr(command.ask, "occurred", False)):
            invariants.requests_take_living_points_only(self.hub.staged.entries, self.hub.world)
        return given, answer

    def _refused(self, command: Any, code: str, before: Any) -> None:
        answer = self.hub.run(command, self.now)
        if isinstance(answer, KeyReused):
            found = "key_reused"
        elif isinstance(answer, BookingRefused):
            found = answer.code
        else:
            assert isinstance(answer, TillRefused), answer
            found = answer.problem.code
        assert found == code.replace(" ", "_")
        invariants.nothing_was_changed(before, self.hub.world)

    def _overdraft_was_told(self, debts: dict[str, int], order: OrderKey) -> None:
        """Whoever owes more than before is named to a person, with the order."""
        for member in MEMBERS:
            if self.reference.debts[member] > debts.get(member, 0):
                told = {(alert.kind, alert.member, alert.order) for alert in self.hub.staged.alerts}
                assert ("overdraft", member, order) in told

    # --- comparing

    def check(self) -> None:
        """Both agree on everything, and what must always hold does."""
        for member in MEMBERS:
            balance = channel_balance(self._group(member), self.now, TOKYO, None).balance
            assert balance.spendable == self.reference.spendable(member), member
            assert balance.pending == self.reference.pending(member), member
        later = self.hub.after_the_jobs(self.now)
        for member, books in later.books.items():
            assert -books.debt == self.reference.debts[member], member
            found, expected = hub_buckets(books), reference_buckets(self.reference, member)
            assert found == expected, different(found, expected)
        parts = {hold.lead for books in later.books.values() for hold in books.holds}
        still = {self.holds[n] for n, one in enumerate(self.reference.holds) if one.how is None}
        assert parts == still
        self._check_orders()
        self._check_versions()
        self._check_history()
        self._check_invariants()

    def _check_orders(self) -> None:
        done = self.hub.world.settled
        for name in set(done) | set(self.reference.booked):
            settled = done.get(name, Settled())
            posted = self.reference.posted(*name)
            assert (settled.earned, settled.redeemed) == posted, name
            assert sum(part for _, part in settled.used) == posted[1]

    def _check_versions(self) -> None:
        """12. What is shown has a version that only grows, and does so whenever it changes."""
        for member in MEMBERS:
            group = self._group(member)
            lots = sorted(group.lots, key=lambda lot: lot.ref)
            content = (lots, group.debt, {(hold.home, hold.version) for hold in group.holds})
            version, old = self.shown.get(member, (-1, None))
            assert group.version >= version + (old is not None and old != content), member
            self.shown[member] = (group.version, content)

    def _check_history(self) -> None:
        """The balance as of now, from the log alone, is the balance."""
        for member in MEMBERS:
            homes = [books.member for books in self._group(member).homes]
            assert self._then(homes, self.now) == self.reference.spendable(member), member

    def remember(self) -> None:
        """Time is about to pass: what each member has alone is what we knew then."""
        self.past.append((self.now, {home: self.reference.alone(home) for home in MEMBERS}))

    def check_the_past(self) -> None:
        """Each balance as of then, as known then, is what it was, whatever came later."""
        for then, known in self.past[-5:]:
            assert known == {home: self._then([home], then) for home in MEMBERS}, then

    def _then(self, homes: list[str], at: datetime) -> int:
        moves = [
            Moved(
                move.ref,
                entry.version,
                posting.rule,
                entry.event_at,
                entry.recorded_at,
                *(move.pending, move.available, move.held, move.debt),
            )
            for entry in self.hub.entries
            for posting in entry.postings
            for move in posting.allocations
            if entry.member in homes
        ]
        lots = [lot for home in homes for lot in self.hub.world.books[home].lots]
        return balance_at(lots, moves, self.hub.hold_parts(), at, at).spendable

    def _group(self, member: str) -> Group:
        return Attempt(self.hub.world).group_of(member)

    def _check_invariants(self) -> None:
        entries, world = self.hub.entries, self.hub.world
        invariants.accounts_sum_to_zero(entries, world)
        invariants.lots_sum_to_the_accounts(entries, world)
        invariants.lots_follow_from_their_allocations(entries, world)
        invariants.counters_are_in_range(world)
        invariants.quotas_are_kept(world)
        invariants.postings_are_permitted(entries)
        invariants.chains_hold(entries, world)
        invariants.held_is_what_open_holds_froze(world)
        invariants.orders_have_their_target(entries, self._targets())

    def _targets(self) -> dict[tuple[str, OrderKey], tuple[int, int]]:
        """From the newest states alone."""
        return {
            (seen.member, key): (state.should_earn, state.should_use)
            for key, seen in self.reference.orders.items()
            if seen.member is not None and seen.state.placed_at >= SETTLES_FROM
            for state in [self.reference.effective(key)]
        }
