"""The calls of a till that are cut off, each made ready so that only it is left to be made."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from till_acts import SALES, Said, key_of
from till_stage import START, Caller, Stage

from renkei.services.points.coupons import IssueCoupon
from renkei.storage import trip
from renkei_contracts.point import CouponGrant

RULES: dict[str, Any] = {
    "coupons": [{"name": "hundred", "yen": 100}],
    "offline": {"points": 100, "hours": 24},
}

TABLES = (
    "txn",
    "hold",
    "hold_end",
    "hold_extension",
    "orders",
    "order_revision",
    "refund",
    "allowance",
    "coupon_move",
    "request_key",
    "alert",
)

BOOKS = " UNION ALL ".join(f"SELECT '{one}', count(*) FROM {one}" for one in TABLES)
STANDS = (
    " UNION ALL SELECT 'available', sum(available) FROM member"
    " UNION ALL SELECT 'held', sum(held) FROM member"
)


@dataclass
class Shop:
    """A hub, a till, another one, and a member with points."""

    stage: Stage
    till: Caller
    other: Caller
    member: str
    patch: pytest.MonkeyPatch
    number: int = 0
    driver: Any = None
    reached: Callable[[str], None] = field(default=lambda name: None)

    def __post_init__(self) -> None:
        for module in ("services.batch", "storage.trip", "storage.committer"):
            self.patch.setattr(f"renkei.{module}.reach", self._reach)
        honest = trip._driver

        def noted(conn: Any) -> Any:
            self.driver = honest(conn)
            return self.driver

        self.patch.setattr(trip, "_driver", noted)

    def _reach(self, name: str) -> None:
        """Only what books is meant: a caller is proven by a trip of its own."""
        if asyncio.current_task() in self.stage.lanes:
            self.reached(name)

    async def restart(self) -> None:
        """Another process: the socket of the one before is closed, whatever it was at."""
        await self.stage.until_a_lane_died()
        await self.driver.close()
        await self.stage.restart()

    def next(self) -> str:
        """A name that was not used yet."""
        self.number += 1
        return str(self.number)

    async def books(self) -> Counter[str]:
        """How much of everything there is."""
        return Counter(dict(await self.stage.rows(BOOKS + STANDS)))

    async def moved(self, before: Counter[str]) -> dict[str, int]:
        """What has changed since, when the hub has done all that it was asked."""
        await self.stage.hub.ledger.settled()
        now = await self.books()
        return {name: int(n - before[name]) for name, n in now.items() if n != before[name]}

    async def done(self, path: str, said: Any) -> Said:
        """A call that is not cut."""
        answer = await self.till.post(path, said)
        assert answer.is_success, answer.text
        found: Said = answer.json()
        return found

    def sale(self, receipt: str, *, member: bool = True, points: int = 0) -> Said:
        """A sale of this till."""
        return {
            "sale": key_of(self.till.name, receipt, START),
            "sold_at": START.isoformat(),
            "member": self.member if member else None,
            "points_used": points,
            "lines": [{"id": "1", "quantity": 1, "amount": 2_200, "tax_rate": 1000}],
        }

    async def told(self, receipt: str) -> Said:
        """How a sale stands, as the till is told by its natural key."""
        answer = await self.till.get(SALES, **key_of(self.till.name, receipt, START))
        return dict(answer.json())

    async def hold(self, key: str) -> Said:
        """How a hold stands, as the till is told by its own key."""
        return dict((await self.till.get("/pos/v1/holds", key=key)).json())


@dataclass(frozen=True)
class Call:
    """A call that is ready to be made. ``ask`` is the query: whether it was done."""

    path: str
    said: Any
    ask: Callable[[], Awaitable[bool]] | None = None


Prepare = Callable[[Shop], Awaitable[Call]]


async def hold(shop: Shop) -> Call:
    ask = {"key": shop.next(), "member": shop.member, "points": 5}

    async def told() -> bool:
        found = await shop.hold(ask["key"])
        return found.get("points") == 5

    return Call("/pos/v1/holds", ask, told)


async def extend(shop: Shop) -> Call:
    made = await hold(shop)
    held = await shop.done(made.path, made.said)

    async def told() -> bool:
        return bool((await shop.hold(made.said["key"]))["lapses_at"] > held["lapses_at"])

    return Call(f"/pos/v1/holds/{held['hold']}:extend", {"ttl_seconds": 7_200}, told)


async def release(shop: Shop) -> Call:
    made = await hold(shop)
    held = await shop.done(made.path, made.said)

    async def told() -> bool:
        return bool((await shop.hold(made.said["key"]))["state"] == "released")

    return Call(f"/pos/v1/holds/{held['hold']}:release", None, told)


async def commit(shop: Shop) -> Call:
    held = await shop.done("/pos/v1/holds", (await hold(shop)).said)
    receipt = shop.next()

    async def ask() -> bool:
        told = await shop.told(receipt)
        assert told.get("used", 5) == 5
        return "earned" in told

    return Call(SALES, shop.sale(receipt, points=5) | {"hold": held["hold"]}, ask)


async def void(shop: Shop) -> Call:
    receipt = shop.next()
    await shop.done(SALES, shop.sale(receipt, points=3))
    key = key_of(shop.till.name, receipt, START)
    said = {"sale": key, "voided_at": START.isoformat(), "business_date": key["business_date"]}

    async def ask() -> bool:
        told = await shop.told(receipt)
        assert told["used"] == (0 if told["voided"] else 3)
        return bool(told["voided"])

    return Call(f"{SALES}:void", said, ask)


async def refund(shop: Shop) -> Call:
    receipt = shop.next()
    await shop.done(SALES, shop.sale(receipt))
    back = key_of(shop.till.name, shop.next(), START)
    said = {
        "receipt": back,
        "sale": key_of(shop.till.name, receipt, START),
        "refunded_at": START.isoformat(),
        "lines": [{"id": "1", "quantity": 0, "amount": 1_100}],
    }

    async def ask() -> bool:
        told = await shop.told(receipt)
        assert len(told["refunds"]) == (told["earned"] == 10)
        return bool(told["refunds"])

    return Call(f"{SALES}:refund", said, ask)


async def attach(shop: Shop) -> Call:
    receipt = shop.next()
    await shop.done(SALES, shop.sale(receipt, member=False))

    async def ask() -> bool:
        told = await shop.told(receipt)
        assert told["member"] in ("", shop.member)
        return bool(told["member"])

    said = {"sale": key_of(shop.till.name, receipt, START), "member": shop.member}
    return Call(f"{SALES}:attach", said, ask)


async def coupon_hold(shop: Shop) -> Call:
    grant = CouponGrant(member=shop.member, coupon="hundred", occasion=shop.next())
    issued = await shop.stage.hub.ledger.submit(IssueCoupon(grant, "seed"))
    ask = {"code": issued.code, "member": shop.member}

    async def told() -> bool:
        """What another till is told of the coupon."""
        look = {"scheme": "member", "value": shop.member}
        found = (await shop.other.post("/pos/v1/members:resolve", look)).json()
        [mine] = [one for one in found["coupons"] if one["code"] == issued.code]
        return not mine["usable"]

    return Call("/pos/v1/coupons:hold", ask, told)


async def allowance(shop: Shop) -> Call:
    ask = {"key": shop.next(), "member": shop.member, "points": 5}
    return Call("/pos/v1/allowances", ask)


async def closing(shop: Shop) -> Call:
    given = await shop.done("/pos/v1/allowances", (await allowance(shop)).said)
    report = {"last_counter": 0, "points_used": 0}
    return Call(f"/pos/v1/allowances/{given['allowance']}:close", report)


async def batch(shop: Shop) -> Call:
    """One record: of several, each is booked by itself."""
    call = await commit(shop)
    record = {"type": "commit", "sequence": shop.number, "device_time": START.isoformat()}
    return Call("/pos/v1/batches", [record | {"body": call.said}], call.ask)


CALLS: list[Prepare] = [
    hold,
    extend,
    release,
    commit,
    void,
    refund,
    attach,
    coupon_hold,
    allowance,
    closing,
    batch,
]
