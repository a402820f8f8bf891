"""The demo's story on a world of two lines: what it does, and that it sees what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from renkei.cli.demo_expected import kept, points_for
from renkei.cli.demo_report import Report
from renkei.cli.demo_stages import Cast
from renkei.cli.demo_story import Story, StoryBroken, Told
from renkei.ledger.verify import Report as Verified
from renkei_contracts.stage import Item, Mischief, Shopper, TillAccess
from renkei_contracts.till import MemberAnswer

POT = Item("POT", "急須", 1, 11_000)
TEA = Item("TEA", "緑茶", 1, 3_520)
CUP = Item("CUP", "湯呑み", 1, 4_400)


@dataclass
class World:
    """One member's points, as the hub, the cart and the till show them."""

    points: int = 0
    known: bool = True
    masked_name: str = "山＊ 花＊"
    is_polled: bool = True
    till_spends: bool = True
    bought: list[Item] = field(default_factory=list)
    mischief: list[Mischief] = field(default_factory=list)
    can: frozenset[str] = frozenset({"refund"})

    async def catalogue(self) -> Sequence[Item]:
        return POT, TEA, CUP

    # the cart
    async def register(self, shopper: Shopper) -> str:
        return "c-1"

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        self.bought, self.points = list(items), self.points + points_for(items)
        self.mischief.append(mischief)
        return "o-1"

    async def refund(self, order: str, sku: str, quantity: int) -> None:
        item = next(item for item in self.bought if item.sku == sku)
        self.points += points_for(kept(self.bought, item)) - points_for(self.bought)

    # the till
    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        self.points += points_for(items, points) - (points if self.till_spends else 0)
        self.mischief.append(mischief)
        return "s-1"

    # what is shown, and what the hub says
    async def points_shown(self, _who: str) -> int | None:
        return self.points

    async def spendable(self, _member: str) -> int:
        return self.points

    async def resolve(self, _access: TillAccess, _scheme: str, _value: str) -> MemberAnswer | None:
        return MemberAnswer(
            member="mem_1",
            masked_name=self.masked_name,
            card="2912345678905",
            spendable=self.points,
            pending=0,
            balance_version=1,
            as_of=datetime(2026, 11, 26, tzinfo=UTC),
        )

    async def polled(self, _connection: str, _deadline: float) -> bool:
        return self.is_polled

    async def enrolled(self, access: TillAccess, email: str, _: float) -> MemberAnswer | None:
        return await self.resolve(access, "email", email) if self.known else None


@dataclass
class Lagging:
    """A cart that shows less than there is."""

    world: World
    by: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    async def points_shown(self, who: str) -> int | None:
        return (await self.world.points_shown(who) or 0) - self.by


async def told(world: World, cart: Any = None) -> Told:
    stage: Any = cart or world
    vendor: Any = None
    played = Cast(vendor, stage, vendor, stage if cart is None else world)  # type: ignore[arg-type]
    books: Any = world
    return await Story(books, played, TillAccess("http://hub", "key", "secret"), 0.1).tell()


async def test_a_good_world_has_no_faults() -> None:
    story = await told(World())
    assert story.faults == []
    sold = 132 - 50 + 99
    assert [step.expected for step in story.steps] == [0, 132, sold, sold, sold - 32]


async def test_deliveries_are_doubled_and_the_carts_come_backwards() -> None:
    world = World()
    await told(world)
    assert [(one.times, one.reversed) for one in world.mischief] == [(2, True), (2, False)]


async def test_a_channel_that_shows_another_balance_is_named() -> None:
    world = World()
    story = await told(world, Lagging(world, by=1))
    assert "bought in the cart: cart shows 131, not 132" in story.faults


async def test_points_that_the_till_did_not_take_are_seen() -> None:
    story = await told(World(till_spends=False))
    assert any("paid 50 points at the till: ledger shows" in fault for fault in story.faults)


async def test_a_name_that_is_not_masked_is_a_fault() -> None:
    story = await told(World(masked_name="山田 花子"))
    assert story.faults == ["the till endpoint does not mask her name"]


async def test_a_sale_that_no_poll_finds_is_a_fault() -> None:
    story = await told(World(is_polled=False))
    assert story.faults == ["the sale at the till was not found by a poll, too"]


async def test_without_a_member_the_story_cannot_go_on() -> None:
    with pytest.raises(StoryBroken, match="not enrolled"):
        await told(World(known=False))


async def test_the_report_says_for_a_program_what_each_channel_showed() -> None:
    story = await told(World())
    report = Report(story, "A", "B", [], Verified((), 1, 3, 13), {}, 1.23)
    document = report.document()
    assert document["ok"] is True
    assert document["steps"][1]["till"]["shown"] == 132


async def test_a_story_with_a_fault_is_not_ok() -> None:
    story = await told(World(till_spends=False))
    assert not Report(story, "A", "B", [], Verified((), 1, 3, 13), {}, 1.0).ok
