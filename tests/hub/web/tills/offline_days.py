"""Many tills without network for days: what each sells from a seed, and what must come of it.

What is expected is arithmetic: what a sale earns follows from its yen and its points, and a balance
is what was earned less what was used.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from reference_allowances import GRACE
from till_acts import SALES, Said, key_of
from till_stage import START, Caller

HOURS = 72
LINES = 1_000
"""Records of one batch."""

POINTS = 150
"""Of one allowance."""

RULES: dict[str, Any] = {
    "per_yen": 100,
    "offline": {"points": POINTS, "hours": HOURS, "grace_hours": GRACE // timedelta(hours=1)},
}


@dataclass(frozen=True)
class Size:
    """How much: tills, receipts of each, members, and members each till prepares for."""

    tills: int
    receipts: int
    members: int
    prepared: int
    seed: int = 1


def earned(yen: int, points: int) -> int:
    """One point for ¥100 that were paid in money, net of 10 % tax."""
    paid = yen - points
    return (paid - paid * 10 // 110) // 100


@dataclass
class Allowance:
    """What the till knows of it."""

    id: str
    used: int = 0
    counter: int = 0


@dataclass
class OfflineTill:
    """A till that sells by its seeded chance. ``late``: expected of members, by late reports."""

    caller: Caller
    chance: Random
    expected: Counter[str] = field(default_factory=Counter)
    carried: dict[str, Allowance] = field(default_factory=dict)
    sold: list[tuple[Said, int]] = field(default_factory=list)
    records: list[Said] = field(default_factory=list)
    redeemed: int = 0

    async def prepare(self, members: list[str], points: int) -> None:
        """Set points aside for these members."""
        for member in members:
            ask = {"key": f"{self.caller.name} {member}", "member": member, "points": points}
            answer = await self.caller.post(
                "/pos/v1/allowances", ask | {"ttl_seconds": HOURS * 3600}
            )
            assert answer.is_success, answer.text
            self.carried[member] = Allowance(answer.json()["allowance"])

    def live(self, receipts: int, members: list[str]) -> None:
        """Sales over all the hours; some are voided, of some goods come back."""
        seconds = sorted(self.chance.randrange(HOURS * 3600 - 60) for _ in range(receipts))
        for second in seconds:
            at = START + timedelta(seconds=second)
            kind = self.chance.random()
            if self.sold and kind < 0.01:
                self._void(at)
            elif self.sold and kind < 0.02:
                self._refund(at)
            else:
                self._sell(at, members)

    def _sell(self, at: datetime, members: list[str]) -> None:
        """Every other customer shows a card; who has an allowance here uses some of it."""
        kind, member = self.chance.random(), None
        if kind < 0.05 and self.carried:
            member = self.chance.choice(sorted(self.carried))
        elif kind < 0.5:
            member = self.chance.choice(members)
        lines, yen = self._basket()
        sale: Said = {
            "sale": key_of(self.caller.name, str(len(self.records) + 1), at),
            "sold_at": at.isoformat(),
            "member": member,
            "lines": lines,
        }
        points = self._redeem(sale, member, yen)
        if member:
            self.expected[member] += earned(yen, points) - points
        self._tell("commit", at, sale)
        self.sold.append((sale, yen))

    def _redeem(self, sale: Said, member: str | None, yen: int) -> int:
        mine = self.carried.get(member or "")
        points = min(POINTS - mine.used, self.chance.randint(0, 60), yen) if mine else 0
        if mine and points:
            mine.used, mine.counter = mine.used + points, mine.counter + 1
            sale["points_used"] = points
            sale["allowance"] = {"id": mine.id, "counter": mine.counter}
            self.redeemed += points
        return points

    def _basket(self) -> tuple[list[Said], int]:
        amounts = [self.chance.randint(50, 1_500) for _ in range(self.chance.randint(1, 5))]
        lines = [
            {"id": str(n), "quantity": 1, "amount": yen, "tax_rate": 1000, "sku": f"p{yen}"}
            for n, yen in enumerate(amounts, 1)
        ]
        return lines, sum(amounts)

    def _void(self, at: datetime) -> None:
        """The last sale, as it was not meant."""
        sale, yen = self.sold.pop()
        said = {"sale": sale["sale"], "voided_at": at.isoformat()}
        self._tell("void", at, said | {"business_date": sale["sale"]["business_date"]})
        self._undone(sale, yen, 0)

    def _refund(self, at: datetime) -> None:
        """The first line of some sale that no points paid for comes back."""
        sale, yen = self.sold[self.chance.randrange(len(self.sold))]
        if sale.get("points_used") or sale.get("returned"):
            return
        sale_key, back = sale["sale"], sale["lines"][0]["amount"]
        receipt = key_of(self.caller.name, f"r{len(self.records)}", at)
        lines = [{"id": "1", "quantity": 1, "amount": back}]
        said = {"receipt": receipt, "sale": sale_key, "refunded_at": at.isoformat(), "lines": lines}
        self._tell("refund", at, said)
        self._undone(sale, yen, yen - back)
        self.sold = [one for one in self.sold if one[0] is not sale]

    def _undone(self, sale: Said, yen: int, left: int) -> None:
        if member := sale["member"]:
            points = sale.get("points_used", 0)
            self.expected[member] += earned(left, 0) - (earned(yen, points) - points)

    def _tell(self, kind: str, at: datetime, body: Said) -> None:
        number = len(self.records) + 1
        record = {"type": kind, "sequence": number, "device_time": at.isoformat(), "body": body}
        self.records.append(json.loads(json.dumps(record)))

    def batches(self) -> Iterator[list[Said]]:
        """What it tells, in its order."""
        for first in range(0, len(self.records), LINES):
            yield self.records[first : first + LINES]

    async def report(self) -> Counter[str]:
        """Tell everything, and close every allowance; gives what became of the records."""
        told: Counter[str] = Counter()
        for batch in self.batches():
            answer = await self.caller.post("/pos/v1/batches", batch)
            assert answer.is_success, answer.text
            told.update(one["status"] for one in answer.json()["results"])
        return told

    async def close(self) -> None:
        """What was not used flows back."""
        for mine in self.carried.values():
            used = {"last_counter": mine.counter, "points_used": mine.used}
            answer = await self.caller.post(f"/pos/v1/allowances/{mine.id}:close", used)
            assert answer.is_success, answer.text


async def furnish(office: Caller, members: list[str]) -> dict[str, int]:
    """Points for everybody, from sales of two days ago; gives who has how many."""
    at = START - timedelta(days=2)
    lines = []
    for number, member in enumerate(members, 1):
        line = {"id": "1", "quantity": 1, "amount": 220_000, "tax_rate": 1000}
        key = key_of(office.name, str(number), at)
        sale = {"sale": key, "sold_at": at.isoformat(), "member": member, "lines": [line]}
        record = {"type": "commit", "sequence": number, "device_time": at.isoformat()}
        lines.append(record | {"body": sale})
    answer = await office.post("/pos/v1/batches", lines)
    assert answer.is_success, answer.text
    return dict.fromkeys(members, earned(220_000, 0))


async def spend_all(office: Caller, members: list[str], receipt: str, at: datetime) -> Counter[str]:
    """Everybody uses online whatever is not set aside; gives who used how many."""
    used: Counter[str] = Counter()
    for number, member in enumerate(members):
        look = await office.post("/pos/v1/members:resolve", {"scheme": "member", "value": member})
        points = look.json()["spendable"]
        line = {"id": "1", "quantity": 1, "amount": points, "tax_rate": 1000}
        sale = {
            "sale": key_of(office.name, f"{receipt}-{number}", at),
            "sold_at": at.isoformat(),
            "member": member,
            "points_used": points,
            "lines": [line],
        }
        answer = await office.post(SALES, sale)
        assert answer.json()["used"] == points, answer.text
        used[member] += points
    return used
