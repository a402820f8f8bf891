"""The reference till: what it asks the hub, and what it keeps itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from renkei_contracts.reference.till.twin import ReferenceTill
from renkei_contracts.stage import Mischief, Shopper, StageContext, TillAccess, TillStage
from renkei_contracts.testing.bench import Clock
from renkei_contracts.twin.hub_client import HubRefused
from renkei_contracts.twin.own_format import OwnFormat
from renkei_contracts.twin.server import serve

HANAKO = Shopper("hanako@example.jp", "山田", "花子", card="2900000000018")
AS_OF = "2026-07-01T03:00:00Z"


@dataclass
class FakeHub:
    """Knows one card with 1,000 points, and keeps what it was asked."""

    asked: list[tuple[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/pos/v1/{what}", self._answer, methods=["POST"])])

    def commits(self) -> list[Any]:
        return [body for what, body in self.asked if what == "transactions"]

    async def _answer(self, request: Request) -> Response:
        what, body = request.path_params["what"], await request.json()
        self.asked.append((what, body))
        if what == "members:resolve" and body["value"] != HANAKO.card:
            problem = {"code": "member_not_found"}
            return JSONResponse(problem, 404, media_type="application/problem+json")
        return JSONResponse(getattr(self, f"_{what.replace(':', '_')}")(body))

    def _members_resolve(self, body: Any) -> Any:
        shown = {"member": "mem_1", "masked_name": "山*", "card": body["value"]}
        return {**shown, "spendable": 1000, "pending": 0, "balance_version": 1, "as_of": AS_OF}

    def _quotes(self, body: Any) -> Any:
        used = min(body["points_wanted"], 1000)
        points = {"earns": 1, "max_usable": 1000, "points_used": used, "total": 1}
        return {**points, "rates": [], "program": "p", "program_version": 1, "balance_version": 1}

    def _holds(self, body: Any) -> Any:
        held = {"hold": f"hld_{body['key']}", "points": body["points"], "lapses_at": AS_OF}
        return {**held, "spendable": 0, "balance_version": 1}

    def _transactions(self, body: Any) -> Any:
        booked = {"sale": "s", "revision": body["revision"], "member": "mem_1"}
        points = {"earned": 1, "used": body["points_used"], "spendable": 0}
        return {**booked, **points, "balance_version": 1, "as_of": AS_OF}


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest_asyncio.fixture
async def asking(hub: FakeHub, tmp_path: Path) -> AsyncIterator[ReferenceTill]:
    context = StageContext(tmp_path, now=Clock())
    async with serve(hub.app()) as url, ReferenceTill(context, asks_hub=True) as till:
        await till.connect(TillAccess(url, "key_1", "secret"))
        yield till


@pytest_asyncio.fixture
async def copying(tmp_path: Path) -> AsyncIterator[ReferenceTill]:
    async with ReferenceTill(StageContext(tmp_path, now=Clock()), asks_hub=False) as till:
        yield till


def test_it_is_a_register_on_a_stage_with_a_format_of_its_own(tmp_path: Path) -> None:
    for asks_hub in (True, False):
        till = ReferenceTill(StageContext(tmp_path), asks_hub=asks_hub)
        assert isinstance(till, TillStage)
        assert isinstance(till, OwnFormat)
        assert till.asks_hub is asks_hub


async def test_a_register_that_asks_holds_before_it_sells_and_tells_the_sale_after(
    asking: ReferenceTill, hub: FakeHub
) -> None:
    id = await asking.sell(HANAKO.card, await asking.catalogue(), 300, Mischief())
    assert [what for what, _ in hub.asked] == ["members:resolve", "quotes", "holds", "transactions"]
    (commit,) = hub.commits()
    assert (commit["hold"], commit["points_used"]) == ("hld_main/1/1", 300)
    assert asking.pos.sales[id].hold == commit["hold"]


async def test_what_happens_to_a_sale_later_is_told_as_a_higher_revision(
    asking: ReferenceTill, hub: FakeHub
) -> None:
    id = await asking.sell(HANAKO.card, await asking.catalogue(), 300, Mischief(times=2))
    await asking.refund(id, "KYUSU-01", 1)
    await asking.cancel(id)
    told = [(one["revision"], one["points_used"], one["voided"]) for one in hub.commits()]
    assert told == [(1, 300, False), (1, 300, False), (2, 300, False), (3, 0, True)]
    assert {one["member"] for one in hub.commits()} == {"mem_1"}


async def test_a_register_that_asks_sells_for_no_more_points_than_the_hub_allows(
    asking: ReferenceTill,
) -> None:
    with pytest.raises(HubRefused, match="insufficient_points"):
        await asking.sell(HANAKO.card, await asking.catalogue(), 1001, Mischief())
    with pytest.raises(HubRefused, match="member_not_found"):
        await asking.sell("2900000000025", await asking.catalogue(), 0, Mischief())
    assert asking.pos.sales == {}


async def test_a_lost_sale_is_told_to_nobody(asking: ReferenceTill, hub: FakeHub) -> None:
    await asking.sell(HANAKO.card, await asking.catalogue(), 0, Mischief(lost=True))
    assert hub.commits() == []


async def test_a_register_that_asks_spends_no_points_without_the_hub(tmp_path: Path) -> None:
    async with ReferenceTill(StageContext(tmp_path), asks_hub=True) as till:
        await till.sell(HANAKO.card, await till.catalogue(), 0, Mischief())
        with pytest.raises(ValueError, match="connect"):
            await till.sell(HANAKO.card, await till.catalogue(), 1, Mischief())


async def test_a_register_with_a_copy_spends_it_and_gives_it_back(copying: ReferenceTill) -> None:
    member = await copying.register(HANAKO)
    await copying.adjust(member, 2_500)
    items = (await copying.catalogue())[:2]
    id = await copying.sell(HANAKO.card, items, 2_000, Mischief())
    assert await copying.points_shown(HANAKO.card) == 500
    await copying.refund(id, "YOKAN-01", 1)
    assert await copying.points_shown(HANAKO.card) == 1_420
    await copying.cancel(id)
    assert await copying.points_shown(HANAKO.card) == 2_500


async def test_a_register_with_a_copy_refuses_cards_and_points_it_does_not_have(
    copying: ReferenceTill,
) -> None:
    await copying.register(HANAKO)
    with pytest.raises(ValueError, match="does not know"):
        await copying.sell("2900000000025", await copying.catalogue(), 0, Mischief())
    with pytest.raises(Exception, match="0 points"):
        await copying.sell(HANAKO.card, await copying.catalogue(), 1, Mischief())
    assert copying.pos.sales == {}
