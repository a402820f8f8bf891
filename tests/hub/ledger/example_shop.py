"""The program of the worked examples, its shop, and a database clock that a test moves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.ledger.verify import verify
from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.members.members import MemberBalance, balance
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitAnswer, CommitRequest, HoldRequest

TOKYO = ZoneInfo("Asia/Tokyo")

PROGRAM = Program(usable="next_day", expires_months=5)
"""1 point per full ¥100 net of tax, usable next day, over 5 months later; 1 point is ¥1."""

PUBLISH = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES ('default', 2, '1970-01-01Z', CAST(:document AS json))"""

CLOCK = (
    "CREATE SCHEMA clock",
    "CREATE TABLE clock.reading (at timestamptz NOT NULL)",
    "INSERT INTO clock.reading VALUES (now())",
    "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql "
    "AS 'SELECT at FROM clock.reading'",
    "GRANT USAGE ON SCHEMA clock TO PUBLIC",
    "GRANT SELECT ON clock.reading TO PUBLIC",
)

LOTS = """
SELECT order_ref, sum(available), sum(held) FROM lot GROUP BY order_ref ORDER BY order_ref"""


def tokyo(day: str, hour: int = 12) -> datetime:
    """That hour of a day in Japan."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), TOKYO) + timedelta(
        hours=hour
    )


def line(amount: int, *, id: str = "1", rate: int = 1000, included: bool = False) -> LineItem:
    """A line, its amount net of tax unless it says otherwise."""
    return LineItem(id=id, quantity=1, amount=amount, tax_rate=rate, tax_included=included)


def returned(sold: LineItem, amount: int) -> LineItem:
    """The line with that much of it given back."""
    return sold.model_copy(update={"returned_amount": amount})


def ref(id: str, connection: str = "cart") -> ExternalRef:
    """A thing at a channel."""
    return ExternalRef(connection=connection, id=id)


def order(
    id: str,
    *lines: LineItem,
    placed: datetime,
    version: int = 1,
    customer: str = "c1",
    connection: str = "cart",
    **more: Any,
) -> Order:
    """An order of the customer as its ``version`` tells it."""
    fields = {
        "ref": ref(id, connection),
        "changed_at": placed + timedelta(minutes=version),
        "placed_at": placed,
        "state": OrderState.PAID,
        "customer": ref(customer, connection),
        "lines": lines,
    }
    return Order.model_validate(fields | more)


def paying(id: str, points: int, placed: datetime) -> Order:
    """An order that is paid in points to the last yen, so that it earns nothing."""
    goods = line(points, included=True)
    return order(id, goods, placed=placed, points_used=points, points_value=points)


@dataclass
class Shop:
    """The hub at a moment that the test chooses, and a member of it, the cart's customer c1."""

    booking: Booking
    till: TillService
    terminal: Terminal
    owner: AsyncEngine
    member: str = ""

    async def at(self, moment: datetime) -> datetime:
        """Move the database's clock."""
        async with self.owner.begin() as conn:
            await conn.execute(text("UPDATE clock.reading SET at = :at"), {"at": moment})
        return moment

    async def settle(self, *seen: Order) -> list[str]:
        """The orders arrive one after the other; gives what came of each."""
        return [
            (await self.booking.settle(one, read_at=None, delivery_key=None)).outcome
            for one in seen
        ]

    async def enrol(self, id: str, connection: str = "cart") -> str:
        """A channel's customer becomes, or is found to be, a member; an address is their proof."""
        address = f"{id}@example.jp"
        proof = Identity(kind=IdentityKind.EMAIL, value=address, grade=Grade.VERIFIED)
        seen = Member(ref=ref(id, connection), changed_at=tokyo("2026-06-01"), identities=(proof,))
        return (await self.booking.enrol(seen)).member

    async def earn(self, id: str, points: int, day: str, customer: str = "c1") -> None:
        """The customer buys on that day, and the order arrives at once."""
        placed = await self.at(tokyo(day))
        await self.settle(order(id, line(points * 100), placed=placed, customer=customer))

    async def commit(self, points: int, *lines: LineItem, **more: Any) -> CommitAnswer:
        """The register sells to the member, on 1 November by its calendar."""
        sale = TillKey(
            store="shibuya", till="1", business_date=date(2026, 11, 1), receipt_number="r1"
        )
        fields = {"sale": sale, "member": self.member, "points_used": points, "lines": lines}
        sold = {"sold_at": tokyo("2026-11-10")}
        return await self.till.commit(
            self.terminal, CommitRequest.model_validate(fields | sold | more)
        )

    async def hold(self, points: int, key: str = "h1") -> str:
        """The register sets points aside."""
        ask = HoldRequest(key=key, member=self.member, points=points)
        return (await self.till.hold(self.terminal, ask)).hold

    async def balance(self, member: str | None = None) -> MemberBalance:
        """What the member has at this moment."""
        return await balance(self.booking, member or self.member)

    async def lots(self) -> dict[str, tuple[int, int]]:
        """By order: (available, held) of the lots it made."""
        rows = await self.rows(LOTS)
        return {row[0]: (int(row[1]), int(row[2])) for row in rows}

    async def rows(self, statement: str) -> list[Any]:
        """Whatever the database says."""
        async with self.booking.database.begin() as conn:
            return list((await conn.execute(text(statement))).all())


@pytest.fixture
async def moved_clock(owner_engine: AsyncEngine, database_name: str) -> AsyncEngine:
    """Sessions opened from now on read the hub's time from a table."""
    path = f"ALTER DATABASE {database_name} SET search_path = clock, pg_catalog, public"
    async with owner_engine.begin() as conn:
        for statement in (*CLOCK, path):
            await conn.execute(text(statement))
    return owner_engine


@pytest.fixture
async def shop(
    moved_clock: AsyncEngine, booking: Booking, till: TillService, terminal: Terminal
) -> AsyncIterator[Shop]:
    """The example program and its member in June 2026; at the end the books must hold."""
    shop = Shop(booking, till, terminal, moved_clock)
    joined = await shop.at(tokyo("2026-06-01"))
    async with booking.database.begin() as conn:
        assert (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one() == joined
        await conn.execute(text(PUBLISH), {"document": PROGRAM.model_dump_json()})
    shop.member = await shop.enrol("c1")
    yield shop
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
