"""A Hypothesis state machine that lives through orders, tills, holds and time, on both ledgers."""

import itertools
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from machine_choices import (
    AGES,
    CHANNELS,
    NUMBERS,
    PASTS,
    PERHAPS,
    POINTS,
    SAME,
    SOMEBODY,
    TIMES,
    YEN,
)
from reference_points import Refunded, State
from side_by_side import CART, SHOP, SideBySide


class LedgerMachine(RuleBasedStateMachine):
    """Few members, few orders, small numbers: collisions are frequent."""

    def __init__(self) -> None:
        super().__init__()
        self.both = SideBySide()
        self.told: dict[int, list[State]] = {}
        self.sold: dict[int, list[State]] = {}
        self.seen_by_poll: dict[int, list[State]] = {}
        self.refunds: dict[tuple[int, str, int], list[Refunded]] = {}

    def _state(self, told: list[State], ticks: int, age: timedelta, **content: object) -> State:
        """A new state of a sale: the first says when it was, later ones have a later clock."""
        now = self.both.now
        placed_at = told[0].placed_at if told else now - age
        newest = max((one.clock for one in told), default=placed_at)
        clock = max(newest, now - timedelta(hours=1)) + timedelta(seconds=ticks)
        return State(clock, placed_at, **content)  # type: ignore[arg-type]

    # --- orders of the cart

    @rule(
        number=NUMBERS,
        member=PERHAPS,
        ticks=st.integers(0, 2),
        age=AGES,
        yen=YEN,
        used=POINTS,
        paid=st.booleans(),
        cancelled=st.sampled_from([False, False, False, True]),
        read=st.booleans(),
        same=SAME,
    )
    def order(self, number, member, ticks, age, yen, used, paid, cancelled, read, same) -> None:
        """A new order, or the next state of a known one: edit, return, pay, cancel, move."""
        told = self.told.setdefault(number, [])
        state = self._state(
            told, ticks, age, yen=yen, used=used, paid=paid, cancelled=cancelled, same=same
        )
        told.append(state)
        self.both.order(number, state, member, self.both.now if read else None)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), member=PERHAPS)
    def order_again(self, data, member) -> None:
        """A state that was told before arrives again, or late."""
        number = data.draw(st.sampled_from(sorted(self.told)))
        state = data.draw(st.sampled_from(self.told[number]))
        self.both.order(number, state, member)

    @rule(
        number=NUMBERS,
        channel=st.sampled_from([CART, SHOP]),
        name=st.integers(0, 2),
        yen=st.sampled_from([0, 100, 250]),
        points=st.sampled_from([0, 1, 4]),
        whole=st.sampled_from([False, False, True]),
        age=st.sampled_from([timedelta(0), timedelta(hours=3), timedelta(days=3)]),
    )
    def refund(self, number, channel, name, yen, points, whole, age) -> None:
        """A refund apart from its order, perhaps before it, perhaps twice."""
        told = self.refunds.setdefault((number, channel, name), [])
        if not told or yen:
            told.append(Refunded(self.both.now - age, yen, points, whole))
        self.both.refund(channel, number, f"r{name}", told[0] if yen < 250 else told[-1])

    @rule(member=SOMEBODY, points=st.integers(3, 12), age=st.sampled_from([2, 2, 3, 40, 149]))
    def shop(self, member, points, age) -> None:
        """A plain order of some days ago, so that there are points to spend."""
        number = 100 + len(self.told)
        at = self.both.now - timedelta(days=age)
        self.told[number] = [State(at, at, points * 100, 0)]
        self.both.order(number, self.told[number][0], member)

    # --- the till

    @rule(
        channel=CHANNELS, key=NUMBERS, member=SOMEBODY, points=st.integers(1, 9), long=st.booleans()
    )
    def place(self, channel, key, member, points, long) -> None:
        """A hold, or the same key once more."""
        self.both.place(channel, f"k{key}", member, points, 86_400 if long else 900)

    @precondition(lambda self: self.both.holds)
    @rule(data=st.data(), channel=CHANNELS)
    def release(self, data, channel) -> None:
        """A hold, open or not, is given back."""
        self.both.release(channel, data.draw(self._holds()))

    @rule(
        data=st.data(),
        number=st.one_of(NUMBERS, st.integers(100, 104)),
        member=PERHAPS,
        age=AGES,
        yen=YEN,
        used=POINTS,
        voided=st.sampled_from([False, False, False, False, True]),
        occurred=st.booleans(),
        with_hold=st.booleans(),
    )
    def commit(self, data, number, member, age, yen, used, voided, occurred, with_hold) -> None:
        """A finished sale, its next revision, or an old one with other content."""
        sold = self.sold.setdefault(number, [])
        placed_at = sold[0].placed_at if sold else self.both.now - age
        revision = data.draw(st.integers(1, len(sold) + 1))
        clock = placed_at + timedelta(microseconds=revision)
        state = State(clock, placed_at, yen, used, paid=True, cancelled=voided)
        sold.append(state)
        hold = data.draw(self._holds()) if with_hold and self.both.holds else None
        self.both.commit(number, revision, state, member, hold, occurred=occurred)

    @rule(
        number=NUMBERS,
        member=PERHAPS,
        age=AGES,
        yen=YEN,
        used=POINTS,
        cancelled=st.sampled_from([False, False, False, True]),
    )
    def polled(self, number, member, age, yen, used, cancelled) -> None:
        """The vendor tells a sale of the till, under a name of its own."""
        told = self.seen_by_poll.setdefault(number, [])
        state = self._state(told, 1, age, yen=yen, used=used, cancelled=cancelled)
        told.append(state)
        self.both.polled(number, state, member)

    def _holds(self) -> st.SearchStrategy[int]:
        return st.integers(max(0, len(self.both.holds) - 3), len(self.both.holds) - 1)

    @rule(
        member=SOMEBODY,
        points=st.integers(1, 9),
        share=st.sampled_from([0, 1, 5, 9]),
        data=st.data(),
    )
    def pay(self, member, points, share, data) -> None:
        """A hold and, perhaps after a while, the sale that captures it, whole or in part."""
        before = len(self.both.holds)
        self.both.place(SHOP, f"p{len(self.both.reference.requests)}", member, points, 900)
        self.both.wait(data.draw(st.sampled_from([timedelta(0), timedelta(minutes=20)])))
        if len(self.both.holds) > before:
            number = self._unsold()
            at = self.both.now
            state = State(at + timedelta(microseconds=1), at, 900, min(points, share))
            self.sold[number] = [state]
            self.both.commit(number, 1, state, member, before, occurred=data.draw(st.booleans()))

    def _unsold(self) -> int:
        """A receipt number that no sale has: a sale keeps the time it was made at."""
        return next(number for number in itertools.count(100) if number not in self.sold)

    @rule(member=SOMEBODY, more=st.sampled_from([0, 0, 2]), back=st.sampled_from([0, 1, 4]))
    def spend(self, member, more, back) -> None:
        """An order of the cart that uses all there is, or more, and perhaps gives some back."""
        number, at = 100 + len(self.told), self.both.now
        used = self.both.reference.spendable(member) + more
        first = State(at, at, 300, used)
        self.told[number] = [first]
        self.both.order(number, first, member)
        if back and used > back:
            self.told[number].append(
                replace(first, clock=at + timedelta(seconds=1), used=used - back)
            )
            self.both.order(number, self.told[number][-1], member)

    @precondition(lambda self: any(self._used(number) for number in self.told))
    @rule(data=st.data(), left=st.sampled_from([0, 1, 2, 5]))
    def give_back(self, data, left) -> None:
        """A part of the points that an order used is given back, or all of it."""
        number = data.draw(st.sampled_from([n for n in sorted(self.told) if self._used(n)]))
        old = max(self.told[number], key=lambda state: state.clock)
        clock = max(old.clock, self.both.now - timedelta(hours=1)) + timedelta(seconds=1)
        state = replace(old, clock=clock, used=min(left, old.used - 1))
        self.told[number].append(state)
        self.both.order(number, state, None)

    def _used(self, number: int) -> int:
        newest = max(self.told[number], key=lambda state: state.clock)
        return 0 if newest.clock > self.both.now + timedelta(hours=1) else newest.used

    @rule(member=SOMEBODY, points=st.integers(1, 5), asks=st.booleans())
    def late(self, member, points, asks) -> None:
        """A sale from when points were alive that are over now, told or asked for today."""
        now, key = self.both.now, f"l{len(self.both.reference.requests)}"
        month = timedelta(days=30)
        self.both.bring(f"{key}.over", member, points, now - month, now - timedelta(days=1))
        self.both.bring(f"{key}.alive", member, points, now - month, now + month)
        at = now - timedelta(days=2)
        state = State(at + timedelta(microseconds=1), at, 500, points)
        told = self.sold if asks else self.told
        number = self._unsold() if asks else 100 + len(told)
        told[number] = [state]
        if asks:
            self.both.commit(number, 1, state, member, None, occurred=False)
        else:
            self.both.order(number, state, member)

    @rule(member=SOMEBODY, time=TIMES, debt=st.sampled_from([1, 3]))
    def neglect(self, member, time, debt) -> None:
        """A hold of all there is, which nobody ends, while the member comes to owe points."""
        all_there_is = self.both.reference.spendable(member)
        if all_there_is:
            key = f"n{len(self.both.reference.requests)}"
            self.both.place(SHOP, key, member, all_there_is, 900)
            self.both.adjust(key, member, -debt, None, None, occurred=True)
            self.both.check()
            self.both.wait(time)

    # --- corrections, groups, quotas

    @rule(
        kind=st.sampled_from(["adjust", "adjust", "exchange", "bring", "write_off"]),
        key=st.integers(0, 9),
        member=SOMEBODY,
        points=st.integers(-6, 9).filter(bool),
        age=PASTS,
        days=st.sampled_from([None, 2, 60, 100]),
        occurred=st.booleans(),
    )
    def correct(self, kind, key, member, points, age, days, occurred) -> None:
        """A person or a migration moves points, perhaps with the same key once more."""
        at = self.both.now - age
        ends = None if days is None else at + timedelta(days=days)
        if kind == "adjust":
            asks = points < 0 and not occurred  # what is asked for happens now
            self.both.adjust(
                f"a{key}", member, points, None if asks else at, ends, occurred=occurred
            )
        elif kind == "exchange":
            self.both.exchange(f"e{key}", member, points)
        elif kind == "bring":
            self.both.bring(f"i{key}", member, abs(points), at, ends)
        else:
            self.both.write_off(f"w{key}", member, abs(points))

    @rule(member=SOMEBODY, into=SOMEBODY)
    def merge(self, member, into) -> None:
        """Two members are one from now on; a member into themselves: they stand alone again."""
        if member == into:
            self.both.unmerge(member)
        else:
            self.both.merge(member, into)

    @rule(
        quota=st.sampled_from("xy"),
        claimant=NUMBERS,
        wanted=st.integers(0, 30),
        limit=st.integers(1, 50),
    )
    def claim(self, quota, claimant, wanted, limit) -> None:
        """An order claims from a quota."""
        self.both.claim(quota, limit, f"o{claimant}", wanted)

    # --- time

    @rule(time=TIMES)
    def wait(self, time) -> None:
        """The clock jumps."""
        self.both.wait(time)

    @rule(member=SOMEBODY)
    def jobs(self, member) -> None:
        """The jobs run for one member."""
        self.both.jobs(member)

    def teardown(self) -> None:
        """The past is as it was."""
        self.both.check_the_past()

    @invariant()
    def both_agree(self) -> None:
        """After every step."""
        self.both.check()
