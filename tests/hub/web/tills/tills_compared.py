"""The hub over HTTP and the reference ledger, side by side: every answer must be the same."""

import asyncio
import copy
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from reference_ledger import Answer
from reference_points import State
from reference_tills import TillLedger
from till_acts import SALES, Act, Names, Said, key_of, order_of, read_sale
from till_stage import CART, START, Caller, Stage

from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState

SETTLED = """
SELECT member_id, connection_id, order_ref, earned, redeemed FROM settled
WHERE member_id = ANY(:m) AND (earned, redeemed) <> (0, 0)"""

OWED = "SELECT member_id, -debt FROM member WHERE member_id = ANY(:m)"

ALERTS = "SELECT kind, coalesce(order_ref, member_id) FROM alert WHERE member_id = ANY(:m)"


@dataclass
class TillsCompared:
    """``first`` are the whole answers that must come again for the same request."""

    stage: Stage
    callers: dict[str, Caller]
    members: list[str]
    ledger: TillLedger = field(default_factory=lambda: TillLedger(START))
    names: Names = field(default_factory=Names)
    first: dict[str, Said] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """Of both."""
        return self.ledger.now

    async def wait(self, time: timedelta) -> None:
        """Time passes."""
        self.ledger.advance(self.now + time)
        await self.stage.set_clock(self.now)

    async def do(self, *acts: Act) -> list[Answer]:
        """All at once. There must be an order in which the reference gives the same answers."""
        sent = (self.callers[act.till].post(act.path, act.said) for act in acts)
        heard = [_heard(response) for response in await asyncio.gather(*sent)]
        found = [
            ("refused", said["code"]) if refused else act.read(said)
            for act, (refused, said) in zip(acts, heard, strict=True)
        ]
        given = self._in_some_order(acts, found)
        for act, answer, (refused, said) in zip(acts, given, heard, strict=True):
            if not refused:
                self._remember(act, answer, said)
        return found

    def _in_some_order(self, acts: Sequence[Act], found: list[Answer]) -> list[Answer]:
        """What the reference says, in the first order of the acts that explains the answers."""
        said = []
        for order in itertools.permutations(range(len(acts))):
            ledger = copy.deepcopy(self.ledger) if len(acts) > 1 else self.ledger
            given = dict.fromkeys(order, ())
            for n in order:
                given[n] = acts[n].expected(ledger)
            answers = [given[n] for n in range(len(acts))]
            expected = [_without_number(*pair) for pair in zip(acts, answers, strict=True)]
            if expected == found:
                self.ledger = ledger
                return answers
            said.append(expected)
        raise AssertionError(f"the hub: {found}\nthe reference: {said}\n{acts}")

    def _remember(self, act: Act, answer: Answer, said: Said) -> None:
        if act.learn is not None:
            number = answer[0]
            assert isinstance(number, int)
            act.learn(number, said)
        if act.known:
            same = {k: v for k, v in act.said.items() if k != "occurred"}
            name = f"{act.till} {act.path} {json.dumps(same, sort_keys=True)}"
            assert self.first.setdefault(name, said) == said, act

    async def ask(self, till: str, sale: Any) -> None:
        """After a time-out: how a sale stands, by its natural key."""
        key = key_of(sale.till, sale.receipt, sale.sold_at)
        refused, said = _heard(await self.callers[till].get(SALES, **key))
        found = ("refused", said["code"]) if refused else read_sale(said)
        act = Act(till, SALES, None, lambda ledger: ledger.find(order_of(sale)), read_sale)
        assert found == act.expected(self.ledger), sale

    async def ask_hold(self, till: str, key: str) -> None:
        """The same of a hold, by the till's own key."""
        refused, said = _heard(await self.callers[till].get("/pos/v1/holds", key=key))
        names = ("hold", "member", "state", "points", "lapses_at", "sale")
        found = ("refused", said["code"]) if refused else tuple(said[name] for name in names)
        assert found == self._hold_named(till, key)

    def _hold_named(self, till: str, key: str) -> Answer:
        known = self.ledger.requests.get(("hold", till, key))
        if known is None:
            return ("refused", "hold_not_found")
        number = known[1][0]
        assert isinstance(number, int)
        hold = self.ledger.holds[number]
        still = (len(hold.points), hold.lapses_at.isoformat().replace("+00:00", "Z"))
        left = (0, None) if hold.how else still
        sale = hold.sale[1] if hold.sale else ""
        return (self.names.holds[number], hold.member, hold.how or "open", *left, sale)

    async def look(self, till: str, member: str) -> None:
        """What a register shows of a member."""
        ask = {"scheme": "member", "value": member}
        refused, said = _heard(await self.callers[till].post("/pos/v1/members:resolve", ask))
        assert not refused, said
        ends = tuple((one["expires_on"], one["points"]) for one in said["by_expiry"])
        assert (said["spendable"], said["pending"], ends) == self.ledger.look(member)

    async def order(self, number: str, state: State, member: str) -> None:
        """The cart tells an order."""
        debts, key = dict(self.ledger.debts), (CART, number)
        expected = self.ledger.see(key, state, member)
        self.ledger.note_overdraft(debts, key)
        told = await self.stage.hub.booking.settle(
            _order(number, state), read_at=None, delivery_key=None, member=member
        )
        assert told.outcome == expected

    async def check_books(self) -> None:
        """What is booked for every sale, what is owed, and what a person is told."""
        mine = {"m": self.members}
        posted = {
            (member, *order): (done.earned, len(done.used))
            for (member, order), done in self.ledger.booked.items()
        }
        rows = await self.stage.rows(SETTLED, **mine)
        assert {row[:3]: row[3:] for row in rows} == {k: v for k, v in posted.items() if any(v)}
        owed = dict(await self.stage.rows(OWED, **mine))
        assert owed == {member: self.ledger.debts[member] for member in self.members}
        alerts, told = Counter(await self.stage.rows(ALERTS, **mine)), Counter(self.ledger.told)
        assert alerts == told, f"the hub alone: {alerts - told}, the reference: {told - alerts}"

    async def overdrawn(self) -> set[str]:
        """The sales for which points were missing."""
        alerts = await self.stage.rows(ALERTS, m=self.members)
        return {str(order) for kind, order in alerts if kind == "overdraft"}


def _heard(response: Any) -> tuple[bool, Said]:
    """Whether it was refused, and what was said; nothing else may happen."""
    said: Said = response.json()
    assert response.status_code < 500, said
    return not response.is_success, said


def _without_number(act: Act, answer: Answer) -> Answer:
    """The reference's own number of a hold is not compared."""
    return answer[1:] if act.learn is not None and answer[0] != "refused" else answer


def _order(number: str, state: State) -> Order:
    return Order(
        ref=ExternalRef(connection=CART, id=number),
        changed_at=state.clock,
        placed_at=state.placed_at,
        state=OrderState.CANCELLED if state.cancelled else OrderState.FULFILLED,
        lines=(LineItem(id="1", quantity=1, amount=state.yen, tax_rate=0),),
        points_used=state.used,
        points_value=state.used,
    )


def bought(yen: int, at: datetime, **more: Any) -> State:
    """An order of the cart."""
    return replace(State(at, at, yen, 0), **more)
