"""Many tills and a cart, online and offline, with lost answers: no point is used or earned twice.

Each till signs, decides by its own seeded chance, and all act at once. The reference is
arithmetic: what a sale earns follows from its yen and points, and a balance is what was earned less
what was used.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from renkei.ledger.verify import verify
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState

ALLOWANCES = "/pos/v1/allowances"
SALES = "/pos/v1/transactions"
START = 500
LINES = 15

STANDING = "SELECT member_id, available, held, debt FROM member ORDER BY member_id"


def earned(yen: int, points: int) -> int:
    """One point for ¥100 that were paid in money, net of 10 % tax."""
    paid = yen - points
    return (paid - paid * 10 // 110) // 100


@dataclass
class Shop:
    """What everybody shares: the members, and what they should have."""

    hub: Any
    members: list[str]
    expected: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)


@dataclass
class SeededTill:
    """A till that does what its chance says, and keeps to what it was answered."""

    shop: Shop
    register: Any
    name: str
    chance: Random

    offline: bool = False
    receipts: int = 0
    sequence: int = 0
    queue: list[dict[str, Any]] = field(default_factory=list)
    carried: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def step(self) -> None:
        """One thing, whatever it is."""
        if self.offline:
            offline = [self.sell_offline, self.sell_offline, self.sell_offline, self.report]
            await self.chance.choice(offline)()
            return
        await self.chance.choice([self._sell, self._sell, self.prepare, self._break, self.close])()

    async def end(self) -> None:
        """Everything is told and given back."""
        await self.report()
        await self.close()

    async def _post(self, path: str, ask: Any) -> Any:
        """The answer may be lost; the same again gives it again."""
        answer = await self.register.post(path, ask)
        if self.chance.random() < 0.3:
            again = await self.register.post(path, ask)
            if answer.is_success:
                assert again.json() == answer.json()
            answer = again
        return answer

    def _sale(self, member: str, yen: int, points: int) -> dict[str, Any]:
        self.receipts += 1
        ago = timedelta(hours=self.chance.random())
        return {
            "sale": {
                "store": "shibuya",
                "till": self.name,
                "business_date": "2026-11-26",
                "receipt_number": str(self.receipts),
            },
            "sold_at": (datetime.now(UTC) - ago).isoformat(),
            "member": member,
            "points_used": points,
            "lines": [{"id": "1", "quantity": 1, "amount": yen, "tax_rate": 1000}],
        }

    def _sold(self, sale: dict[str, Any]) -> int:
        yen, points = sale["lines"][0]["amount"], sale["points_used"]
        self.shop.expected[sale["member"]] += earned(yen, points) - points
        return earned(yen, points)

    async def _sell(self) -> None:
        member, points = self.chance.choice(self.shop.members), self.chance.randint(0, 120)
        sale = self._sale(member, self.chance.randint(120, 3_000), points)
        if points:
            name = f"{self.name}-{self.receipts}"
            held = await self._post("/pos/v1/holds", {"key": name} | self._of(member, points))
            if held.is_success:
                sale["hold"] = held.json()["hold"]
            else:
                assert held.json()["code"] == "insufficient_points"
                sale["points_used"] = points = 0
        answer = await self._post(SALES, sale)
        assert answer.is_success, answer.text
        booked = answer.json()
        assert (booked["earned"], booked["used"]) == (self._sold(sale), points)
        if self.chance.random() < 0.2:
            query = "&".join(f"{name}={value}" for name, value in sale["sale"].items())
            stands = (await self.register.get(SALES, query)).json()
            assert (stands["earned"], stands["used"]) == (booked["earned"], booked["used"])

    def _of(self, member: str, points: int) -> dict[str, Any]:
        return {"member": member, "points": points}

    async def prepare(self) -> None:
        """Set points aside for somebody, if there are enough."""
        member, points = self.chance.choice(self.shop.members), self.chance.randint(20, 150)
        if member in self.carried:
            return
        ask = {"key": f"{self.name}-{self.receipts}-{len(self.queue)}-{self.sequence}"}
        self.receipts += 1  # so that the next one is named otherwise
        given = await self._post(ALLOWANCES, ask | self._of(member, points))
        if given.is_success:
            self.carried[member] = given.json() | {"used": 0, "counter": 0}

    async def _break(self) -> None:
        self.offline = True

    async def sell_offline(self) -> None:
        """A sale that waits in the queue, with points if they were set aside."""
        member = self.chance.choice([*self.carried, *self.shop.members])
        mine = self.carried.get(member)
        left = mine["points"] - mine["used"] if mine else 0
        points = self.chance.randint(0, min(left, 60))
        sale = self._sale(member, self.chance.randint(120, 3_000), points)
        if points:
            assert mine is not None
            mine["used"] += points
            mine["counter"] += 1
            sale["allowance"] = {"id": mine["allowance"], "counter": mine["counter"]}
        self.sequence += 1
        self._sold(sale)
        record = {"type": "commit", "sequence": self.sequence, "device_time": sale["sold_at"]}
        self.queue.append(record | {"body": sale})

    async def report(self) -> None:
        """Online again; a batch whose answer was lost is told again."""
        self.offline = False
        while batch := self.queue[:LINES]:
            first = await self._tell(batch)
            self.queue = self.queue[LINES:]
            for record, result in zip(batch, first, strict=True):
                sale = record["body"]
                points = sale["points_used"]
                assert result["answer"]["used"] == points
                assert result["answer"]["earned"] == earned(sale["lines"][0]["amount"], points)

    async def _tell(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        body = "\n".join(json.dumps(one) for one in batch).encode()
        self.register.headers = {"Content-Type": "application/x-ndjson"}
        results = (await self.register.send("/pos/v1/batches", body)).json()["results"]
        if self.chance.random() < 0.4:
            again = (await self.register.send("/pos/v1/batches", body)).json()["results"]
            assert [one["status"] for one in again] == ["duplicate"] * len(batch)
            assert [one["answer"] for one in again] == [one["answer"] for one in results]
        self.register.headers = {}
        self.shop.told.update(one["status"] for one in results)
        return list(results)

    async def close(self) -> None:
        """All allowances whose sales are told."""
        for mine in self.carried.values():
            report = {"last_counter": mine["counter"], "points_used": mine["used"]}
            path = f"{ALLOWANCES}/{mine['allowance']}:close"
            closed = (await self.register.post(path, report)).json()
            assert (closed["difference"], closed["missing"], closed["held"]) == (0, [], 0)
            assert closed["released"] == mine["points"] - mine["used"]
            if self.chance.random() < 0.3:
                assert (await self.register.post(path, report)).json()["released"] == 0
        self.carried = {}


async def cart(shop: Shop, chance: Random, orders: int) -> None:
    """Orders that are told more than once, some of them cancelled again."""
    for number in range(orders):
        member, yen = chance.choice(shop.members), chance.randint(100, 9_000)
        states = [OrderState.FULFILLED] * chance.randint(1, 3)
        states += [OrderState.CANCELLED] if yen < 110 else []
        for tick, state in enumerate(states):
            await shop.hub.booking.settle(
                _order(number, yen, state, tick), read_at=None, delivery_key=None, member=member
            )
        shop.expected[member] += earned(yen, 0) if states[-1] is OrderState.FULFILLED else 0


def _order(number: int, yen: int, state: OrderState, tick: int) -> Order:
    placed = datetime(2026, 11, 25, tzinfo=UTC) + timedelta(minutes=number)
    return Order(
        ref=ExternalRef(connection="signing", id=f"o{number}"),
        changed_at=placed + timedelta(seconds=tick),
        placed_at=placed,
        state=state,
        lines=(LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
    )


@pytest.fixture
async def shop(hub: Any, register: Any, new_sale: Any, publish: Any) -> Shop:
    """Five members with 500 points each, in a program that lets points be used offline."""
    await publish({"offline": {"points": 200, "hours": 168, "grace_hours": 24}})
    made = Shop(hub, [])
    for number in range(5):
        ref = ExternalRef(connection="signing", id=f"m{number}")
        seen = Member(ref=ref, changed_at=datetime(2026, 1, 1, tzinfo=UTC))
        member = (await hub.booking.enrol(seen)).member
        await register.post(SALES, new_sale(f"s{number}", member, yen=55_000))
        made.members.append(member)
        made.expected[member] = START
    return made


async def tills_of(
    shop: Shop, register: Any, add_terminal: Any, many: int, seed: int
) -> list[SeededTill]:
    """So many tills, each with its own credential."""
    return [
        SeededTill(
            shop,
            type(register)(register.http, await add_terminal(f"t{n}")),
            f"t{n}",
            Random(f"{seed}/{n}"),  # noqa: S311 – a story, not a secret
        )
        for n in range(many)
    ]


async def require_equal_books(shop: Shop) -> None:
    """Everybody has what they should; nobody owes, nothing is held, no person is needed."""
    async with shop.hub.database.begin() as conn:
        stands = (await conn.execute(text(STANDING))).all()
        alerts = (await conn.execute(text("SELECT kind, message FROM alert"))).all()
        report = await verify(conn)
    expected = [(member, points, 0, 0) for member, points in sorted(shop.expected.items())]
    assert [tuple(row) for row in stands] == expected
    assert alerts == []
    assert report.findings == ()


@pytest.mark.parametrize("seed", [7])
async def test_ten_tills_and_a_cart_overspend_nothing_and_earn_nothing_twice(
    shop: Shop, register: Any, add_terminal: Any, seed: int
) -> None:
    tills = await tills_of(shop, register, add_terminal, 10, seed)
    chance = Random(seed)  # noqa: S311 – a story, not a secret
    selling = asyncio.create_task(cart(shop, chance, 15))
    for _ in range(16):
        await asyncio.gather(*(till.step() for till in tills))
    await asyncio.gather(selling, *(till.end() for till in tills))
    assert shop.told["applied"] == sum(till.sequence for till in tills) > 20
    await require_equal_books(shop)
