"""The reference ledger and the hub, side by side: each act is done to both and compared."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ledger_invariants as invariants
from in_memory_hub import InMemoryHub, copied
from reference_ledger import Refused, ReferenceLedger
from reference_points import Is, Lot, OrderKey, State

from renkei.errors import TillRefused
from renkei.ledger.balance import channel_balance
from renkei.ledger.settlement import Settled
from renkei.ledger.transaction import Books
from renkei.ledger.transaction import Lot as HubLot
from renkei.services.expire import ExpireLots
from renkei.services.hold import LapseHolds, PlaceHold, ReleaseHold, parse_hold_id
from renkei.services.sale import CommitSale
from renkei.services.settle import SettleOrder
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitRequest, HoldRequest

MEMBERS = ("mem_a", "mem_b")
CART, SHOP = "cart", "shop"
START = datetime(2026, 11, 1, 3, tzinfo=UTC)
SETTLES_FROM = START - timedelta(days=400)
TOKYO = ZoneInfo("Asia/Tokyo")

Bucket = tuple[object, ...]


@dataclass
class SideBySide:
    """Both ledgers. ``holds`` are the hub's names of the holds that the reference numbers."""

    now: datetime = START
    reference: ReferenceLedger = field(default_factory=lambda: ReferenceLedger(START, SETTLES_FROM))
    hub: InMemoryHub = field(
        default_factory=lambda: InMemoryHub.opened(START, SETTLES_FROM, MEMBERS, (CART, SHOP))
    )
    holds: list[tuple[str, int]] = field(default_factory=list)

    # --- acts

    def wait(self, time: timedelta) -> None:
        """Time passes."""
        self.now += time
        self.reference.advance(self.now)

    def order(
        self, number: int, state: State, member: str | None, read_at: datetime | None = None
    ) -> None:
        """The cart tells an order."""
        key = (CART, f"o{number}")
        command = SettleOrder(
            order_of(key, state), read_at, None, member=member, alert_id=f"alr_{number}"
        )
        debts = dict(self.reference.debts)
        expected = self.reference.see(key, state, member, read_at)
        answer = self._run(command)
        assert answer.outcome == expected
        self._overdraft_was_told(debts, key)

    def place(self, channel: str, key: str, member: str, points: int, ttl: int) -> None:
        """A till or a cart asks for a hold."""
        lapses_at = self.now + timedelta(seconds=ttl)
        ask = HoldRequest(key=key, member=member, points=points, ttl_seconds=ttl)
        given, answer = self._both(
            lambda: self.reference.hold(channel, key, member, points, lapses_at, ttl),
            PlaceHold(ask, channel, channel),
        )
        if given is None:
            return
        if given[0] == len(self.holds):
            self.holds.append(parse_hold_id(answer.hold))
        assert parse_hold_id(answer.hold) == self.holds[given[0]]
        assert (answer.points, answer.lapses_at, answer.spendable) == given[1:]

    def release(self, channel: str, number: int) -> None:
        """A channel gives a hold back."""
        name = self.holds[number]
        given, answer = self._both(
            lambda: self.reference.release(channel, number), ReleaseHold(*name, channel)
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
        ask = sale_of(number, revision, state, member, self._hold_id(hold), occurred=occurred)
        key = (SHOP, str(ask.sale))
        debts = dict(self.reference.debts)
        given, answer = self._both(
            lambda: self.reference.commit(key, revision, state, member, hold, occurred=occurred),
            CommitSale(ask, SHOP, f"alr_{number}"),
        )
        if given is not None:
            assert (answer.member or None, answer.earned, answer.used, answer.spendable) == given
        self._overdraft_was_told(debts, key)

    def jobs(self) -> None:
        """Book what has lapsed and expired. This changes no balance."""
        for member in MEMBERS:
            self._run(LapseHolds(member))
            self._run(ExpireLots(member))

    # --- comparing

    def check(self) -> None:
        """Both agree on everything, and what must always hold does."""
        for member in MEMBERS:
            books = self.hub.world.books[member]
            balance = channel_balance(books, self.now, TOKYO).balance
            assert balance.spendable == self.reference.spendable(member), member
            assert balance.pending == self.reference.count(member, Is.PENDING), member
        later = self.hub.after_the_jobs(self.now)
        for member in MEMBERS:
            books = later.books[member]
            assert -books.debt == self.reference.debts[member], member
            found, expected = hub_buckets(books), reference_buckets(self.reference, member)
            assert found == expected, different(found, expected)
            assert len(books.holds) == sum(
                one.how is None and one.member == member for one in self.reference.holds
            )
        self._check_orders()
        self._check_invariants()

    def _check_orders(self) -> None:
        done = self.hub.world.settled
        for name in set(done) | set(self.reference.booked):
            settled = done.get(name, Settled())
            posted = self.reference.posted(*name)
            assert (settled.earned, settled.redeemed) == posted, name
            assert sum(part[-1] for part in settled.used) == posted[1]

    def _check_invariants(self) -> None:
        entries, world = self.hub.entries, self.hub.world
        invariants.accounts_sum_to_zero(entries, world)
        invariants.lots_sum_to_the_accounts(entries, world)
        invariants.lots_follow_from_their_allocations(entries, world)
        invariants.counters_are_in_range(world)
        invariants.postings_are_permitted(entries)
        invariants.chains_hold(entries, world)
        invariants.held_is_what_open_holds_froze(world)
        invariants.orders_have_their_target(entries, self._targets())

    def _targets(self) -> dict[tuple[str, OrderKey], tuple[int, int]]:
        """From the newest states alone."""
        return {
            (seen.member, key): (seen.state.should_earn, seen.state.should_use)
            for key, seen in self.reference.orders.items()
            if seen.member is not None and seen.state.placed_at >= SETTLES_FROM
        }

    # --- running

    def _run(self, command: Any) -> Any:
        answer = self.hub.run(command, self.now)
        assert not isinstance(answer, Exception), answer
        return answer

    def _both(self, reference: Any, command: Any) -> tuple[Any, Any]:
        """(None, None) if both refuse for the same reason and nothing was changed."""
        known = set(self.reference.requests)
        before = copied(self.hub.world)
        try:
            given = reference()
        except Refused as refusal:
            answer = self.hub.run(command, self.now)
            assert isinstance(answer, TillRefused), answer
            assert answer.problem.code == str(refusal)
            invariants.nothing_was_changed(before, self.hub.world)
            return None, None
        answer = self.hub.run(command, self.now)
        assert not isinstance(answer, Exception), answer
        if isinstance(command, PlaceHold | CommitSale) and command.request in before.requests:
            invariants.nothing_was_changed(before, self.hub.world)
            assert known == set(self.reference.requests)
        elif isinstance(command, PlaceHold) or (
            isinstance(command, CommitSale) and not command.ask.occurred
        ):
            invariants.requests_take_living_points_only(self.hub.staged.entries, self.hub.world)
        return given, answer

    def _overdraft_was_told(self, debts: dict[str, int], order: OrderKey) -> None:
        """Whoever owes more than before is named to a person, with the order."""
        for member in MEMBERS:
            if self.reference.debts[member] > debts.get(member, 0):
                told = {(alert.kind, alert.member, alert.order) for alert in self.hub.staged.alerts}
                assert ("overdraft", member, order) in told

    def _hold_id(self, number: int | None) -> str | None:
        if number is None:
            return None
        member, version = self.holds[number]
        return f"hld_{member.removeprefix('mem_')}_{version}"


def order_of(key: OrderKey, state: State) -> Order:
    """The state as the contract says it: part of the goods was returned."""
    kind = OrderState.PAID if state.paid else OrderState.PLACED
    return Order(
        ref=ExternalRef(connection=key[0], id=key[1]),
        changed_at=state.clock,
        placed_at=state.placed_at,
        state=OrderState.CANCELLED if state.cancelled else kind,
        lines=lines_of(state.yen),
        points_used=state.used,
        points_value=state.used,
    )


def sale_of(
    number: int,
    revision: int,
    state: State,
    member: str | None,
    hold: str | None,
    *,
    occurred: bool,
) -> CommitRequest:
    """The sale as a till commits it."""
    return CommitRequest(
        sale=TillKey(
            store="s", till="1", business_date=date(2026, 11, 1), receipt_number=str(number)
        ),
        revision=revision,
        sold_at=state.placed_at,
        member=member,
        hold=hold,
        points_used=state.used,
        lines=lines_of(state.yen),
        occurred=occurred,
        voided=state.cancelled,
    )


def lines_of(yen: int) -> tuple[LineItem, ...]:
    """Two lines without tax, one of which was partly returned."""
    first = yen // 2
    return (
        LineItem(id="1", quantity=1, amount=first, tax_rate=0),
        LineItem(id="2", quantity=2, amount=yen - first + 50, tax_rate=0, returned_amount=50),
    )


def hub_buckets(books: Books) -> dict[Bucket, list[int]]:
    """Counters of lots that are alike in all facts, added up."""
    sums: dict[Bucket, list[int]] = {}
    for lot in books.lots:
        order = (lot.connection, lot.order) if lot.order else None
        facts = (lot.origin, order, lot.granted_at, lot.usable_from, lot.expires_at)
        _add(sums, facts, _counters(lot))
    return sums


def _counters(lot: HubLot) -> list[int]:
    return [lot.granted, lot.pending, lot.available, lot.held, lot.expired, lot.netted]


def reference_buckets(reference: ReferenceLedger, member: str) -> dict[Bucket, list[int]]:
    """The same, from single points."""
    sums: dict[Bucket, list[int]] = {}
    states: dict[Lot, Counter[Is]] = {lot: Counter() for lot in reference.lots}
    for point in reference.points:
        states[point.lot][point.now] += 1
    for lot, count in states.items():
        if lot.home != member:
            continue
        there = count[Is.AVAILABLE]
        available, expired = (0, there) if lot.dead(reference.now) else (there, 0)
        facts = (lot.origin, lot.order, lot.granted_at, lot.usable_from, lot.expires_at)
        row = [count.total(), count[Is.PENDING], available, count[Is.HELD], expired]
        _add(sums, facts, [*row, count[Is.NETTED]])
    return sums


def different(found: dict[Bucket, list[int]], expected: dict[Bucket, list[int]]) -> str:
    """The lots about which the two are not of one mind, the hub's first."""
    names = [name for name in {*found, *expected} if found.get(name) != expected.get(name)]
    return "".join(f"\n{name}: {found.get(name)} | {expected.get(name)}" for name in names)


def _add(sums: dict[Bucket, list[int]], facts: Bucket, counters: list[int]) -> None:
    old = sums.get(facts, [0] * len(counters))
    sums[facts] = [a + b for a, b in zip(old, counters, strict=True)]
