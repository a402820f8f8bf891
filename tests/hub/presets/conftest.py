"""A member's walk through the year of a preset: the hub's own clock is told what day it is."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from renkei.ledger.lots import spendable
from renkei.ledger.past import PastOf
from renkei.ledger.verify import verify
from renkei.ledger.world import Known, Needs
from renkei.loyalty.program import Program
from renkei.loyalty.tiers import looks_back, tier_at
from renkei.services.attempt import Attempt
from renkei.services.booking import Booking
from renkei.services.command import Command, further_needs
from renkei.services.members.activity import BookActivity
from renkei.services.members.member_facts import past_of
from renkei.services.members.tiers import ReachTiers
from renkei.services.points.expire import ExpireLots
from renkei.services.points.rewards import ExchangeReward
from renkei.services.setup.programs import preset, read
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.committer import Committer
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.point import ActivityAnswer, ActivitySeen, RewardAnswer, RewardExchange
from renkei_contracts.till import CommitAnswer, CommitRequest, TillActivity

JAPAN = ZoneInfo("Asia/Tokyo")

VERSION = "INSERT INTO program_version VALUES ('default', :v, '1970-01-02Z', :document)"
COMPANY = (
    "INSERT INTO company (company_id, title) VALUES (:company, :company) ON CONFLICT DO NOTHING"
)
CONNECTION = """
INSERT INTO connection SELECT (jsonb_populate_record(c, jsonb_build_object(
  'connection_id', CAST(:id AS text), 'company_id', CAST(:company AS text),
  'program_id', CAST(:program AS text)))).*
FROM connection c WHERE c.connection_id = 'cart'"""
PRODUCT = """
INSERT INTO product (jan, sku, stated_at, title, classes)
VALUES ('', :sku, '1970-01-01Z', :sku, string_to_array(:classes, ' '))"""


@dataclass(frozen=True)
class At:
    """The same command, decided when the database's clock shows that instant."""

    command: Command[Any]
    now: datetime

    def needs(self) -> Needs:
        needs = self.command.needs()
        return replace(needs, since=min(needs.since or self.now, self.now))

    def further(self, known: Known) -> Needs:
        return further_needs(self.command, known)

    def decide(self, attempt: Attempt) -> Any:
        attempt.world.now = self.now
        return self.command.decide(attempt)


@dataclass(frozen=True)
class Look:
    """What a member can spend."""

    member: str

    def needs(self) -> Needs:
        return Needs(members=frozenset({self.member}))

    def decide(self, attempt: Attempt) -> int:
        group = attempt.group_of(self.member)
        return spendable(group.lots, group.debt, attempt.now)


@dataclass(frozen=True)
class LookAtTier:
    """Which tier a member has."""

    member: str
    rules: Program
    now: datetime

    def needs(self) -> Needs:
        since = looks_back(self.rules.tiers, self.now, JAPAN)
        past = PastOf(self.member, since, points=True)
        return Needs(members=frozenset({self.member}), pasts=frozenset({past}))

    def decide(self, attempt: Attempt) -> str:
        return tier_at(self.rules.tiers, past_of(attempt, self.member).sales, self.now, JAPAN)


@dataclass
class Walk:
    """Everything a member does, at ``now``; amounts are yen with 10 % tax in them."""

    booking: Booking
    rules: Program
    now: datetime
    committer: Committer[Command[Any], Any]
    member: str = ""
    numbers: Any = field(default_factory=lambda: count(1))
    versions: int = 1

    async def submit(self, command: Command[Any]) -> Any:
        return await self.committer.submit(At(command, self.now))

    submit_first = submit

    def on(self, day: str, clock: str = "12:00") -> "Walk":
        """It is that day and time in Japan."""
        self.now = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=JAPAN)
        return self

    async def enrols(self, who: str = "a", connection: str = "cart", **more: Any) -> str:
        ref = ExternalRef(connection=connection, id=who)
        return (await self.booking.enrol(Member(ref=ref, changed_at=self.now, **more))).member

    async def connects(self, id: str, company: str = "default", program: str = "default") -> None:
        """Another shop, of that company."""
        values = {"id": id, "company": company, "program": program}
        async with self.booking.database.begin() as conn:
            await conn.execute(text(COMPANY), {"company": company})
            await conn.execute(text(CONNECTION), values)

    async def lists(self, sku: str, classes: str) -> None:
        """A product of these classes, since ever."""
        async with self.booking.database.begin() as conn:
            await conn.execute(text(PRODUCT), {"sku": sku, "classes": classes})

    async def buys(self, yen: int, shop: str = "cart", sku: str = "", **more: Any) -> int:
        """An order that is paid; gives the points it earned."""
        return await self.buys_all([(yen, sku)], shop, **more)

    async def buys_all(self, lines: Any, shop: str = "cart", **more: Any) -> int:
        fields: dict[str, Any] = {
            "ref": ExternalRef(connection=shop, id=f"order-{next(self.numbers)}"),
            "changed_at": self.now,
            "placed_at": self.now,
            "state": OrderState.PAID,
            "lines": tuple(_line(n, *line) for n, line in enumerate(lines)),
        }
        seen = Order(**(fields | more))
        who = self.member
        answer = await self.booking.settle(seen, read_at=None, delivery_key=None, member=who)
        return answer.earned

    async def rings(
        self, yen: int, till: TillService, *, activities: Any = (), **more: Any
    ) -> CommitAnswer:
        """A sale of the register in Shibuya."""
        number = str(next(self.numbers))
        day = self.now.astimezone(JAPAN).date()
        terminal = Terminal("trm_1", "pos", "shibuya", "1")
        fields: dict[str, Any] = {
            "sale": TillKey(store="shibuya", till="1", business_date=day, receipt_number=number),
            "sold_at": self.now,
            "member": self.member,
            "lines": (_line(1, yen),),
            "activities": tuple(TillActivity(kind=kind) for kind in activities),
        }
        return await till.commit(terminal, CommitRequest(**(fields | more)))

    async def does(self, kind: str, object: str = "", receipt: str = "") -> int:
        """An activity that the app tells; gives its points."""
        ask = ActivitySeen(
            key=str(next(self.numbers)),
            source="app",
            member=self.member,
            kind=kind,
            object=object,
            receipt=receipt,
            occurred_at=self.now,
        )
        answer: ActivityAnswer = await self.submit(BookActivity(ask))
        return answer.points

    async def has(self, member: str = "") -> int:
        """What the member can spend now; the books are in order."""
        async with self.booking.database.begin() as conn:
            assert (await verify(conn)).findings == ()
        return int(await self.submit(Look(member or self.member)))

    async def loses(self) -> int:
        """What the nightly job finds expired."""
        return int(await self.submit(ExpireLots(self.member)))

    async def reaches(self) -> list[str]:
        """The tiers that are reached since it was looked at last."""
        command = ReachTiers(self.member, self.rules, self.now, self.booking.new_id("seed"))
        return [one.level.name for one in await self.submit(command)]

    async def tier(self) -> str:
        """The tier that a sale now would be judged by."""
        look = LookAtTier(self.member, self.rules, self.now + timedelta(microseconds=1))
        return str(await self.submit(look))

    async def coupons(self) -> list[tuple[str, str, datetime, datetime | None]]:
        """Code, kind, first and last instant (in Japan) of every coupon, oldest first."""
        async with self.booking.database.begin() as conn:
            found = await conn.execute(
                text("SELECT code, kind, usable_from, usable_until FROM coupon ORDER BY 3, 2")
            )
        return [
            (code, kind, starts.astimezone(JAPAN), ends.astimezone(JAPAN) if ends else None)
            for code, kind, starts, ends in found
        ]

    async def exchanges(self, reward: str) -> RewardAnswer:
        """Points for a reward."""
        key = str(next(self.numbers))
        ask = RewardExchange(key=key, source="app", member=self.member, reward=reward)
        answer: RewardAnswer = await self.submit(ExchangeReward(ask, self.booking.new_id("seed")))
        return answer

    async def issuers(self) -> list[str]:
        """The company that issued each lot, oldest first."""
        async with self.booking.database.begin() as conn:
            found = await conn.execute(text("SELECT company_id FROM lot ORDER BY lot"))
            return list(found.scalars())

    async def publishes(self, rules: Program) -> None:
        """The next version of the program, in force since ever."""
        self.rules, self.versions = rules, self.versions + 1
        values = {"v": self.versions, "document": json.dumps(rules.model_dump(mode="json"))}
        async with self.booking.database.begin() as conn:
            await conn.execute(text(VERSION), values)


def _line(n: int, yen: int, sku: str = "") -> LineItem:
    return LineItem(id=str(n), quantity=1, amount=yen, tax_rate=1000, sku=sku)


@pytest.fixture
async def walk(booking: Booking, request: pytest.FixtureRequest) -> Walk:
    """The walk of member ``a`` through the preset that the test's module names as PRESET."""
    rules = read(preset(request.module.PRESET))
    async with booking.database.begin() as conn:
        await conn.execute(text("UPDATE connection SET settles_from = '2020-01-01Z'"))
    start = datetime(2025, 1, 1, tzinfo=JAPAN)
    made = Walk(booking, rules, start, booking.committer)
    booking.committer = made
    await made.publishes(rules)
    made.member = await made.enrols()
    return made
