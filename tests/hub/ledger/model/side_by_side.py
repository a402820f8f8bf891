"""The reference ledger and the hub, side by side: each act is done to both and compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ledger_invariants as invariants
from as_contracts import order_of, refund_of, sale_of, till_key
from in_memory_hub import InMemoryHub, copied
from lot_buckets import different, hub_buckets, reference_buckets
from reference_ledger import Answer, ReferenceLedger, Refused
from reference_points import OrderKey, Refunded, State

from renkei.errors import BookingRefused, KeyReused, TillRefused
from renkei.ledger.balance import channel_balance
from renkei.ledger.books import Channel, HoldName
from renkei.ledger.settlement import Settled
from renkei.services.attempt import Attempt
from renkei.services.corrections import Adjust, ExchangePoints, ImportBalance, WriteOffDebt
from renkei.services.expire import ExpireLots
from renkei.services.hold import LapseHolds, PlaceHold, ReleaseHold, hold_id, parse_hold_id
from renkei.services.merge import MergeMembers, UnmergeMember
from renkei.services.quota import ClaimQuota, OpenQuota
from renkei.services.refund import BookRefund
from renkei.services.sale import CommitSale
from renkei.services.settle import SettleOrder
from renkei.storage.sealed import KeyRing
from renkei_contracts.point import Adjustment, BalanceImport, PointsExchange, WriteOff
from renkei_contracts.till import HoldRequest

MEMBERS = ("mem_a", "mem_b", "mem_c")
CART, SHOP = "cart", "shop"
START = datetime(2026, 11, 1, 3, tzinfo=UTC)
SETTLES_FROM = START - timedelta(days=400)
TOKYO = ZoneInfo("Asia/Tokyo")
RING = KeyRing({"1": b"k" * 32}, "1")
WORDS = {"reason": "r", "by": "b"}
REQUESTS = (PlaceHold, CommitSale, Adjust, ExchangePoints, ImportBalance, WriteOffDebt)


@dataclass
class SideBySide:
    """Both ledgers. ``holds`` are the hub's names of the holds that the reference numbers."""

    now: datetime = START
    reference: ReferenceLedger = field(
        default_factory=lambda: ReferenceLedger(START, settles_from=SETTLES_FROM)
    )
    hub: InMemoryHub = field(
        default_factory=lambda: InMemoryHub.opened(START, SETTLES_FROM, MEMBERS, (CART, SHOP))
    )
    holds: list[HoldName] = field(default_factory=list)

    # --- time and jobs

    def wait(self, time: timedelta) -> None:
        """Time passes."""
        self.now += time
        self.reference.advance(self.now)

    def jobs(self, member: str) -> None:
        """Book what has lapsed and expired. This changes no balance."""
        self._run(LapseHolds(member))
        self._run(ExpireLots(member))

    # --- orders of the cart

    def order(
        self, number: int, state: State, member: str | None, read_at: datetime | None = None
    ) -> None:
        """The cart tells an order."""
        key = (CART, f"o{number}")
        debts = dict(self.reference.debts)
        expected = self.reference.see(key, state, member, read_at)
        command = SettleOrder(
            order_of(key, state), read_at, None, member=member, alert_id=f"alr_{number}"
        )
        assert self._run(command).outcome == expected
        self._overdraft_was_told(debts, key)

    def refund(self, channel: str, number: int, name: str, refund: Refunded) -> None:
        """A refund is told apart from its order."""
        key = (CART, f"o{number}") if channel == CART else (SHOP, str(till_key(number)))
        expected = self.reference.refund(key, name, refund)
        command = BookRefund(refund_of(key, name, refund), None, "alr_r")
        if expected == "key reused":
            self._refused(command, expected, copied(self.hub.world))
        else:
            assert self._run(command).outcome == expected

    # --- tills

    def place(self, channel: str, key: str, member: str, points: int, ttl: int) -> None:
        """A till or a cart asks for a hold."""
        ends = self.now + timedelta(seconds=ttl)
        ask = HoldRequest(key=key, member=member, points=points, ttl_seconds=ttl)
        given, answer = self._both(
            lambda: self.reference.hold(channel, key, member, points, ttl, ends),
            PlaceHold(ask, channel, Channel(channel)),
        )
        if given is None:
            return
        if given[0] == len(self.holds):
            self.holds.append(parse_hold_id(answer.hold))
        assert parse_hold_id(answer.hold) == self.holds[given[0]]
        assert (answer.points, answer.lapses_at, answer.spendable) == given[1:]

    def release(self, channel: str, number: int) -> None:
        """A channel gives a hold back."""
        given, answer = self._both(
            lambda: self.reference.release(channel, number),
            ReleaseHold(self.holds[number], Channel(channel)),
        )
        assert given is None or (answer.spendable,) == given

    def commit(
        self,
        number: int,
        revision: int,
        state: State,
        member: str | None,
        hold: int | None,
        *,
        occurred: bool,
    ) -> None:
        """The till tells a finished sale."""
        name = None if hold is None else hold_id(self.holds[hold])
        ask = sale_of(number, revision, state, member, name, occurred=occurred)
        key = (SHOP, str(ask.sale))
        debts = dict(self.reference.debts)
        given, answer = self._both(
            lambda: self.reference.commit(key, revision, state, member, hold, occurred=occurred),
            CommitSale(ask, SHOP, f"alr_{number}"),
        )
        if given is not None:
            assert (answer.member or None, answer.earned, answer.used, answer.spendable) == given
        self._overdraft_was_told(debts, key)

    # --- corrections

    def adjust(
        self,
        key: str,
        member: str,
        points: int,
        at: datetime | None,
        ends: datetime | None,
        *,
        occurred: bool,
    ) -> None:
        """A person gives or takes points."""
        ask = Adjustment(
            key=key,
            member=member,
            points=points,
            occurred_at=at,
            expires_at=ends,
            occurred=occurred,
            **WORDS,
        )
        self._correct(
            lambda: self.reference.adjust(key, member, points, at, ends, occurred=occurred),
            Adjust(ask, RING),
        )

    def exchange(self, key: str, member: str, points: int) -> None:
        """Points from or to another program."""
        ask = PointsExchange(key=key, member=member, points=points, partner="p")
        self._correct(
            lambda: self.reference.exchange(key, member, points), ExchangePoints(ask, RING)
        )

    def bring(
        self, key: str, member: str, points: int, at: datetime, ends: datetime | None
    ) -> None:
        """Points from the system used before."""
        ask = BalanceImport(
            key=key, member=member, points=points, granted_at=at, expires_at=ends, source="s"
        )
        self._correct(
            lambda: self.reference.bring(key, member, points, at, ends), ImportBalance(ask, RING)
        )

    def write_off(self, key: str, member: str, points: int) -> None:
        """The shop gives up on a debt."""
        ask = WriteOff(key=key, member=member, points=points, **WORDS)
        self._correct(
            lambda: self.reference.write_off(key, member, points), WriteOffDebt(ask, RING)
        )

    def _correct(self, reference: Callable[[], Answer], command: Any) -> None:
        given, answer = self._both(reference, command)
        assert given is None or (answer.spendable, answer.debt) == given

    # --- groups and quotas

    def merge(self, member: str, into: str) -> None:
        """Two members are one from now on."""
        self.reference.merge(member, into)
        self._run(MergeMembers(member, into, "m"))

    def unmerge(self, member: str) -> None:
        """A member stands alone again."""
        self.reference.unmerge(member)
        self._run(UnmergeMember(member, "m"))

    def claim(self, quota: str, limit: int, claimant: str, wanted: int) -> None:
        """An order claims from a quota, which is opened by its first claim."""
        if quota not in self.reference.limits:
            self.reference.limits[quota] = limit
            self._run(OpenQuota(quota, "day", limit))
        expected = self.reference.claim(quota, claimant, wanted)
        assert self._run(ClaimQuota(quota, "day", claimant, wanted)) == expected

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
        elif not getattr(command.ask if isinstance(command, REQUESTS) else None, "occurred", False):
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
            group = Attempt(self.hub.world).group_of(member)
            balance = channel_balance(group, self.now, TOKYO, None).balance
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
        self._check_invariants()

    def _check_orders(self) -> None:
        done = self.hub.world.settled
        for name in set(done) | set(self.reference.booked):
            settled = done.get(name, Settled())
            posted = self.reference.posted(*name)
            assert (settled.earned, settled.redeemed) == posted, name
            assert sum(part for _, part in settled.used) == posted[1]

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
