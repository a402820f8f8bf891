"""Rules of the machine: what tills do without network, and how they tell it."""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from reference_tills import Use
from till_acts import close, give, sell
from till_choices import A_TILL, FATES, SOMEBODY, TIMES, TTL, WHICH, YEN, one_of
from till_story import TillStory


class Offline(TillStory):
    """Sales that wait in a queue, paid from allowances, told late or twice."""

    @rule(till=A_TILL, who=SOMEBODY, points=st.sampled_from([5, 12, 30]), fate=FATES)
    def prepare(self, till, who, points, fate) -> None:
        """Points for the time offline; known once the answer is."""
        member = self.both.members[who]
        act = give(self.both.names, till, self._key(till), member, points, TTL)
        self._send(act, fate)

    @rule(till=A_TILL, who=SOMEBODY, yen=YEN)
    def sale_offline(self, till, who, yen) -> None:
        """A sale that waits in the queue."""
        sale = self._sale(till, self.both.members[who], yen, 0)
        self.tills[till].note(sell(self.both.names, sale))

    @rule(which=WHICH, share=st.sampled_from([1, 2, 4]))
    def redeem_offline(self, which, share) -> None:
        """Points from an allowance that is not over, no more than are left."""
        till, mine = one_of(self._carried(), which) or (None, None)
        if till is None:
            return
        self._redeem(till, mine, share)

    @rule(
        till=A_TILL,
        who=SOMEBODY,
        shares=st.lists(st.sampled_from([1, 2, 4]), max_size=2),
        time=TIMES,
        spent=st.booleans(),
        fate=FATES,
    )
    def days_offline(self, till, who, shares, time, spent, fate) -> None:
        """Points set aside, used offline, and told late, while others spend the rest."""
        self.prepare(till, who, 5, "heard")
        mine = [one for one in self.tills[till].carried.values() if one.used < one.points]
        if not mine:
            return
        for share in shares:
            self._redeem(self.tills[till], mine[-1], share)
        self._await(self.both.wait(time))
        if spent:
            everything = self.both.ledger.spendable(mine[-1].member)
            sale = self._sale("t9", mine[-1].member, 2_400, everything)
            self._send(sell(self.both.names, sale))
        if self.tills[till].queue:
            self._report(self.tills[till], fate)

    @rule(
        which=WHICH,
        who=st.one_of(st.none(), SOMEBODY),
        elsewhere=st.sampled_from([False, False, True]),
        ahead=st.integers(0, 2),
        points=st.sampled_from([3, 9, 31]),
        asks=st.booleans(),
    )
    def misuse(self, which, who, elsewhere, ahead, points, asks) -> None:
        """Beyond what is left, another's, by a count that was used, or at another till."""
        till, mine = one_of(self._carried(), which) or (None, None)
        if till is None:
            return
        member = mine.member if who is None else self.both.members[who]
        here = "t9" if elsewhere else till.name
        use = Use(mine.number, mine.counter + ahead or 1)
        sale = self._sale(here, member, 2_400, points, use=use)
        self.misused.add(mine.number)
        act = sell(self.both.names, sale)
        if asks:
            self._send(act)
        else:
            self.tills[here].note(act)

    @rule(which=WHICH, fate=FATES)
    def report(self, which, fate) -> None:
        """The line is back: the queue is told; where the answer is lost, it is told again."""
        till = one_of([till for till in self.tills.values() if till.queue], which)
        if till is not None:
            self._report(till, fate)

    @rule(which=WHICH, wrong=st.sampled_from([0, 0, 0, 2]), fate=FATES)
    def close(self, which, wrong, fate) -> None:
        """The closing report of an allowance, perhaps too early, perhaps wrong."""
        till, mine = one_of(self._carried(), which) or (None, None)
        if till is None:
            return
        if wrong:
            self.misused.add(mine.number)
        used = max(0, mine.used - wrong)
        self._send(close(self.both.names, till.name, mine.number, mine.counter, used), fate)
