"""What cannot be booked ends in a typed error that names the field and its value, and in nothing.

Requests reach the hub as plain values; ``asked`` makes them what a command takes, or refuses.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import (
    BookingRefused,
    KeyReused,
    PeriodNotOpen,
    RequestInvalid,
    TillRefused,
    UnknownConnection,
    UnknownMember,
    UnknownQuota,
)
from renkei.services.booking import Booking
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.orders.refund import BookRefund
from renkei.services.points.corrections import Adjust, ExchangePoints, ImportBalance, WriteOffDebt
from renkei.services.points.expire import ExpireLots
from renkei.services.points.hold import LapseHolds
from renkei.services.points.quota import ClaimQuota, OpenQuota
from renkei.services.rules import asked
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.errors import RenkeiError
from renkei_contracts.member import Member
from renkei_contracts.order import Order, Refund
from renkei_contracts.point import Adjustment, BalanceImport, PointsExchange, WriteOff
from renkei_contracts.till import CommitRequest, HoldRequest

NOW = datetime.now(UTC)
HOUR_AGO = NOW - timedelta(hours=1)
NAIVE = datetime(2026, 11, 1)  # noqa: DTZ001 - a time without its zone is the point
IN_THREE_DAYS = NOW + timedelta(days=3)
IN_THREE_HUNDRED_YEARS = NOW.replace(year=NOW.year + 300)

SEAL = "INSERT INTO period (program_id, period, sealed_at) VALUES ('default', :p, now())"

LINE = {"id": "1", "quantity": 1, "amount": 1100, "tax_rate": 1000}
SALE = {"store": "shibuya", "till": "1", "business_date": date(2026, 11, 1), "receipt_number": "1"}
CUSTOMER = {"connection": "cart", "id": "c1"}
BY = {"reason": "お詫び", "by": "田中"}


@dataclass
class Desk:
    """Takes any request as plain values. What is left out is filled in with what is right."""

    booking: Booking
    till: TillService
    terminal: Terminal
    member: str = ""

    async def ask(self, command: str, **values: Any) -> Any:
        """Send the request of this name."""
        return await getattr(self, f"ask_{command}")(**values)

    async def ask_order(self, **values: Any) -> Any:
        good = {
            "ref": {"connection": "cart", "id": "o1"},
            "changed_at": HOUR_AGO,
            "placed_at": HOUR_AGO,
            "state": "paid",
            "customer": CUSTOMER,
            "lines": [LINE],
        }
        order = asked(Order, **(good | values))
        return await self.booking.settle(order, read_at=None, delivery_key=None)

    async def ask_refund(self, **values: Any) -> Any:
        good = {
            "ref": {"connection": "cart", "id": "r1"},
            "order": {"connection": "cart", "id": "o1"},
            "occurred_at": HOUR_AGO,
            "lines": [{"id": "1", "quantity": 1, "amount": 1100}],
        }
        return await self.submit(BookRefund(asked(Refund, **(good | values)), None, "alr_1"))

    async def ask_enrol(self, **values: Any) -> Any:
        good = {"ref": CUSTOMER, "changed_at": HOUR_AGO}
        return await self.booking.enrol(asked(Member, **(good | values)))

    async def ask_hold(self, **values: Any) -> Any:
        good = {"key": "k", "member": self.member, "points": 10}
        return await self.till.hold(self.terminal, asked(HoldRequest, **(good | values)))

    async def ask_commit(self, **values: Any) -> Any:
        good = {"sale": SALE, "sold_at": HOUR_AGO, "member": self.member, "lines": [LINE]}
        return await self.till.commit(self.terminal, asked(CommitRequest, **(good | values)))

    async def ask_adjust(self, **values: Any) -> Any:
        good = {"member": self.member, "key": "k", "points": 10} | BY
        return await self.submit(Adjust(asked(Adjustment, **(good | values)), self.booking.ring))

    async def ask_import(self, **values: Any) -> Any:
        good = {"member": self.member, "key": "k", "points": 10, "granted_at": HOUR_AGO}
        ask = asked(BalanceImport, **(good | {"source": "old"} | values))
        return await self.submit(ImportBalance(ask, self.booking.ring))

    async def ask_exchange(self, **values: Any) -> Any:
        good = {"member": self.member, "key": "k", "points": 10, "partner": "dpoint"}
        ask = asked(PointsExchange, **(good | values))
        return await self.submit(ExchangePoints(ask, self.booking.ring))

    async def ask_write_off(self, **values: Any) -> Any:
        good = {"member": self.member, "key": "k", "points": 10} | BY
        return await self.submit(
            WriteOffDebt(asked(WriteOff, **(good | values)), self.booking.ring)
        )

    async def ask_open_quota(self, **values: Any) -> Any:
        good = {"scope": "campaign", "period": "2026", "limit": 500}
        return await self.submit(OpenQuota(**(good | values)))

    async def ask_claim_quota(self, **values: Any) -> Any:
        good = {"scope": "campaign", "period": "2026", "claimant": "o1", "wanted": 1}
        return await self.submit(ClaimQuota(**(good | values)))

    async def ask_release(self, **values: Any) -> Any:
        return await self.till.release(self.terminal, values["hold"])

    async def ask_merge(self, **values: Any) -> Any:
        good = {"member": self.member, "into": self.member, "by": "test"}
        return await self.submit(MergeMembers(**(good | values)))

    async def ask_unmerge(self, **values: Any) -> Any:
        return await self.submit(UnmergeMember(**({"by": "test"} | values)))

    async def ask_lapse(self, **values: Any) -> Any:
        return await self.submit(LapseHolds(**values))

    async def ask_expire(self, **values: Any) -> Any:
        return await self.submit(ExpireLots(**values))

    async def submit(self, command: Any) -> Any:
        """Through the group committer, like everything else."""
        return await self.booking.committer.submit(command)


@pytest.fixture
async def desk(booking: Booking, till: TillService, terminal: Terminal) -> Desk:
    """A desk with a member who has 100 points."""
    desk = Desk(booking, till, terminal)
    desk.member = (await desk.ask_enrol()).member
    await desk.ask_import(key="stock", points=100)
    return desk


EveryRow = Callable[[], Awaitable[dict[str, str]]]

AMOUNTS = [
    ("order", ("lines", 0, "amount")),
    ("order", ("lines", 0, "returned_amount")),
    ("order", ("lines", 0, "quantity")),
    ("order", ("lines", 0, "tax_rate")),
    ("order", ("shipping",)),
    ("order", ("points_used",)),
    ("order", ("points_value",)),
    ("refund", ("lines", 0, "amount")),
    ("refund", ("points_returned",)),
    ("refund", ("value_returned",)),
    ("enrol", ("points_seen",)),
    ("hold", ("points",)),
    ("hold", ("ttl_seconds",)),
    ("commit", ("points_used",)),
    ("commit", ("lines", 0, "amount")),
    ("commit", ("revision",)),
    ("import", ("points",)),
    ("write_off", ("points",)),
    ("open_quota", ("limit",)),
    ("claim_quota", ("wanted",)),
]

NO_AMOUNTS = [-1, 2**53 + 1, 2**64, 1.5, 1.0, "10", True]

NEVER_ZERO = [
    ("hold", ("points",)),
    ("adjust", ("points",)),
    ("import", ("points",)),
    ("exchange", ("points",)),
    ("write_off", ("points",)),
    ("open_quota", ("limit",)),
]

TIMES = [
    ("order", "placed_at"),
    ("order", "changed_at"),
    ("refund", "occurred_at"),
    ("enrol", "changed_at"),
    ("commit", "sold_at"),
    ("adjust", "occurred_at"),
    ("import", "granted_at"),
]

NO_TIMES = [NAIVE, IN_THREE_DAYS, IN_THREE_HUNDRED_YEARS, 1_700_000_000, "yesterday"]

ENDS = ["adjust", "import", "exchange"]

UNKNOWN = [
    ("order", {"ref": {"connection": "nowhere", "id": "o1"}}, UnknownConnection, "nowhere"),
    ("refund", {"order": {"connection": "nowhere", "id": "o1"}}, UnknownConnection, "nowhere"),
    ("enrol", {"ref": {"connection": "nowhere", "id": "c1"}}, UnknownConnection, "nowhere"),
    ("hold", {"member": "mem_none"}, TillRefused, "member_not_found.*mem_none"),
    ("commit", {"member": "mem_none"}, TillRefused, "member_not_found.*mem_none"),
    ("commit", {"hold": "hld_none_7"}, TillRefused, "hold_not_found.*hld_none_7"),
    ("commit", {"hold": "nonsense"}, TillRefused, "hold_not_found.*nonsense"),
    ("release", {"hold": "hld_none_7"}, TillRefused, "hold_not_found.*hld_none_7"),
    ("adjust", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("import", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("exchange", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("write_off", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("merge", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("merge", {"into": "mem_none"}, UnknownMember, "mem_none"),
    ("unmerge", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("lapse", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("expire", {"member": "mem_none"}, UnknownMember, "mem_none"),
    ("claim_quota", {"scope": "nothing"}, UnknownQuota, "nothing"),
]

REUSED = [
    ("hold", {"points": 11}, TillRefused, "key_reused.*'k'"),
    ("commit", {"points_used": 1}, TillRefused, "key_reused.*shibuya"),
    ("adjust", {"points": 11}, KeyReused, "'k'"),
    ("import", {"points": 11}, KeyReused, "'k'"),
    ("exchange", {"points": 11}, KeyReused, "'k'"),
    ("refund", {"lines": []}, KeyReused, "r1"),
    ("open_quota", {"limit": 501}, BookingRefused, "501"),
]


def with_field(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The values of a request in which the field at this path has this value."""
    name, *inner = path
    return {name: [LINE | {inner[-1]: value}] if inner else value}


async def refused(desk: Desk, every_row: EveryRow, command: str, **values: Any) -> RequestInvalid:
    """The refusal of this request, which must have booked nothing."""
    before = await every_row()
    with pytest.raises(RequestInvalid) as refusal:
        await desk.ask(command, **values)
    assert await every_row() == before
    return refusal.value


@pytest.mark.parametrize(("command", "path"), AMOUNTS, ids=str)
async def test_a_value_that_is_no_amount_is_named_and_nothing_is_booked(
    desk: Desk, every_row: EveryRow, command: str, path: tuple[Any, ...]
) -> None:
    if command == "claim_quota":
        await desk.ask_open_quota()
    for value in NO_AMOUNTS:
        refusal = await refused(desk, every_row, command, **with_field(path, value))
        assert (refusal.field, refusal.value) == (".".join(map(str, path)), value)
        assert refusal.field in str(refusal)
        assert repr(value) in str(refusal)


@pytest.mark.parametrize(("command", "path"), NEVER_ZERO, ids=str)
async def test_zero_is_no_amount_where_something_must_move(
    desk: Desk, every_row: EveryRow, command: str, path: tuple[Any, ...]
) -> None:
    refusal = await refused(desk, every_row, command, **with_field(path, 0))
    assert (refusal.field, refusal.value) == (path[0], 0)


@pytest.mark.parametrize("command", ["adjust", "exchange"])
async def test_a_movement_either_way_must_still_be_whole_and_bounded(
    desk: Desk, every_row: EveryRow, command: str
) -> None:
    for value in (-(2**53) - 1, 2**53 + 1, 1.5, "10", True):
        refusal = await refused(desk, every_row, command, points=value)
        assert (refusal.field, refusal.value) == ("points", value)


@pytest.mark.parametrize(("command", "field"), TIMES, ids=str)
async def test_a_time_that_no_shop_can_mean_is_named_and_nothing_is_booked(
    desk: Desk, every_row: EveryRow, command: str, field: str
) -> None:
    # A customer's clock orders nothing that is booked: only what is no time at all is refused.
    wrong = [one for one in NO_TIMES if command != "enrol" or one != IN_THREE_DAYS]
    for value in wrong:
        refusal = await refused(desk, every_row, command, **{field: value})
        assert refusal.field == field
        assert str(refusal.value)[:10] == str(value)[:10]
        assert str(value.year if isinstance(value, datetime) else value) in str(refusal)


@pytest.mark.parametrize("command", ENDS)
async def test_an_end_without_a_zone_or_beyond_every_calendar_is_named(
    desk: Desk, every_row: EveryRow, command: str
) -> None:
    for value in (NAIVE, IN_THREE_HUNDRED_YEARS):
        refusal = await refused(desk, every_row, command, expires_at=value)
        assert (refusal.field, refusal.value) == ("expires_at", value)


@pytest.mark.parametrize(("command", "values", "error", "named"), UNKNOWN, ids=str)
async def test_who_or_what_nobody_knows_is_named_and_nothing_is_booked(
    desk: Desk,
    every_row: EveryRow,
    command: str,
    values: dict[str, Any],
    error: type[RenkeiError],
    named: str,
) -> None:
    before = await every_row()
    with pytest.raises(error, match=named):
        await desk.ask(command, **values)
    assert await every_row() == before


@pytest.mark.parametrize(("command", "other", "error", "named"), REUSED, ids=str)
async def test_a_key_with_other_content_is_named_and_nothing_is_booked(
    desk: Desk,
    every_row: EveryRow,
    command: str,
    other: dict[str, Any],
    error: type[RenkeiError],
    named: str,
) -> None:
    await desk.ask(command)
    before = await every_row()
    with pytest.raises(error, match=named):
        await desk.ask(command, **other)
    assert await every_row() == before


async def test_a_closed_period_that_is_asked_for_is_named_and_nothing_is_booked(
    desk: Desk, every_row: EveryRow, owner_engine: AsyncEngine
) -> None:
    await close(owner_engine, "2026-03")
    before = await every_row()
    with pytest.raises(PeriodNotOpen, match="2026-03"):
        await desk.ask_adjust(period="2026-03")
    assert await every_row() == before


async def test_a_late_fact_of_a_closed_period_goes_to_the_open_one(
    desk: Desk, owner_engine: AsyncEngine
) -> None:
    await close(owner_engine, "2026-03")
    placed = datetime(2026, 3, 10, tzinfo=UTC)
    await desk.ask_order(placed_at=placed, changed_at=placed)
    async with owner_engine.connect() as conn:
        row = (
            await conn.execute(text("SELECT event_at, period FROM txn WHERE kind = 'settle'"))
        ).one()
    assert (row[0], row[1] > "2026-03") == (placed, True)


async def close(owner: AsyncEngine, period: str) -> None:
    """Seal a month."""
    async with owner.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO period (program_id, period, sealed_at) VALUES ('default', :p, now())"
            ),
            {"p": period},
        )
