"""A Hypothesis state machine: ten tills and a cart, online and offline, with answers that get lost.

After every step the hub's answers are those of the reference ledger, also those that no till hears.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from reference_points import Refunded
from till_acts import attach, extend, order_of, refund, release, sell, void
from till_choices import A_TILL, FATES, POINTS, SOMEBODY, TILLS, TIMES, WHICH, YEN, one_of
from till_memory import shop_on
from till_offline import Offline
from tills_compared import bought


class TillMachine(Offline):
    """Few members and small numbers: they meet at every till."""

    # --- online

    @rule(till=A_TILL, who=SOMEBODY, yen=YEN, points=POINTS, fate=FATES)
    def sale(self, till, who, yen, points, fate) -> None:
        """A sale, paid with points or not, without a hold."""
        sale = self._sale(till, self.both.members[who], yen, points)
        self._send(sell(self.both.names, sale), fate)

    @rule(till=A_TILL, yen=YEN, fate=FATES)
    def sale_to_nobody(self, till, yen, fate) -> None:
        """Nobody shows a card."""
        self._send(sell(self.both.names, self._sale(till, None, yen, 0)), fate)

    @rule(till=A_TILL, who=SOMEBODY, points=st.sampled_from([1, 4, 9, 20]), fate=FATES)
    def hold(self, till, who, points, fate) -> None:
        """Points set aside; the hold is known once its answer is."""
        self._hold(till, self.both.members[who], points, fate)

    @rule(which=WHICH, share=st.sampled_from([0, 1, 2]), occurred=st.booleans(), fate=FATES)
    def pay(self, which, share, occurred, fate) -> None:
        """The sale for which a hold was made, of all or half of it, at the till that has it."""
        till, number = one_of(self._known_holds(), which) or (None, None)
        if till is None:
            return
        hold = self.both.ledger.holds[number]
        used = len(hold.points) * share // 2
        sale = self._sale(till.name, hold.member, 2_400, used, hold=number)
        self._send(sell(self.both.names, sale, occurred=occurred), fate)

    @rule(which=WHICH, longer=st.booleans(), fate=FATES)
    def end_or_extend(self, which, longer, fate) -> None:
        """A hold is not needed, or needed for longer."""
        till, number = one_of(self._known_holds(), which) or (None, None)
        if till is None:
            return
        act = extend(self.both.names, till.name, number, 3_600) if longer else None
        self._send(act or release(self.both.names, till.name, number), fate)

    # --- after the sale

    @rule(
        which=WHICH,
        higher=st.sampled_from([1, 1, 0]),
        yen=YEN,
        points=POINTS,
        voided=st.booleans(),
        fate=FATES,
    )
    def restate(self, which, higher, yen, points, voided, fate) -> None:
        """A higher revision, or one that was told with other content."""
        sale = one_of(self.sales, which)
        used = 0 if sale.member is None else points
        told = replace(sale, revision=sale.revision + higher, yen=yen, used=used, voided=voided)
        self.sales[self.sales.index(sale)] = told
        self.loose.add(order_of(sale)[1])
        self._send(sell(self.both.names, told), fate)

    @rule(which=WHICH, online=st.booleans(), fate=FATES)
    def void(self, which, online, fate) -> None:
        """A whole sale is undone, perhaps before the hub has heard of it."""
        sale = one_of(self.sales, which)
        self.loose.add(order_of(sale)[1])
        self._now_or_later(void(sale, self.both.now), online, fate)

    @rule(
        which=WHICH,
        till=A_TILL,
        yen=st.sampled_from([100, 50, 400]),
        points=POINTS,
        online=st.booleans(),
        fate=FATES,
    )
    def refund(self, which, till, yen, points, online, fate) -> None:
        """Goods come back, at any till."""
        sale = one_of(self.sales, which)
        self.loose.add(order_of(sale)[1])
        told = Refunded(self.both.now, yen, points, whole=False)
        act = refund(till, self._receipt(till), sale, told)
        self._now_or_later(act, online, fate)

    @rule(which=WHICH, till=A_TILL, who=SOMEBODY, online=st.booleans(), fate=FATES)
    def attach(self, which, till, who, online, fate) -> None:
        """A card is shown afterwards."""
        nobodys = [sale for sale in self.sales if sale.member is None] or self.sales
        sale = one_of(nobodys, which)
        self._now_or_later(attach(till, sale, self.both.members[who]), online, fate)

    # --- what was not heard

    @rule(which=WHICH, offline=st.booleans())
    def again(self, which, offline) -> None:
        """A call whose answer was lost: once more, or as a fact in the next batch."""
        till = one_of([one for one in self.tills.values() if one.doubt], which)
        if till is None:
            return
        act = till.doubt.pop(which % len(till.doubt))
        if offline and act.content:
            till.note(act)
        else:
            self._send(act)

    @rule(which=WHICH, till=A_TILL)
    def ask(self, which, till) -> None:
        """How does a sale stand?"""
        self._await(self.both.ask(till, one_of(self.sales, which)))

    @rule(which=WHICH, elsewhere=st.sampled_from([False, False, False, True]))
    def ask_hold(self, which, elsewhere) -> None:
        """How does a hold stand, whether or not its answer was heard?"""
        asked = one_of(sorted(set(self.keys)), which)
        if asked is not None:
            till, key = asked
            self._await(self.both.ask_hold("t9" if elsewhere else till, key))

    @rule(till=A_TILL, who=SOMEBODY)
    def look(self, till, who) -> None:
        """A card is read."""
        self._await(self.both.look(till, self.both.members[who]))

    # --- all at once, the cart, time

    @rule(
        who=SOMEBODY,
        points=st.lists(st.sampled_from([0, 3, 9, 20]), min_size=2, max_size=4),
        holds=st.booleans(),
    )
    def rush(self, who, points, holds) -> None:
        """Several tills want the same points at the same moment."""
        member, acts = self.both.members[who], []
        for till, wanted in zip(TILLS, points, strict=False):
            if holds:
                acts.append(self._place(till, member, wanted or 1))
            else:
                acts.append(sell(self.both.names, self._sale(till, member, 2_400, wanted)))
        self._await(self.both.do(*acts))

    @rule(
        who=SOMEBODY,
        tills=st.integers(1, 3),
        shares=st.sampled_from([1, 2]),
        occurred=st.booleans(),
    )
    def rush_for_a_hold(self, who, tills, shares, occurred) -> None:
        """One hold, and several receipts that name it at the same moment."""
        self._hold("t0", self.both.members[who], 4, "heard")
        number = len(self.both.ledger.holds) - 1
        if number not in self.tills["t0"].holds:
            return
        member, hold = self.both.members[who], number
        sales = [self._sale(till, member, 2_400, 4 // shares, hold=hold) for till in TILLS[:tills]]
        self._await(
            self.both.do(*(sell(self.both.names, sale, occurred=occurred) for sale in sales))
        )

    @rule(who=SOMEBODY, yen=YEN, points=POINTS, again=st.booleans(), gone=st.booleans())
    def order(self, who, yen, points, again, gone) -> None:
        """The cart tells an order, a new one or the last one once more or cancelled."""
        number, state, member = f"o{self.story}-{len(self.orders)}", None, self.both.members[who]
        if again and self.orders:
            number, state, member = self.orders[-1]
            tick = timedelta(seconds=gone)
            state = replace(state, clock=state.clock + tick, cancelled=state.cancelled or gone)
        state = state or bought(yen, self.both.now, used=points)
        self.orders.append((number, state, member))
        self._await(self.both.order(number, state, member))

    @rule(time=TIMES)
    def wait(self, time) -> None:
        """The clock jumps."""
        self._await(self.both.wait(time))

    @rule()
    def jobs(self) -> None:
        """What has lapsed is booked: this changes no answer."""
        booking = self.shop.stage.hub.booking
        self._await(booking.lapse_holds())
        self._await(booking.expire_lots())

    def teardown(self) -> None:
        """Everything is told; the books are those of the reference, and nobody is overdrawn."""
        for till in self.tills.values():
            while till.doubt:
                self._send(till.doubt.pop(0))
            while till.queue:
                self._report(till, "heard")
        for member in self.both.members:
            self._await(self.both.look("t0", member))
        self.jobs()  # debts of the books wait for it, those that are shown do not
        self._await(self.both.check_books())
        overdrawn = self._await(self.both.overdrawn())
        assert not overdrawn & (self.bound - self.loose), "points that were set aside were missing"


@contextmanager
def machine_in(server: Any, folder: Path) -> Iterator[type[TillMachine]]:
    """The machine over a hub of its own."""
    with shop_on(server, folder) as shop:
        yield type("Machine", (TillMachine,), {"shop": shop})
