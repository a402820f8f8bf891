"""The twin on its stage: what a hub hears, what a cashier and a person see."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Changed
from renkei_contracts.member import NewMember
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import Mischief, StageContext, TillAccess, TillStage, Webhook
from renkei_contracts.twin.bucket import Bucket
from renkei_contracts.twin.server import serve
from renkei_contracts.vendor import PROTOCOLS, Vendor
from renkei_smaregi import register_vendor
from renkei_smaregi.plugin import VENDOR
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.sync import SmaregiBalances, SmaregiMemberCreation, SmaregiOrders
from renkei_smaregi.twin import PATH_SECRET, SmaregiTwin
from renkei_smaregi.twin_app import CONTRACT, TOKEN_SECONDS, TwinApp
from renkei_smaregi.twin_pos import CATALOGUE
from renkei_smaregi.webhooks import SmaregiWebhooks

CARD = "2100000000012"
HANAKO = NewMember(member="mem_1", card=CARD, family_name="山田", given_name="花子")


@dataclass
class Hub:
    """Takes deliveries and keeps them, answering ``status``."""

    now: datetime
    status: int = 200
    url: str = ""
    heard: list[Delivery] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        body, secret = await request.body(), request.path_params["secret"]
        headers = tuple(request.headers.items())
        self.heard.append(Delivery("store-a", self.now, headers, body, secret))
        return Response(status_code=self.status)


@pytest.fixture
async def hub(now: datetime) -> AsyncIterator[Hub]:
    heard = Hub(now)
    app = Starlette(routes=[Route("/webhooks/store-a/{secret}", heard.take, methods=["POST"])])
    async with serve(app) as url:
        heard.url = f"{url}/webhooks/store-a/{PATH_SECRET}"
        yield heard


@pytest.fixture
async def stage(tmp_path: Path, hub: Hub) -> AsyncIterator[SmaregiTwin]:
    async with SmaregiTwin(StageContext(tmp_path)) as staged:
        await staged.listen(Webhook(hub.url, {"X-Way": "hub"}))
        yield staged


@pytest.fixture
async def connection(
    stage: SmaregiTwin, now: datetime
) -> AsyncIterator[Connection[SmaregiSettings]]:
    async with httpx.AsyncClient(trust_env=False) as http:
        settings = SmaregiSettings.model_validate(stage.settings())
        yield Connection("store-a", settings, http, MemoryTokens(), lambda: now)


async def known(connection: Connection[SmaregiSettings], points: int) -> str:
    """The card is known at the register, with points."""
    ref = await SmaregiMemberCreation(connection).create(HANAKO)
    balance = Balance(spendable=points, version=1, as_of=connection.now())
    write = BalanceWrite(balance=balance, change=points)
    await SmaregiBalances(connection).write(ref.id, write)
    return ref.id


class TestVendor:
    def test_the_hook_announces_smaregi(self) -> None:
        announced: list[Vendor] = []
        register_vendor(announced.append)
        assert announced == [VENDOR]

    def test_every_capability_satisfies_its_protocol(
        self, connection: Connection[SmaregiSettings]
    ) -> None:
        for name in VENDOR.capabilities():
            assert isinstance(getattr(VENDOR, name)(connection), PROTOCOLS[name])

    def test_the_twin_is_a_till_with_a_copy_of_its_own(self, tmp_path: Path) -> None:
        assert VENDOR.twin is not None
        stage = VENDOR.twin(StageContext(tmp_path))
        assert isinstance(stage, TillStage)
        assert (stage.kind, stage.asks_hub) == ("till", False)


class TestSelling:
    async def test_a_sale_is_told_with_a_delivery_the_hub_accepts(
        self, stage: SmaregiTwin, hub: Hub, connection: Connection[SmaregiSettings], now: datetime
    ) -> None:
        id = await stage.sell("", CATALOGUE[:1], 0, Mischief())
        (delivery,) = hub.heard
        hooks = SmaregiWebhooks(connection)
        hooks.verify(delivery, now)
        (seen,) = hooks.read(delivery)
        assert isinstance(seen, Changed)
        assert seen.ref.id == id
        assert delivery.header("X-Way") == "hub"
        assert "Smaregi-Platform-Api-Webhook" in (delivery.header("user-agent") or "")

    async def test_the_body_is_as_smaregi_sends_it(self, stage: SmaregiTwin, hub: Hub) -> None:
        await stage.sell("", CATALOGUE[:1], 0, Mischief())
        assert hub.heard[0].body == (
            b'{"contractId":"twin01","event":"pos:transactions","action":"created",'
            b'"transactionHeadIds":["1"]}'
        )

    async def test_the_sale_can_be_read_with_its_points(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        await known(connection, 132)
        id = await stage.sell(CARD, CATALOGUE[:2], 50, Mischief())
        order = await SmaregiOrders(connection).fetch(id)
        assert sum(line.amount for line in order.lines) == 2160 + 1080
        assert order.points_used == 50
        assert [one.value for one in order.identities] == [CARD]

    async def test_points_spent_leave_the_registers_copy(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        await known(connection, 132)
        await stage.sell(CARD, CATALOGUE[:1], 50, Mischief())
        assert await stage.points_shown(CARD) == 82

    async def test_the_register_grants_nothing_itself(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        await known(connection, 0)
        await stage.sell(CARD, CATALOGUE, 0, Mischief())
        assert await stage.points_shown(CARD) == 0

    @pytest.mark.parametrize("points", [133, 10_000])
    async def test_more_points_than_it_shows_are_refused(
        self,
        stage: SmaregiTwin,
        hub: Hub,
        connection: Connection[SmaregiSettings],
        points: int,
    ) -> None:
        await known(connection, 132)
        with pytest.raises(ValueError, match="the register shows 132"):
            await stage.sell(CARD, CATALOGUE[:1], points, Mischief())
        assert hub.heard == []
        assert await stage.points_shown(CARD) == 132

    async def test_more_points_than_the_sale_costs_are_refused(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        await known(connection, 5000)
        with pytest.raises(ValueError, match="for 2160 yen"):
            await stage.sell(CARD, CATALOGUE[:1], 2161, Mischief())

    @pytest.mark.parametrize(("card", "points"), [("unknown", 0), ("", 1)])
    async def test_a_card_it_does_not_know_buys_nothing(
        self, stage: SmaregiTwin, card: str, points: int
    ) -> None:
        with pytest.raises(ValueError, match="register"):
            await stage.sell(card, CATALOGUE[:1], points, Mischief())

    @pytest.mark.parametrize(
        ("mischief", "times"),
        [(Mischief(), 1), (Mischief(times=2, reversed=True), 2), (Mischief(lost=True), 0)],
    )
    async def test_a_delivery_may_come_twice_or_never(
        self, stage: SmaregiTwin, hub: Hub, mischief: Mischief, times: int
    ) -> None:
        await stage.sell("", CATALOGUE[:1], 0, mischief)
        assert len(hub.heard) == times
        assert len({delivery.header("smaregi-event-id") for delivery in hub.heard}) <= 1

    async def test_a_failed_delivery_is_not_sent_again(self, stage: SmaregiTwin, hub: Hub) -> None:
        hub.status = 500
        await stage.sell("", CATALOGUE[:1], 0, Mischief())
        assert stage.emitter.answers == [500]

    async def test_each_delivery_has_an_id_of_its_own(self, stage: SmaregiTwin, hub: Hub) -> None:
        for _ in range(2):
            await stage.sell("", CATALOGUE[:1], 0, Mischief())
        first, second = (delivery.header("smaregi-event-id") for delivery in hub.heard)
        assert first != second


class TestSeeing:
    async def test_an_unknown_card_shows_nothing(self, stage: SmaregiTwin) -> None:
        assert await stage.points_shown(CARD) is None

    async def test_a_card_the_hub_made_known_shows_its_points(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        await known(connection, 132)
        assert await stage.points_shown(CARD) == 132

    async def test_the_page_shows_members_points_and_sales(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        await known(connection, 132)
        await stage.sell(CARD, CATALOGUE[:1], 50, Mischief())
        page = (await connection.http.get(stage.address())).text
        assert "山田 花子" in page
        assert "<td>82</td>" in page
        assert "2,110 円" in page

    async def test_the_page_shows_names_as_text(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        odd = HANAKO.model_copy(update={"family_name": "<script>", "given_name": "{contract}"})
        await SmaregiMemberCreation(connection).create(odd)
        page = (await connection.http.get(stage.address())).text
        assert "&lt;script&gt; {contract}" in page

    async def test_the_stage_passes_the_connection_check(
        self, stage: SmaregiTwin, connection: Connection[SmaregiSettings]
    ) -> None:
        assert VENDOR.check is not None
        assert await VENDOR.check(connection).check() == []

    async def test_it_does_not_need_the_hubs_till_endpoint(self, stage: SmaregiTwin) -> None:
        await stage.connect(TillAccess("http://127.0.0.1:1", "key", "secret"))
        assert len(await stage.catalogue()) >= 3


class TestBehaviour:
    """What a hub that is right depends on."""

    @pytest.fixture
    async def http(self, recorded: Any, twin: TwinApp) -> AsyncIterator[httpx.AsyncClient]:
        twin.tokens["t"] = twin.pos.clock() + timedelta(hours=1)
        headers = {"Authorization": "Bearer t"}
        base = f"http://twin/{CONTRACT}/pos"
        async with httpx.AsyncClient(transport=recorded, base_url=base, headers=headers) as http:
            yield http

    async def test_a_token_ends(self, http: httpx.AsyncClient, twin: TwinApp) -> None:
        end = twin.tokens["t"]
        twin.pos.now = lambda: end - timedelta(seconds=1)
        assert (await http.get("/stores")).status_code == 200
        twin.pos.now = lambda: end
        assert (await http.get("/stores")).status_code == 401
        assert TOKEN_SECONDS == 3600

    @pytest.mark.parametrize("header", ["", "Bearer ", "Bearer other", "Basic t"])
    async def test_without_a_token_nothing_is_shown(
        self, http: httpx.AsyncClient, header: str
    ) -> None:
        answer = await http.get("/stores", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"upd_date_time-from": "2026-11-26T00:00:00+09:00"},
            {
                "upd_date_time-from": "2026-10-01T00:00:00+09:00",
                "upd_date_time-to": "2026-11-26T00:00:00+09:00",
            },
            {
                "upd_date_time-from": "2026-11-26T00:00:00+09:00",
                "upd_date_time-to": "2026-11-27T00:00:00+09:00",
                "with_details": "all",
                "limit": "101",
            },
        ],
        ids=["no-range", "half-a-range", "too-long", "too-many"],
    )
    async def test_a_list_of_sales_has_its_limits(
        self, http: httpx.AsyncClient, query: dict[str, str]
    ) -> None:
        assert (await http.get("/transactions", params=query)).status_code == 400

    async def test_a_code_is_unique(self, http: httpx.AsyncClient) -> None:
        person = {"customerCode": CARD, "lastName": "山田", "firstName": "花子"}
        assert (await http.post("/customers", json=person)).status_code == 200
        assert (await http.post("/customers", json=person)).status_code == 400

    async def test_a_member_can_be_changed(self, http: httpx.AsyncClient, twin: TwinApp) -> None:
        twin.pos.create_customer({"customerCode": CARD, "lastName": "山", "firstName": "花"})
        changed = await http.patch("/customers/1", json={"status": "3"})
        assert changed.json()["status"] == "3"
        assert changed.json()["updDateTime"] > changed.json()["insDateTime"]

    async def test_a_sale_voided_gives_its_points_back(self, twin: TwinApp) -> None:
        pos = twin.pos
        row = pos.create_customer({"customerCode": CARD, "lastName": "山", "firstName": "花"})
        pos.points["1"] = 100
        pos.cancel(pos.sell(CATALOGUE[:1], row, 60)["transactionHeadId"])
        assert pos.points["1"] == 100


PERSON = {"customerCode": CARD, "lastName": "山田", "firstName": "花子"}


class TestSchema:
    @pytest.fixture
    async def http(self, recorded: Any, twin: TwinApp) -> AsyncIterator[httpx.AsyncClient]:
        twin.tokens["t"] = twin.pos.clock() + timedelta(hours=1)
        twin.pos.create_customer({**PERSON, "customerCode": "1"})
        headers = {"Authorization": "Bearer t"}
        base = f"http://twin/{CONTRACT}/pos"
        async with httpx.AsyncClient(transport=recorded, base_url=base, headers=headers) as http:
            yield http

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/customers/1/point/add", {"point": 5}),
            ("POST", "/customers", {**PERSON, "point": "5"}),
            ("POST", "/customers", {**PERSON, "customerCode": ""}),
            ("POST", "/customers", {**PERSON, "lastName": ""}),
            ("POST", "/customers", {**PERSON, "firstName": ""}),
            ("GET", "/customers?upd_date_time_from=2026-11-26T00:00:00%2B09:00", None),
            ("GET", "/customers/1?with_points=all", None),
            ("GET", "/transactions?limit=0", None),
        ],
        ids=[
            "number",
            "no-field",
            "no-code",
            "no-name",
            "no-first-name",
            "hyphen",
            "with",
            "limit",
        ],
    )
    async def test_a_call_outside_it_is_refused(
        self, http: httpx.AsyncClient, twin: TwinApp, method: str, path: str, body: Any
    ) -> None:
        assert (await http.request(method, path, json=body)).status_code == 400
        assert len(twin.log.complaints) == 1
        twin.log.complaints.clear()

    async def test_an_answer_outside_it_fails_the_twin(
        self, http: httpx.AsyncClient, twin: TwinApp
    ) -> None:
        twin.pos.customers["1"]["point"] = "5"
        assert (await http.get("/customers/1")).status_code == 500
        assert len(twin.log.complaints) == 1
        twin.log.complaints.clear()

    async def test_every_field_of_it_says_where_it_is_from(self) -> None:
        file = files("renkei_smaregi") / "wire.schema.json"
        definitions = json.loads(file.read_text(encoding="utf-8"))["$defs"]
        silent = [
            f"{shape}.{name}"
            for shape, definition in definitions.items()
            for name, field in definition.get("properties", {}).items()
            if not field.get("$comment")
        ]
        assert silent == []

    async def test_more_calls_than_a_second_allows_are_put_off(
        self, http: httpx.AsyncClient, twin: TwinApp
    ) -> None:
        twin.reads = Bucket(2, 2, clock=lambda: 0.0)
        answers = [await http.get("/stores") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].headers["retry-after"] == "1"
        assert (await http.post("/customers/1/point/add", json={"point": "5"})).is_success
