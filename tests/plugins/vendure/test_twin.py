"""The twin on its stage: what a hub hears, what the Admin API answers, what a person sees."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
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
from renkei_contracts.errors import AuthenticationFailed, NotFound, Rejected, SignatureInvalid
from renkei_contracts.event import Changed, MemberLeft
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import CartStage, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.toolkit.wire import parse
from renkei_contracts.twin.base import Twin
from renkei_contracts.twin.faults import Fault
from renkei_contracts.twin.server import serve
from renkei_vendure.client import VendureClient
from renkei_vendure.documents import CATALOGUE, Document
from renkei_vendure.mapping import to_item
from renkei_vendure.plugin import VENDOR
from renkei_vendure.settings import VendureSettings
from renkei_vendure.sync import VendureBalances, VendureMembers, VendureOrders
from renkei_vendure.twin import VendureTwin
from renkei_vendure.twin_shop import CATALOGUE as GOODS
from renkei_vendure.webhooks import VendureWebhooks
from renkei_vendure.wire import Goods

HANAKO = Shopper("hanako@example.jp", "山田", "花子")
ONCE = Mischief()
TEA, POT = GOODS[:2]


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: int) -> None:
        self.now += timedelta(**by)


@dataclass
class Hub:
    """Takes deliveries and keeps them; ``failures`` are answered with the refusal first."""

    clock: Clock
    failures: int = 0
    refusal: int = 500
    heard: list[Delivery] = field(default_factory=list)
    tries: int = 0

    async def take(self, request: Request) -> Response:
        self.tries += 1
        if self.failures:
            self.failures -= 1
            return Response(status_code=self.refusal)
        headers = tuple(request.headers.items())
        self.heard.append(Delivery("shop", self.clock(), headers, await request.body()))
        return Response()

    def topics(self) -> list[str | None]:
        return [delivery.header("x-renkei-topic") for delivery in self.heard]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(clock: Clock) -> AsyncIterator[tuple[Hub, str]]:
    hub = Hub(clock)
    async with serve(Starlette(routes=[Route("/w", hub.take, methods=["POST"])])) as url:
        yield hub, f"{url}/w"


@pytest.fixture
async def stage(tmp_path: Path, clock: Clock, hub: tuple[Hub, str]) -> AsyncIterator[VendureTwin]:
    async with VendureTwin(StageContext(tmp_path, now=clock, page_size=2)) as twin:
        await twin.listen(Webhook(hub[1]))
        yield twin


@pytest.fixture
async def connection(stage: VendureTwin, clock: Clock) -> AsyncIterator[Connection[Any]]:
    async with httpx.AsyncClient(trust_env=False) as http:
        settings = VendureSettings.model_validate(stage.settings())
        yield Connection("shop", settings, http, MemoryTokens(), clock)


def ref(id: str) -> ExternalRef:
    return ExternalRef(connection="shop", id=id)


def left(order: Order) -> dict[str, int]:
    return {line.sku: line.amount - line.returned_amount for line in order.lines}


async def read_all(read: Callable[..., Any], window: Window) -> list[str]:
    page = await read(window, None)
    found = list(page.items)
    while page.cursor is not None:
        page = await read(window, page.cursor)
        found += page.items
    return [one.ref.id for one in found]


class TestStage:
    def test_the_vendor_has_it(self, tmp_path: Path) -> None:
        assert VENDOR.twin is not None
        twin = VENDOR.twin(StageContext(tmp_path))
        assert isinstance(twin, CartStage)
        assert isinstance(twin, Twin)

    async def test_what_it_cannot_do_is_said(self, stage: VendureTwin) -> None:
        assert stage.can.isdisjoint({"merge", "nameless"})
        with pytest.raises(NotImplementedError):
            await stage.merge("1", "2")

    async def test_a_shopper_who_registers_is_read_with_a_proven_address(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        id = await stage.register(HANAKO)
        member = await VendureMembers(connection).fetch(id)
        assert (member.family_name, member.given_name) == ("山田", "花子")
        grades = {one.kind: one.grade for one in member.identities}
        assert grades[IdentityKind.EMAIL] is Grade.VERIFIED

    async def test_what_a_guest_buys_is_nobodys_and_the_address_proves_nothing(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        order = await VendureOrders(connection).fetch(await stage.buy("", [TEA], ONCE))
        assert order.customer is None
        assert [one.grade for one in order.identities] == [Grade.ASSERTED]
        (guest,) = stage.shop.customers.values()
        member = await VendureMembers(connection).fetch(str(guest.id))
        assert Grade.VERIFIED not in {one.grade for one in member.identities}

    async def test_a_sale_goes_its_way_from_payment_to_the_end(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        orders = VendureOrders(connection)
        id = await stage.buy(await stage.register(HANAKO), [replace(POT, quantity=2), TEA], ONCE)
        read = [await orders.fetch(id)]
        for act in (
            lambda: stage.refund(id, POT.sku, 1),
            lambda: stage.edit(id, TEA.sku, 1),
            lambda: stage.fulfil(id),
            lambda: stage.cancel(id),
        ):
            await act()
            read.append(await orders.fetch(id))
            assert sum(left(read[-1]).values()) == sum((await stage.charged(id)).values())
        assert [one.state for one in read] == [
            OrderState.PAID,
            OrderState.PAID,
            OrderState.PAID,
            OrderState.FULFILLED,
            OrderState.CANCELLED,
        ]
        assert left(read[0]) == {POT.sku: 17_600, TEA.sku: 1_080}
        assert left(read[2]) == {POT.sku: 8_800, TEA.sku: 0}
        assert await stage.charged(id) == {}

    async def test_points_set_by_hand_are_what_everybody_sees(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        id = await stage.register(HANAKO)
        assert await stage.points_shown(id) is None
        await stage.adjust(id, 100)
        assert await stage.points_shown(id) == await VendureBalances(connection).read(id) == 100

    async def test_who_is_renamed_keeps_a_proven_address(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        id = await stage.register(HANAKO)
        await stage.rename(id, Shopper("haruko@example.jp", "佐藤", "春子"))
        member = await VendureMembers(connection).fetch(id)
        assert member.family_name == "佐藤"
        (email,) = [one for one in member.identities if one.kind is IdentityKind.EMAIL]
        assert (email.value, email.grade) == ("haruko@example.jp", Grade.VERIFIED)

    async def test_who_leaves_is_told_and_found_no_more(
        self, stage: VendureTwin, connection: Connection[Any], hub: tuple[Hub, str]
    ) -> None:
        id = await stage.register(HANAKO)
        order = await stage.buy(id, [TEA], ONCE)
        await stage.withdraw(id)
        (told,) = VendureWebhooks(connection).read(hub[0].heard[-1])
        assert isinstance(told, MemberLeft)
        assert told.ref == ref(id)
        with pytest.raises(NotFound):
            await VendureMembers(connection).fetch(id)
        with pytest.raises(NotFound):
            await VendureBalances(connection).write(id, write(5))
        assert (await VendureOrders(connection).fetch(order)).customer == ref(id)

    async def test_its_page_shows_what_it_holds(self, stage: VendureTwin) -> None:
        await stage.buy(await stage.register(HANAKO), [TEA], ONCE)
        async with httpx.AsyncClient(trust_env=False) as http:
            page = (await http.get(stage.address())).text
        assert "山田 花子" in page
        assert "1,080 円" in page


class TestDeliveries:
    async def test_each_is_signed_as_the_settings_say(
        self, stage: VendureTwin, connection: Connection[Any], hub: tuple[Hub, str], clock: Clock
    ) -> None:
        id = await stage.buy(await stage.register(HANAKO), [TEA], ONCE)
        webhooks = VendureWebhooks(connection)
        for delivery in hub[0].heard:
            webhooks.verify(delivery, clock())
        assert webhooks.read(hub[0].heard[-1]) == [Changed(kind="order", ref=ref(id))]
        assert len({webhooks.key(one) for one in hub[0].heard}) == len(hub[0].heard) == 7

    @pytest.mark.parametrize("action", ["buy", "refund", "edit", "cancel"])
    async def test_mischief_is_done_to_those_of_each_action(
        self, stage: VendureTwin, hub: tuple[Hub, str], action: str
    ) -> None:
        customer = await stage.register(HANAKO)

        async def act(mischief: Mischief) -> list[str | None]:
            bought = [POT, TEA]
            acts: dict[str, Callable[[str], Awaitable[object]]] = {
                "buy": lambda _: stage.buy(customer, bought, mischief),
                "refund": lambda order: stage.refund(order, TEA.sku, 1, mischief),
                "edit": lambda order: stage.edit(order, TEA.sku, 1, mischief),
                "cancel": lambda order: stage.cancel(order, mischief),
            }
            order = await stage.buy(customer, bought, ONCE)
            hub[0].heard.clear()
            await acts[action](order)
            return hub[0].topics()

        straight = await act(ONCE)
        assert straight
        assert await act(Mischief(times=2, reversed=True)) == straight[::-1] * 2
        assert await act(Mischief(lost=True)) == []

    @pytest.mark.parametrize(
        ("refusal", "heard"), [(500, 2), (503, 2), (429, 2), (401, 0), (400, 0)]
    )
    async def test_one_that_failed_comes_again_unless_it_was_refused_for_good(
        self, stage: VendureTwin, hub: tuple[Hub, str], refusal: int, heard: int
    ) -> None:
        hub[0].failures, hub[0].refusal = 2, refusal
        await stage.register(HANAKO)
        assert len(hub[0].heard) == heard
        assert hub[0].tries == 2 + heard

    async def test_a_new_secret_is_accepted_beside_the_old_one(
        self, stage: VendureTwin, connection: Connection[Any], hub: tuple[Hub, str], clock: Clock
    ) -> None:
        await stage.register(HANAKO)
        await stage.rotate()
        await stage.buy("", [TEA], ONCE)
        rotated = VendureSettings.model_validate(stage.settings())
        for delivery in (hub[0].heard[0], hub[0].heard[-1]):
            VendureWebhooks(replace(connection, settings=rotated)).verify(delivery, clock())
        with pytest.raises(SignatureInvalid):
            VendureWebhooks(connection).verify(hub[0].heard[-1], clock())

    async def test_what_the_hub_writes_is_told_back(
        self, stage: VendureTwin, connection: Connection[Any], hub: tuple[Hub, str]
    ) -> None:
        id = await stage.register(HANAKO)
        await VendureBalances(connection).write(id, write(90))
        await stage.adjust(id, 90)
        assert hub[0].topics()[2:] == ["customer.changed"] * 2


def write(points: int) -> BalanceWrite:
    balance = Balance(spendable=points, version=1, as_of=datetime(2026, 11, 27, tzinfo=UTC))
    return BalanceWrite(balance=balance, change=points)


class TestLists:
    async def test_pages_lose_no_order_that_was_placed_before_an_older_cart(
        self, stage: VendureTwin, connection: Connection[Any], clock: Clock
    ) -> None:
        placed = [await stage.buy("", [TEA], ONCE) for _ in range(5)]
        for order, minutes in zip(stage.shop.orders.values(), (50, 40, 30, 20, 10), strict=True):
            order.placed_at += timedelta(minutes=minutes)
        clock.forward(hours=1)
        window = Window(clock() - timedelta(hours=2), clock())
        assert await read_all(VendureOrders(connection).changed, window) == placed[::-1]

    async def test_of_two_fields_the_id_decides(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        """As in the real one: its schema names the id first."""
        older, newer = [await stage.buy("", [TEA], ONCE) for _ in "12"]
        stage.shop.orders[int(older)].placed_at += timedelta(minutes=1)
        sort = "{ orderPlacedAt: ASC, id: ASC }"
        text = f"query Q {{ orders(options: {{ sort: {sort} }}) {{ items {{ id }} totalItems }} }}"
        data = await VendureClient(connection).run(Document("Q", text), {})
        assert [row["id"] for row in data["orders"]["items"]] == [older, newer]

    async def test_members_come_page_by_page(
        self, stage: VendureTwin, connection: Connection[Any], clock: Clock
    ) -> None:
        people = [
            await stage.register(Shopper(f"a{number}@example.jp", "山田", "花子"))
            for number in range(5)
        ]
        await stage.withdraw(people.pop())
        window = Window(clock() - timedelta(hours=1), clock() + timedelta(seconds=1))
        assert await read_all(VendureMembers(connection).changed, window) == people

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ("take: 1, skip: 2, sort: { id: DESC }", ["1001"]),
            ("take: -1", ["1001", "1002"]),
            ("filter: { orderPlacedAt: { isNull: true } }", []),
            ('filter: { type: { notEq: "Regular" } }', []),
            (
                'filter: { _or: [{ id: { notIn: ["1001", "1003"] } }, { active: { eq: true } }] }',
                ["1002"],
            ),
        ],
    )
    async def test_options_do_what_they_say(
        self, stage: VendureTwin, connection: Connection[Any], options: str, found: list[str]
    ) -> None:
        for _ in range(3):
            await stage.buy("", [TEA], ONCE)
        text = f"query Q {{ orders(options: {{ {options} }}) {{ items {{ id }} }} }}"
        data = await VendureClient(connection).run(Document("Q", text), {})
        assert [row["id"] for row in data["orders"]["items"]] == found

    async def test_more_than_a_list_gives_is_refused(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        text = "query Q { orders(options: { take: 1001 }) { totalItems } }"
        with pytest.raises(Rejected, match="USER_INPUT_ERROR"):
            await VendureClient(connection).run(Document("Q", text), {})

    async def test_the_goods_are_those_of_the_catalogue(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        data = await VendureClient(connection).run(CATALOGUE, {})
        rows = [parse(Goods, row, "goods") for row in data["productVariants"]["items"]]
        assert [to_item(row, stage.shop.unit) for row in rows] == list(await stage.catalogue())


class TestSessions:
    async def test_one_lives_a_year_after_its_last_call(
        self, stage: VendureTwin, connection: Connection[Any], clock: Clock
    ) -> None:
        members = VendureMembers(connection)
        id = await stage.register(HANAKO)
        tokens = []
        for days in (0, 300, 300, 366):
            clock.forward(days=days)
            await members.fetch(id)
            tokens.append(await connection.tokens.current())
        assert tokens[0] == tokens[1] == tokens[2] != tokens[3]

    async def test_a_wrong_password_is_refused(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        wrong = VendureSettings.model_validate({**stage.settings(), "password": "wr0ng"})
        with pytest.raises(AuthenticationFailed):
            await VendureOrders(replace(connection, settings=wrong)).fetch("1")

    async def test_who_may_not_is_refused(
        self, stage: VendureTwin, connection: Connection[Any]
    ) -> None:
        id = await stage.register(HANAKO)
        stage.app.permissions = ("Authenticated", "ReadCustomer")
        await VendureMembers(connection).fetch(id)
        with pytest.raises(AuthenticationFailed):
            await VendureBalances(connection).write(id, write(5))
        assert await stage.points_shown(id) is None


LOGIN = 'mutation { login(username: "renkei", password: "twin-password") { __typename } }'
WRITE = "mutation($i: UpdateCustomerInput!) { updateCustomer(input: $i) { __typename } }"


@dataclass
class Raw:
    """Calls the Admin API without the plugin."""

    http: httpx.AsyncClient
    url: str
    token: str = "none"

    async def __call__(self, query: str, **variables: object) -> httpx.Response:
        return await self.http.post(
            self.url,
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {self.token}"},
        )


@pytest.fixture
async def raw(stage: VendureTwin) -> AsyncIterator[Raw]:
    async with httpx.AsyncClient(trust_env=False) as http:
        ask = Raw(http, f"{stage.base_url}/admin-api")
        ask.token = (await ask(LOGIN)).headers["vendure-auth-token"]
        yield ask


def codes(response: httpx.Response) -> tuple[int, list[str]]:
    errors = response.json()["errors"]
    return response.status_code, [one["extensions"]["code"] for one in errors]


class TestRefusals:
    """In the words of the real one."""

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ("{ orders { nothing } }", 400, "GRAPHQL_VALIDATION_FAILED"),
            ("{ orders {", 400, "GRAPHQL_PARSE_FAILED"),
            ("query($id: ID!) { order(id: $id) { id } }", 200, "BAD_USER_INPUT"),
        ],
    )
    async def test_a_document_that_is_wrong(
        self, raw: Raw, query: str, status: int, code: str
    ) -> None:
        answer = await raw(query)
        assert codes(answer) == (status, [code])
        assert "data" not in answer.json()

    @pytest.mark.parametrize("points", [2**31, "5", 1.5])
    async def test_points_that_are_no_int(self, raw: Raw, points: object) -> None:
        answer = await raw(WRITE, i={"id": "1", "customFields": {"hubPoints": points}})
        assert codes(answer) == (200, ["BAD_USER_INPUT"])

    async def test_nobody_is_told_nothing(self, raw: Raw, payload: Callable[[str], Any]) -> None:
        raw.token = "none"
        answer = await raw("query($id: ID!) { customer(id: $id) { id } }", id="1")
        recorded = payload("not-logged-in")["response"]
        assert answer.json() == recorded

    async def test_an_id_of_another_kind_finds_nothing(self, raw: Raw) -> None:
        answer = await raw('{ order(id: "abc") { id } customer(id: "T_1") { id } }')
        assert answer.json() == {"data": {"order": None, "customer": None}}

    async def test_who_is_not_there_cannot_be_written(
        self, raw: Raw, payload: Callable[[str], Any]
    ) -> None:
        asked = payload("update-customer-missing")
        answer = await raw(
            "mutation($i: UpdateCustomerInput!) { updateCustomer(input: $i) { __typename } }",
            i=asked["request"]["variables"]["input"],
        )
        told = asked["response"]["errors"][0]
        assert answer.json()["errors"][0]["message"] == told["message"]
        assert codes(answer) == (200, [told["extensions"]["code"]])

    async def test_an_answer_outside_the_schema_never_leaves_the_twin(
        self, stage: VendureTwin, raw: Raw
    ) -> None:
        order = await stage.buy("", [TEA], ONCE)
        stage.shop.orders[int(order)].shipping = 55.5  # type: ignore[assignment]
        query = "query($id: ID!) { order(id: $id) { shippingWithTax } }"
        assert (await raw(query, id=order)).status_code == 500

    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [
            ("unauthorized", 200, "FORBIDDEN"),
            ("forbidden", 200, "FORBIDDEN"),
            ("server_error", 200, "INTERNAL_SERVER_ERROR"),
        ],
    )
    async def test_faults_are_told_in_an_answer_that_went_well(
        self, stage: VendureTwin, raw: Raw, kind: Any, status: int, code: str
    ) -> None:
        stage.faults.plan([Fault(kind)])
        assert codes(await raw("{ me { channels { id } } }")) == (status, [code])

    async def test_too_many_calls_are_refused_before_vendure(
        self, stage: VendureTwin, raw: Raw
    ) -> None:
        stage.faults.plan([Fault("rate_limited", retry_after=7)])
        answer = await raw("{ me { channels { id } } }")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
