"""One process of a race: opens its lanes, waits for the start, does its share, reports.

A lane is a group committer with a connection of its own. Jobs and the start come as lines on
stdin, reports go out as JSON lines on stdout; the process ends when its stdin does.
"""

import asyncio
import json
import os
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import BookingRefused, TillRefused
from renkei.services.batch import run_batch
from renkei.services.booking import Booking
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.points.coupons import IssueCoupon
from renkei.services.points.quota import ClaimQuota
from renkei.services.points.rewards import ExchangeReward
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.committer import GroupCommitter
from renkei.storage.engine import Database, open_database
from renkei.storage.sealed import KeyRing
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.point import CouponGrant, RewardExchange
from renkei_contracts.till import CommitRequest, CouponHoldRequest, HoldRequest

RING = KeyRing({"1": b"k" * 32}, "1")


@dataclass
class Lane:
    """One committer on one connection; ``backends`` are the server processes that worked for it."""

    booking: Booking
    till: TillService
    backends: set[int]


@dataclass(frozen=True)
class Watched(Database):
    """A database that remembers which of the server's processes its batches used."""

    backends: set[int] = field(default_factory=set, kw_only=True)

    @asynccontextmanager
    async def begin_batch(self) -> AsyncIterator[AsyncConnection]:
        async with super().begin_batch() as conn:
            driver = (await conn.get_raw_connection()).driver_connection
            assert driver is not None
            self.backends.add(driver.info.backend_pid)
            yield conn


@asynccontextmanager
async def open_lane(url: str, batch: int) -> AsyncIterator[Lane]:
    """A lane that is connected already."""
    opened = open_database(url)
    database = Watched(opened.engine, opened.batches)
    try:
        async with database.begin_batch() as conn:
            await conn.execute(text("SELECT 1"))
        async with GroupCommitter(database, run_batch, batch=batch) as committer:
            booking = Booking(
                database,
                RING,
                committer,
                new_id=lambda prefix: f"{prefix}_{uuid4().hex}",
                new_serial=lambda: secrets.randbelow(10**10),
            )
            yield Lane(booking, TillService(booking), database.backends)
    finally:
        await database.close()


def register(till: str) -> Terminal:
    """A register of the store Shibuya."""
    return Terminal(f"trm_{till}", "pos", "shibuya", till)


async def hold(lane: Lane, body: dict[str, Any]) -> Any:
    """A register sets points aside."""
    ask = HoldRequest.model_validate(body["ask"])
    return (await lane.till.hold(register(body["till"]), ask)).model_dump(mode="json")


async def commit(lane: Lane, body: dict[str, Any]) -> Any:
    """A register books a sale."""
    ask = CommitRequest.model_validate(body["ask"])
    return (await lane.till.commit(register(body["till"]), ask)).model_dump(mode="json")


async def hold_and_commit(lane: Lane, body: dict[str, Any]) -> Any:
    """A register sets the sale's points aside, then books the sale that captures them."""
    placed = await hold(lane, {"till": body["till"], "ask": body["hold"]})
    return await commit(
        lane, {"till": body["till"], "ask": body["sale"] | {"hold": placed["hold"]}}
    )


async def order(lane: Lane, body: dict[str, Any]) -> Any:
    """A cart tells of an order."""
    seen = Order.model_validate(body)
    return (await lane.booking.settle(seen, read_at=None, delivery_key=None))._asdict()


async def enrol(lane: Lane, body: dict[str, Any]) -> Any:
    """A channel tells of a customer."""
    seen = Member.model_validate(body)
    return asdict(await lane.booking.enrol(seen, mirrors_at=["cart", "shop"]))


async def hold_coupon(lane: Lane, body: dict[str, Any]) -> Any:
    """A register sets a coupon aside."""
    ask = CouponHoldRequest.model_validate(body["ask"])
    return (await lane.till.hold_coupon(register(body["till"]), ask)).model_dump(mode="json")


async def issue(lane: Lane, body: dict[str, Any]) -> Any:
    """A coupon is issued for an occasion."""
    command = IssueCoupon(CouponGrant.model_validate(body), lane.booking.new_id("seed"))
    return (await lane.booking.committer.submit(command)).model_dump(mode="json")


async def exchange(lane: Lane, body: dict[str, Any]) -> Any:
    """Points are exchanged for a reward."""
    command = ExchangeReward(RewardExchange.model_validate(body), lane.booking.new_id("seed"))
    return (await lane.booking.committer.submit(command)).model_dump(mode="json")


async def claim(lane: Lane, body: dict[str, Any]) -> Any:
    """An order claims from a quota."""
    return await lane.booking.committer.submit(ClaimQuota(**body))


async def merge(lane: Lane, body: dict[str, Any]) -> Any:
    """Two members' points count together from now on."""
    return asdict(await lane.booking.committer.submit(MergeMembers(**body, by="race")))


async def unmerge(lane: Lane, body: dict[str, Any]) -> Any:
    """They are parted again."""
    return asdict(await lane.booking.committer.submit(UnmergeMember(**body, by="race")))


ACTS: dict[str, Callable[[Lane, dict[str, Any]], Awaitable[Any]]] = {
    act.__name__: act
    for act in (
        hold,
        commit,
        hold_and_commit,
        hold_coupon,
        issue,
        exchange,
        order,
        enrol,
        claim,
        merge,
        unmerge,
    )
}


async def outcome(lane: Lane, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """What came of one act: its answer, a register's refusal, or any failure, for the report."""
    try:
        return {"answer": await ACTS[name](lane, body)}
    except TillRefused as refusal:
        return {"refused": refusal.problem.code}
    except BookingRefused as refusal:
        return {"refused": refusal.code}
    except Exception as failure:
        return {"failed": f"{type(failure).__name__}: {failure}"}


async def run(job: dict[str, Any], again: Counter[str]) -> dict[str, Any]:
    """Get ready, wait for the start, do the share: act n goes to lane n."""
    async with AsyncExitStack() as stack:
        opening = [open_lane(job["url"], job["batch"]) for _ in range(job["lanes"])]
        lanes = [await stack.enter_async_context(lane) for lane in opening]
        for lane in lanes:
            lane.backends.clear()
        again.clear()
        tell({"ready": len(lanes)})
        sys.stdin.readline()
        outcomes = await asyncio.gather(
            *(outcome(lanes[n % len(lanes)], *act) for n, act in enumerate(job["acts"]))
        )
        backends = sorted(set().union(*(lane.backends for lane in lanes)))
    return {"process": os.getpid(), "backends": backends, "outcomes": outcomes, "again": again}


def count_into(again: Counter[str]) -> structlog.typing.Processor:
    """Counts why batches ran again, and keeps the log off stdout, which carries the reports."""

    def count(_: Any, __: str, entry: MutableMapping[str, Any]) -> str:
        again[f"{entry['event']}: {entry.get('reason', '')}"] += 1
        raise structlog.DropEvent

    return count


def tell(report: dict[str, Any]) -> None:
    """One line to whoever runs the race."""
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Take jobs until stdin ends."""
    again: Counter[str] = Counter()
    structlog.configure(processors=[count_into(again)])
    for line in sys.stdin:
        tell(asyncio.run(run(json.loads(line), again)))


if __name__ == "__main__":
    main()
