"""The register on the stage: what it asks the hub, signed, and what the poll finds of it."""

import asyncio
import base64
import hashlib
import hmac
import inspect
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.order import Order
from renkei_contracts.paging import Window
from renkei_contracts.stage import Item, Mischief, StageContext, TillAccess, TillStage
from renkei_contracts.till import CommitRequest, HoldRequest, QuoteRequest, ResolveMember
from renkei_contracts.twin.hub_client import HubRefused
from renkei_contracts.twin.server import serve
from renkei_tryton import stage as staging
from renkei_tryton import sync
from renkei_tryton.peer.software import Sale
from renkei_tryton.plugin import VENDOR
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.stage import TrytonStage
from renkei_tryton.stage_till import AskingTill
from renkei_tryton.sync import TrytonOrders
from renkei_tryton.twin import TrytonTwin

CARD, SECRET, KEY = "2900000000017", "the-registers-s3cr3t", "key_1"
POT = Item("POT-1", "急須", 1, 8800)
ONCE, TWICE, LOST = Mischief(), Mischief(times=2), Mischief(lost=True)
NOW = "2026-11-26T16:00:00Z"


@dataclass
class FakeHub:
    """Checks every signature, records every request, and books as little as answers need."""

    spendable: int = 1000
    most: int = 10_000
    told: list[tuple[str, Any]] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    sales: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    forget: bool = False

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/pos/v1/{what}", self._handle, methods=["POST"])])

    async def _handle(self, request: Request) -> Response:
        body = await request.body()
        if not self._signed(request, body):
            return problem(401, "unauthorized")
        what, asked = request.path_params["what"], json.loads(body)
        self.told.append((what, asked))
        return {
            "members:resolve": self._resolve,
            "quotes": self._quote,
            "holds": self._hold,
            "transactions": self._commit,
        }[what](asked)

    def _signed(self, request: Request, body: bytes) -> bool:
        """Written out on its own, after the hub's documentation."""
        given = {name: request.headers[f"renkei-{name}"] for name in ("timestamp", "nonce")}
        digest = hashlib.sha256(body).hexdigest()
        path = request.scope["raw_path"].decode()
        text = f"POST\n{path}\n\n{given['timestamp']}\n{given['nonce']}\n{digest}"
        wanted = base64.b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha256")).decode()
        fresh = given["nonce"] not in self.nonces and len(given["nonce"]) >= 16
        self.nonces.add(given["nonce"])
        late = abs(datetime.now(UTC).timestamp() - int(given["timestamp"]))
        key = request.headers["renkei-key"]
        return fresh and late < 300 and (key, wanted) == (KEY, request.headers["renkei-signature"])

    def _resolve(self, asked: Any) -> Response:
        ask = ResolveMember.model_validate(asked)
        if (ask.scheme, ask.value) != ("card", CARD):
            return problem(404, "member_not_found")
        member = {"member": "mem_1", "masked_name": "山田 *", "card": CARD}
        points = {"spendable": self.spendable, "pending": 0, "by_expiry": []}
        return JSONResponse(member | points | {"balance_version": 1, "as_of": NOW})

    def _quote(self, asked: Any) -> Response:
        wanted = QuoteRequest.model_validate(asked).points_wanted
        answer = {"earns": 80, "max_usable": self.most, "points_used": min(wanted, self.most)}
        rules = {"program": "main", "program_version": 1, "balance_version": 1}
        return JSONResponse(answer | rules | {"total": 0, "rates": [], "reasons": []})

    def _hold(self, asked: Any) -> Response:
        points = HoldRequest.model_validate(asked).points
        hold = {"hold": "hld_mem_1.1", "points": points, "lapses_at": NOW}
        return JSONResponse(hold | {"spendable": self.spendable - points, "balance_version": 2})

    def _commit(self, asked: Any) -> Response:
        ask = CommitRequest.model_validate(asked)
        key = str(ask.sale)
        if key not in self.sales or self.forget:
            self.spendable -= ask.points_used
            answer = {"sale": key, "revision": 1, "member": "mem_1", "earned": 80, "as_of": NOW}
            version = {"balance_version": len(self.told), "spendable": self.spendable}
            self.sales[key] = asked, answer | version | {"used": ask.points_used}
        first, answer = self.sales[key]
        return JSONResponse(answer) if first == asked else problem(409, "key_reused")

    def commits(self) -> list[CommitRequest]:
        told = [body for what, body in self.told if what == "transactions"]
        return [CommitRequest.model_validate(body) for body in told]


def problem(status: int, code: str) -> Response:
    said = {"code": code, "message": "係員を呼んでください", "status": status}
    return JSONResponse(said, status, media_type="application/problem+json")


@dataclass
class FakeShop:
    """Rings up one recorded sale: its POT-1 paid with 800 points and cash."""

    url: str = "https://tryton.example.jp"
    database: str = "shop"
    administrator: tuple[str, str] = ("admin", "the-s3cr3t-password")
    rung: list[tuple[Any, int]] = field(default_factory=list)
    stopped: bool = False

    async def sell(self, items: list[tuple[str, int]], *, points: int) -> Sale:
        self.rung.append((items, points))
        at = datetime(2026, 11, 26, tzinfo=UTC)
        return Sale(2, "2", 8800, date(2026, 11, 26), at)

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
async def access(hub: FakeHub) -> AsyncIterator[TillAccess]:
    async with serve(hub.app()) as url:
        yield TillAccess(url, KEY, SECRET)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> FakeShop:
    fake = FakeShop()

    async def start(work_dir: Path, port: int) -> FakeShop:
        return fake

    monkeypatch.setattr(staging.TrytonShop, "start", start)
    return fake


@pytest.fixture
async def register(
    mocked: Any, shop: FakeShop, access: TillAccess, tmp_path: Path
) -> AsyncIterator[TrytonStage]:
    async with TrytonStage(StageContext(tmp_path)) as stage:
        await stage.connect(access)
        yield stage


def test_the_plugins_peer_is_a_till_that_asks(tmp_path: Path) -> None:
    assert VENDOR.peer is not None
    stage = VENDOR.peer(StageContext(tmp_path))
    assert isinstance(stage, TillStage)
    assert (stage.kind, stage.asks_hub) == ("till", True)


class TestSell:
    async def test_points_are_asked_for_held_rung_up_and_committed(
        self, register: TrytonStage, hub: FakeHub, shop: FakeShop
    ) -> None:
        assert await register.sell(CARD, [POT], 800, ONCE) == "2"
        assert [what for what, _ in hub.told] == [
            "members:resolve",
            "quotes",
            "holds",
            "transactions",
        ]
        assert shop.rung == [([("POT-1", 1)], 800)]
        (commit,) = hub.commits()
        assert (commit.member, commit.hold) == ("mem_1", "hld_mem_1.1")
        assert (commit.points_used, commit.occurred, commit.revision) == (800, True, 1)
        assert [(one.kind, one.amount) for one in commit.tenders] == [
            ("Points", 800),
            ("Cash", 8000),
        ]

    async def test_a_sale_without_points_holds_none(
        self, register: TrytonStage, hub: FakeHub
    ) -> None:
        await register.sell(CARD, [POT], 0, ONCE)
        assert "holds" not in [what for what, _ in hub.told]
        assert hub.commits()[0].hold is None

    async def test_the_quote_is_for_the_basket_with_tax(
        self, register: TrytonStage, hub: FakeHub
    ) -> None:
        tea = Item("TEA-1", "煎茶", 3, 1080, 800)
        await register.sell(CARD, [tea, POT], 800, ONCE)
        (quote,) = [QuoteRequest.model_validate(b) for what, b in hub.told if what == "quotes"]
        assert (quote.member, quote.points_wanted) == ("mem_1", 800)
        assert [(line.sku, line.amount, line.tax_rate) for line in quote.lines] == [
            ("TEA-1", 3240, 800),
            ("POT-1", 8800, 1000),
        ]

    async def test_the_commit_is_what_the_poll_will_find(
        self, register: TrytonStage, hub: FakeHub, connect: Callable[..., Any]
    ) -> None:
        await register.sell(CARD, [POT], 800, ONCE)
        (commit,) = hub.commits()
        order = await TrytonOrders(connect()).fetch("2")
        assert commit.sale == order.till
        assert (commit.lines, commit.tenders) == (order.lines, order.tenders)
        assert (commit.sold_at, commit.points_used) == (order.placed_at, order.points_used)

    async def test_the_commit_names_the_place_of_the_stage(
        self, register: TrytonStage, hub: FakeHub
    ) -> None:
        await register.sell(CARD, [POT], 800, ONCE)
        sale = hub.commits()[0].sale
        assert (sale.store, sale.till) == register.place == ("shop", "1")

    async def test_a_commit_told_twice_is_the_same_commit(
        self, register: TrytonStage, hub: FakeHub
    ) -> None:
        await register.sell(CARD, [POT], 800, TWICE)
        first, second = hub.commits()
        assert first == second
        assert await register.points_shown(CARD) == 200

    async def test_a_hub_that_books_twice_is_told_on(
        self, register: TrytonStage, hub: FakeHub
    ) -> None:
        hub.forget, hub.spendable = True, 2000
        with pytest.raises(HubRefused, match="otherwise"):
            await register.sell(CARD, [POT], 800, TWICE)

    async def test_a_lost_commit_leaves_the_sale_to_the_poll(
        self, register: TrytonStage, hub: FakeHub, shop: FakeShop
    ) -> None:
        await register.sell(CARD, [POT], 800, LOST)
        assert len(shop.rung) == 1
        assert hub.commits() == []

    async def test_more_points_than_may_be_used_are_not_rung_up(
        self, register: TrytonStage, hub: FakeHub, shop: FakeShop
    ) -> None:
        hub.most = 799
        with pytest.raises(HubRefused, match="insufficient_points"):
            await register.sell(CARD, [POT], 800, ONCE)
        assert shop.rung == []

    async def test_an_unknown_card_sells_nothing(
        self, register: TrytonStage, shop: FakeShop
    ) -> None:
        with pytest.raises(HubRefused, match="member_not_found"):
            await register.sell("0", [POT], 0, ONCE)
        assert shop.rung == []


class TestRegister:
    async def test_it_shows_what_the_hub_says(self, register: TrytonStage) -> None:
        assert await register.points_shown(CARD) == 1000

    async def test_it_shows_nothing_for_an_unknown_card(self, register: TrytonStage) -> None:
        assert await register.points_shown("0") is None

    async def test_it_offers_the_goods_of_the_shop(self, register: TrytonStage) -> None:
        offered = await register.catalogue()
        assert POT in offered
        assert "DISCOUNT" not in [item.sku for item in offered]

    async def test_its_settings_connect_the_hub(self, register: TrytonStage) -> None:
        given = TrytonSettings.model_validate(register.settings())
        assert (given.database, given.store) == ("shop", register.place[0])
        assert register.address() == given.base_url

    async def test_a_wrong_secret_is_said_by_its_code(
        self, register: TrytonStage, access: TillAccess
    ) -> None:
        await register.connect(TillAccess(access.url, KEY, "wrong"))
        with pytest.raises(HubRefused) as refusal:
            await register.points_shown(CARD)
        assert refusal.value.code == "unauthorized"

    async def test_an_answer_that_is_no_problem_is_said_by_its_status(
        self, register: TrytonStage, access: TillAccess
    ) -> None:
        await register.connect(TillAccess(access.url + "/elsewhere", KEY, SECRET))
        with pytest.raises(HubRefused, match="404"):
            await register.points_shown(CARD)

    async def test_every_request_is_signed_anew(self, register: TrytonStage, hub: FakeHub) -> None:
        await asyncio.gather(*(register.points_shown(CARD) for _ in range(5)))
        assert len(hub.nonces) == 5

    async def test_leaving_stops_the_shop(
        self, shop: FakeShop, tmp_path: Path, mocked: Any
    ) -> None:
        async with TrytonStage(StageContext(tmp_path)):
            assert not shop.stopped
        assert shop.stopped

    async def test_a_stage_that_is_not_started_says_so(self, tmp_path: Path) -> None:
        stage = TrytonStage(StageContext(tmp_path))
        with pytest.raises(RuntimeError, match="not started"):
            stage.settings()
        with pytest.raises(RuntimeError, match="credential"):
            await stage.points_shown(CARD)
        async with httpx.AsyncClient():
            await stage.__aexit__()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TrytonStage]:
    given = os.environ.get("RENKEI_PEERS_DIR")
    work_dir = Path(given) if given else tmp_path_factory.mktemp("peers")
    async with TrytonStage(StageContext(work_dir)) as stage:
        yield stage


def orders_of(stage: AskingTill, http: httpx.AsyncClient) -> TrytonOrders:
    settings = TrytonSettings.model_validate(stage.settings())
    return TrytonOrders(
        Connection("till", settings, http, MemoryTokens(), lambda: datetime.now(UTC))
    )


async def a_day(stage: AskingTill, shop: Any) -> None:
    """Sales of every kind, one of them opened again and one called off."""
    tea, pot = Item("TEA-1", "煎茶", 3, 1080, 800), POT
    await stage.sell("", [tea, pot], 0, ONCE)
    await told(shop.sell([("POT-1", 1)], points=800))
    await told(shop.sell([("POT-1", 1)], points=8800))
    await told(shop.sell([("CUP-1", 2), ("TEA-1", 1)], discount=333))
    edited = await stage.sell("", [tea, pot], 0, ONCE)
    await stage.edit(edited, "TEA-1", 1)
    await stage.edit(edited, "POT-1", 1)
    called_off = await stage.sell("", [tea], 0, ONCE)
    await stage.cancel(called_off)
    await told(shop.give_back([("TEA-1", 1)]))
    await told(shop.close_day())


async def told(answer: Any) -> None:
    """The real shop must be waited for, the twin's is at hand."""
    if inspect.isawaitable(answer):
        await answer


async def found(stage: AskingTill, began: datetime) -> tuple[list[Any], list[str]]:
    """The sales as the hub gets them, without what no two shops have alike; and those set aside."""
    window, items, rejected = Window(began, datetime.now(UTC) + timedelta(seconds=1)), [], []
    async with httpx.AsyncClient(trust_env=False) as http:
        orders, cursor, more = orders_of(stage, http), None, True
        while more:
            page = await orders.changed(window, cursor)
            items += [order for order in page.items if order.placed_at >= began]
            rejected += [reason.partition(": ")[2] for _, reason in page.rejected]
            cursor, more = page.cursor, page.cursor is not None
    return [alike(order) for order in sorted(items, key=lambda one: int(one.ref.id))], rejected


def alike(order: Order) -> Any:
    assert order.till is not None
    assert order.till.business_date == order.placed_at.astimezone(ZoneInfo("Asia/Tokyo")).date()
    lines = [line.model_dump(exclude={"id"}) for line in order.lines]
    own = {"ref", "number", "changed_at", "placed_at", "lines", "till"}
    place = (order.till.store, order.till.till, order.till.settlement_count)
    return order.model_dump(exclude=own), lines, place


@pytest.mark.peers
@pytest.mark.asyncio(loop_scope="module")
class TestRealTryton:
    async def test_a_sale_with_points_is_committed_under_the_key_the_poll_finds(
        self, real: TrytonStage
    ) -> None:
        hub = FakeHub()
        began = datetime.now(UTC)
        async with serve(hub.app()) as url, httpx.AsyncClient(trust_env=False) as http:
            await real.connect(TillAccess(url, KEY, SECRET))
            id = await real.sell(CARD, [POT], 50, TWICE)
            window = Window(began, datetime.now(UTC) + timedelta(seconds=1))
            page = await orders_of(real, http).changed(window, None)
        (order,) = [order for order in page.items if order.ref.id == id]
        first, second = hub.commits()
        assert first == second
        assert (first.sale, first.lines) == (order.till, order.lines)
        assert (first.sale.store, first.sale.till) == real.place
        assert (order.points_used, sum(line.amount for line in order.lines)) == (50, 8800)

    async def test_paging_over_real_rows_loses_nothing(
        self, real: TrytonStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sync, "PAGE", 2)
        began = datetime.now(UTC)
        for _ in range(5):
            await real._running.sell([("TEA-1", 1)])
        # Posting many at once gives all of them the same instant of change.
        await real._running.close_day()
        window = Window(began, datetime.now(UTC) + timedelta(seconds=1))
        found, cursor, more = [], None, True
        async with httpx.AsyncClient(trust_env=False) as http:
            while more:
                page = await orders_of(real, http).changed(window, cursor)
                found += page.items
                cursor, more = page.cursor, page.cursor is not None
        posted = [order for order in found if order.placed_at >= began]
        assert len({order.ref.id for order in posted}) == len(posted) == 5
        assert len({order.changed_at for order in posted}) == 1
        assert len({order.ref.id for order in found}) == len(found)

    async def test_the_twin_keeps_the_same_sales(self, real: TrytonStage, tmp_path: Path) -> None:
        began = datetime.now(UTC)
        async with TrytonTwin(StageContext(tmp_path)) as twin:
            assert await real.catalogue() == await twin.catalogue()
            for stage, shop in ((real, real._running), (twin, twin.shop)):
                await a_day(stage, shop)
            there, here = await found(real, began), await found(twin, began)
        assert here == there
        assert len(here[0]) == 6
        assert len(here[1]) == 1

    async def test_what_the_register_offers_is_what_it_charges(self, real: TrytonStage) -> None:
        offered = {item.sku: item for item in await real.catalogue()}
        assert offered["POT-1"] == POT
        sale = await real._running.sell([(sku, 1) for sku in offered])
        assert sale.total == sum(item.yen for item in offered.values())
