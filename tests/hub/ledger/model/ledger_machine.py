"""A Hypothesis state machine that lives through orders, tills, holds and time, on both ledgers."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from reference_points import State
from side_by_side import CART, MEMBERS, SHOP, SideBySide

NUMBERS = st.integers(0, 3)
SOMEBODY = st.sampled_from(MEMBERS)
PERHAPS = st.sampled_from([MEMBERS[0], MEMBERS[0], MEMBERS[1], None])
CHANNELS = st.sampled_from([SHOP, SHOP, CART])
YEN = st.sampled_from([1000, 500, 100, 0, 250, 800, 1200, 2000])
POINTS = st.sampled_from([0, 0, 0, 3, 1, 5, 9, 14])
TIMES = st.sampled_from(
    [
        timedelta(minutes=1),
        timedelta(minutes=20),
        timedelta(hours=11),
        timedelta(days=1),
        timedelta(days=31),
        timedelta(days=95),
        timedelta(days=160),
    ]
)
AGES = st.sampled_from(
    [
        timedelta(days=2),
        timedelta(0),
        timedelta(minutes=5),
        timedelta(days=1),
        timedelta(days=3),
        timedelta(days=40),
        timedelta(days=170),
        timedelta(days=500),
        -timedelta(hours=30),
    ]
)


class LedgerMachine(RuleBasedStateMachine):
    """Few members, few orders, small numbers: collisions are frequent."""

    def __init__(self) -> None:
        super().__init__()
        self.both = SideBySide()
        self.told: dict[int, list[State]] = {}
        self.sold: dict[int, list[State]] = {}

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
    )
    def order(self, number, member, ticks, age, yen, used, paid, cancelled, read) -> None:
        """A new order, or the next state of a known one: edit, return, pay, cancel, move."""
        told = self.told.setdefault(number, [])
        state = self._state(
            told, ticks, age, yen=yen, used=used, paid=paid, cancelled=cancelled
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

    @rule(member=SOMEBODY, points=st.integers(3, 12), age=st.sampled_from([2, 2, 3, 40, 149]))
    def shop(self, member, points, age) -> None:
        """A plain order of some days ago, so that there are points to spend."""
        number = 100 + len(self.told)
        at = self.both.now - timedelta(days=age)
        self.told[number] = [State(at, at, points * 100, 0)]
        self.both.order(number, self.told[number][0], member)

    # --- the till

    @rule(channel=CHANNELS, key=NUMBERS, member=SOMEBODY, points=st.integers(1, 9), long=st.booleans())
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
        number=NUMBERS,
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

    def _holds(self) -> st.SearchStrategy[int]:
        return st.integers(max(0, len(self.both.holds) - 3), len(self.both.holds) - 1)

    # --- time

    @rule(time=TIMES)
    def wait(self, time) -> None:
        """The clock jumps."""
        self.both.wait(time)

    @rule()
    def jobs(self) -> None:
        """The jobs run."""
        self.both.jobs()

    @invariant()
    def both_agree(self) -> None:
        """After every step."""
        self.both.check()
