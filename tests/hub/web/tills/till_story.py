"""How a story of tills goes on: calls are sent or get lost, and what is heard is kept."""

from datetime import timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine
from reference_points import State
from reference_tills import Sale, Use
from till_acts import Act, order_of, place, sell
from till_batches import tell
from till_choices import TTL
from till_memory import Carried, Shop, Till
from tills_compared import TillsCompared


class TillStory(RuleBasedStateMachine):
    """One story: its own members and receipts. Whatever happens, both ledgers answer the same.

    ``bound`` are sales for which points were set aside when the hub first heard of them;
    ``loose`` those that were changed later, ``misused`` the allowances of a till that cheats.
    """

    shop: Shop

    def __init__(self) -> None:
        super().__init__()
        self.story = next(self.shop.stories)
        members = [self._await(self.shop.stage.add_member()) for _ in range(3)]
        self.both = TillsCompared(self.shop.stage, self.shop.callers, members)
        self.tills = {
            name: Till(name, caller, sequence=self.story * 10_000)
            for name, caller in self.shop.callers.items()
        }
        self.sales: list[Sale] = []
        self.orders: list[tuple[str, State, str]] = []
        self.keys: list[tuple[str, str]] = []
        self.bound: set[str] = set()
        self.loose: set[str] = set()
        self.misused: set[int] = set()
        self._await(self.both.wait(timedelta(0)))
        for member, yen in zip(members, (3_000, 1_200), strict=False):
            self._send(sell(self.both.names, self._sale("t0", member, yen, 0, days=2)))

    def _await(self, work: Any) -> Any:
        return self.shop.run(work)

    def _send(self, act: Act, fate: str = "heard") -> None:
        till = self.tills[act.till]
        if fate == "lost before":
            till.doubt.append(act)
            return
        self._bind(act)
        for _ in range(1 + (fate == "twice")):
            [found] = self._await(self.both.do(act))
        if fate == "lost after":
            till.doubt.append(act)
        elif found[0] != "refused":
            self._heard(till, act)

    def _heard(self, till: Till, act: Act) -> None:
        """What the till keeps of an answer."""
        if act.path == "/pos/v1/holds":
            till.holds.append(self._number(act))
        elif act.path == "/pos/v1/allowances":
            number, member = self._number(act), act.said["member"]
            end = self.both.now + timedelta(seconds=TTL)
            given = self.both.ledger.holds[number]
            known = Carried(number, member, act.said["points"], getattr(given, "expires_at", end))
            till.carried.setdefault(act.said["key"], known)

    def _number(self, act: Act) -> int:
        number = act.expected(self.both.ledger)[0]
        assert isinstance(number, int)
        return number

    def _now_or_later(self, act: Act, online: bool, fate: str) -> None:
        if online:
            self._send(act, fate)
        else:
            self.tills[act.till].note(act)

    def _report(self, till: Till, fate: str) -> None:
        at = self.both.now.isoformat()
        batch = till.queue[:5]
        if fate == "lost before":
            return
        for _, act in batch:
            self._bind(act)
        for _ in range(1 + (fate == "twice")):
            self._await(self.both.do(tell(till.name, batch, at)))
        if fate != "lost after":
            till.queue = till.queue[5:]

    def _hold(self, till: str, member: str, points: int, fate: str) -> None:
        self._send(self._place(till, member, points), fate)

    def _place(self, till: str, member: str, points: int) -> Act:
        key = self._key(till)
        self.keys.append((till, key))
        return place(self.both.names, till, key, member, points, 900)

    def _redeem(self, till: Till, mine: Carried, share: int) -> None:
        used = (mine.points - mine.used) // share
        if mine.expires_at <= self.both.now or not used:
            return
        mine.used, mine.counter = mine.used + used, mine.counter + 1
        use = Use(mine.number, mine.counter)
        sale = self._sale(till.name, mine.member, 2_400, used, use=use)
        till.note(sell(self.both.names, sale))

    def _sale(
        self, till: str, member: str | None, yen: int, used: int, days: int = 0, **more: Any
    ) -> Sale:
        at = self.both.now - timedelta(days=days)
        sale = Sale(till, self._receipt(till), 1, at, member, yen, used, **more)
        self.sales.append(sale)
        return sale

    def _receipt(self, till: str) -> str:
        self.tills[till].receipts += 1
        return f"{self.story}-{self.tills[till].receipts}"

    def _key(self, till: str) -> str:
        return f"key {self._receipt(till)}"

    def _bind(self, act: Act) -> None:
        """A sale that is told first while what was set aside for it is there is never short."""
        if not act.content or act.content[0] != "commit":
            return
        sale = act.content[1]
        assert isinstance(sale, Sale)
        number = sale.hold if sale.use is None else sale.use.allowance
        if number is None or number in self.misused or order_of(sale) in self.both.ledger.orders:
            return
        hold = self.both.ledger.holds[number]
        if hold.how is None and sale.used <= len(hold.points):
            self.bound.add(order_of(sale)[1])

    def _known_holds(self) -> list[tuple[Till, int]]:
        """Holds whose answers were heard, each with its till."""
        return [(till, number) for till in self.tills.values() for number in till.holds]

    def _carried(self) -> list[tuple[Till, Carried]]:
        """Allowances whose answers were heard, each with its till."""
        return [(till, one) for till in self.tills.values() for one in till.carried.values()]
