"""Two processes of the hub meet on one thing: each at the moment that hurts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import journal
from renkei.services.batch import run_batch
from renkei.services.booking import Booking
from renkei.services.members.members import balance
from renkei.storage.committer import GroupCommitter
from renkei.storage.engine import Database
from renkei.storage.trip import Answer, Statement, travel
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""

ORDER = Order(
    ref=ExternalRef(connection="cart", id="o1"),
    changed_at=PLACED,
    placed_at=PLACED,
    state=OrderState.PAID,
    customer=ExternalRef(connection="cart", id="c1"),
    lines=(LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000),),
)


COPY = ORDER.model_copy(
    update={
        "ref": ExternalRef(connection="shop", id="p1"),
        "customer": ExternalRef(connection="shop", id="c1"),
        "same_as": (ORDER.ref,),
    }
)


@dataclass(frozen=True)
class Held:
    """Once it is wanted, the first batch that is written stands before its commit until it may."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def travel(
        self, conn: AsyncConnection, statements: Sequence[Statement], *, commit: bool = False
    ) -> list[Answer]:
        if not (commit and self.wanted.is_set()) or self.written.is_set():
            return await travel(conn, statements, commit=commit)
        answers = await travel(conn, statements)
        self.written.set()
        await self.go.wait()
        return answers


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    made = Held()
    monkeypatch.setattr(journal, "travel", made.travel)
    return made


@asynccontextmanager
async def another(booking: Booking, database: Database, held: Held) -> AsyncIterator[Booking]:
    """Another process of the same hub."""
    held.wanted.set()
    async with GroupCommitter(database, run_batch) as committer:
        yield replace(booking, committer=committer)


async def settle(booking: Booking, order: Order = ORDER) -> str | None:
    return (await booking.settle(order, read_at=None, delivery_key=None)).member


async def customer_of_both(booking: Booking) -> str:
    card = Identity(kind=IdentityKind.CARD, value="2900000000018", grade=Grade.STRONG)
    for connection in ("cart", "shop"):
        ref = ExternalRef(connection=connection, id="c1")
        found = await booking.enrol(Member(ref=ref, changed_at=PLACED, identities=(card,)))
    return found.member


async def until_one_waits_for_a_lock(database: Database) -> None:
    while True:
        async with database.begin() as conn:
            if (await conn.execute(text(WAITING))).scalar_one():
                return


async def test_two_processes_that_see_a_new_order_at_once_both_get_an_answer(
    booking: Booking, database: Database, held: Held
) -> None:
    async with another(booking, database, held) as other:
        first = asyncio.create_task(settle(other))
        await held.written.wait()
        second = asyncio.create_task(settle(booking))
        await until_one_waits_for_a_lock(database)
        held.go.set()
        assert await asyncio.gather(first, second) == [None, None]


async def test_an_order_that_crosses_its_customers_enrolment_is_linked_all_the_same(
    booking: Booking, database: Database, held: Held
) -> None:
    async with another(booking, database, held) as other:
        ordered = asyncio.create_task(settle(other))
        await held.written.wait()
        customer = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=PLACED)
        member = (await booking.enrol(customer)).member
        held.go.set()
        assert await ordered == member


async def test_a_copy_and_its_original_that_come_at_once_are_counted_once(
    booking: Booking, database: Database, held: Held
) -> None:
    member = await customer_of_both(booking)
    async with another(booking, database, held) as other:
        first = asyncio.create_task(settle(other))
        await held.written.wait()
        second = asyncio.create_task(settle(booking, COPY))
        await until_one_waits_for_a_lock(database)
        held.go.set()
        assert await asyncio.gather(first, second) == [member, member]
    assert (await balance(booking, member)).spendable == 100
