"""The real Vendure shop: what its runner does, done for real."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from renkei_contracts.twin.process import PeerUnavailable
from renkei_vendure.peer import install as installing
from renkei_vendure.peer.documents import RENAME
from renkei_vendure.peer.graphql import ShopError
from renkei_vendure.peer.install import PACKAGE, find_node
from renkei_vendure.peer.software import VendureShop

SECRET = "a secret of this test"
WAIT_SECONDS = 20
emails = (f"member{number}.{os.getpid()}@example.jp" for number in itertools.count())


@dataclass(frozen=True)
class Delivery:
    headers: dict[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        return self.headers["x-renkei-topic"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


class Receiver:
    """A webhook receiver which can refuse the next deliveries."""

    def __init__(self) -> None:
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        self.refuse_next = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.deliveries.put_nowait(Delivery(headers, body))
        status = "503 Later" if self.refuse_next else "200 OK"
        self.refuse_next = max(0, self.refuse_next - 1)
        answer = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    async def until(self, topic: str, code: str) -> list[Delivery]:
        """Return the deliveries up to the first about ``code`` with ``topic``."""
        seen: list[Delivery] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while not seen or (seen[-1].topic, seen[-1].event["code"]) != (topic, code):
                seen.append(await self.deliveries.get())
        return seen


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("RENKEI_PEERS_DIR")
    return Path(given) if given else tmp_path_factory.mktemp("peers")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield receiver, f"http://127.0.0.1:{port}/webhooks"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(work_dir: Path, receiver: tuple[Receiver, str]) -> AsyncIterator[VendureShop]:
    shop = await VendureShop.start(work_dir, receiver[1], SECRET, free_port())
    yield shop
    await shop.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def new_member(shop: VendureShop) -> tuple[str, str]:
    email = next(emails)
    return email, await shop.register_customer(email, "花子", "山田")


def paid_back(order: dict[str, Any]) -> int:
    return sum(refund["total"] for payment in order["payments"] for refund in payment["refunds"])


@pytest.mark.peers
@pytest.mark.asyncio(loop_scope="module")
class TestShop:
    async def test_an_order_is_paid_with_the_tax_of_each_line_in_its_price(
        self, shop: VendureShop
    ) -> None:
        email, customer_id = await new_member(shop)
        placed = await shop.buy(email, [("TEA-1", 2), ("CUP-1", 1)])
        order = await shop.order(placed.id)
        assert (order["code"], order["state"]) == (placed.code, "PaymentSettled")
        assert (order["currencyCode"], order["totalWithTax"]) == ("JPY", 601000)
        assert order["customer"]["id"] == customer_id
        assert order["customer"]["user"]["verified"] is True
        assert {
            line["productVariant"]["sku"]: (line["quantity"], line["taxRate"])
            for line in order["lines"]
        } == {"TEA-1": (2, 8), "CUP-1": (1, 10)}

    async def test_a_part_of_a_line_is_taken_back(self, shop: VendureShop) -> None:
        email, _ = await new_member(shop)
        placed = await shop.buy(email, [("TEA-1", 3)])
        await shop.refund_line(placed.id, "TEA-1", 1)
        order = await shop.order(placed.id)
        (line,) = order["lines"]
        assert (line["quantity"], line["orderPlacedQuantity"]) == (2, 3)
        assert paid_back(order) == 108000

    async def test_a_cancelled_order_is_paid_back_whole(self, shop: VendureShop) -> None:
        email, _ = await new_member(shop)
        placed = await shop.buy(email, [("POT-1", 1), ("TEA-1", 2)])
        await shop.refund_line(placed.id, "TEA-1", 1)
        await shop.cancel(placed.id)
        order = await shop.order(placed.id)
        assert order["state"] == "Cancelled"
        assert paid_back(order) == order["payments"][0]["amount"]

    async def test_a_member_sees_the_balance_the_hub_wrote_and_cannot_change_it(
        self, shop: VendureShop
    ) -> None:
        email, customer_id = await new_member(shop)
        assert await shop.points_shown(customer_id) is None
        write = "mutation($i: UpdateCustomerInput!) { updateCustomer(input: $i) { __typename } }"
        await shop.admin(write, i={"id": customer_id, "customFields": {"hubPoints": 123}})
        session = await shop._customer_session(email)
        with pytest.raises(ShopError, match="back office"):
            await session.ask(RENAME, input={"customFields": {"hubPoints": 99999}})
        assert await shop.points_shown(customer_id) == 123

    async def test_many_members_buy_at_once(self, shop: VendureShop) -> None:
        members = await asyncio.gather(*(new_member(shop) for _ in range(5)))
        placed = await asyncio.gather(*(shop.buy(email, [("CAKE-1", 1)]) for email, _ in members))
        orders = await asyncio.gather(*(shop.order(order.id) for order in placed))
        assert {order["state"] for order in orders} == {"PaymentSettled"}
        assert {order["customer"]["id"] for order in orders} == {member for _, member in members}

    async def test_what_happens_is_told_signed_and_after_it_can_be_read(
        self, shop: VendureShop, receiver: tuple[Receiver, str]
    ) -> None:
        email, customer_id = await new_member(shop)
        told = await receiver[0].until("account.verified", email)
        assert told[-1].event["id"] == customer_id
        placed = await shop.buy(email, [("CUP-1", 1)])
        told += await receiver[0].until("order.placed", placed.code)
        assert (await shop.order(told[-1].event["id"]))["state"] == told[-1].event["to"]
        await shop.cancel(placed.id)
        told += await receiver[0].until("refund.created", placed.code)
        about_order = {one.topic for one in told if one.event["code"] == placed.code}
        assert about_order >= {"order.placed", "order.state", "payment.state", "refund.state"}
        for delivery in told:
            signed = delivery.headers["x-renkei-timestamp"].encode() + b"." + delivery.body
            mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
            expected = "sha256=" + base64.b64encode(mac).decode()
            assert delivery.headers["x-renkei-signature"] == expected

    async def test_a_delivery_keeps_its_id_when_it_is_tried_again(
        self, shop: VendureShop, receiver: tuple[Receiver, str]
    ) -> None:
        email, customer_id = await new_member(shop)
        await receiver[0].until("account.verified", email)
        receiver[0].refuse_next = 2
        await shop.rename_customer(customer_id, "春子", "山田")
        tries = [*await receiver[0].until("customer.changed", email)]
        async with asyncio.timeout(WAIT_SECONDS):
            tries += [await receiver[0].deliveries.get() for _ in range(2)]
        assert len({one.headers["x-renkei-delivery"] for one in tries[-3:]}) == 1

    async def test_a_work_folder_serves_one_shop_at_a_time(
        self, shop: VendureShop, work_dir: Path
    ) -> None:
        with pytest.raises(PeerUnavailable, match="in use"):
            await VendureShop.start(work_dir, None, SECRET, free_port())

    async def test_the_server_ends_with_the_program_which_started_it(
        self, shop: VendureShop, tmp_path: Path
    ) -> None:
        server = await asyncio.create_subprocess_exec(
            await find_node(),
            str(PACKAGE / "server.cjs"),
            cwd=shop.folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        settings = {
            "port": free_port(),
            "database": str(tmp_path / "other.sqlite"),
            "secret": SECRET,
            "adminPassword": "invented",
            "cookieSecret": "invented",
        }
        server.stdin.write(json.dumps(settings).encode() + b"\n")
        async with asyncio.timeout(WAIT_SECONDS):
            assert b"ready" in await server.stdout.readline()
            server.stdin.close()
            assert await server.wait() == 0


async def test_a_taken_port_is_not_mistaken_for_the_shop(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PeerUnavailable, match="is taken"):
            await VendureShop.start(tmp_path, None, SECRET, port)


class TestInstall:
    async def test_half_an_installation_is_made_anew_and_a_whole_one_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcomes = iter([PeerUnavailable("npm ci failed: the network is down"), None])
        runs: list[tuple[str, ...]] = []

        async def npm(command: list[str], **_: Any) -> str:
            runs.append(tuple(command[:2]))
            if outcome := next(outcomes):
                raise outcome
            return ""

        monkeypatch.setattr(installing, "run_tool", npm)
        with pytest.raises(PeerUnavailable, match="network"):
            await installing.install(tmp_path)
        for _ in range(2):
            await installing.install(tmp_path)
        assert runs == [("npm", "ci"), ("npm", "ci")]

    async def test_without_node_it_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda _: None)
        with pytest.raises(PeerUnavailable, match="apt-get install nodejs npm"):
            await find_node()

    def test_the_lock_file_names_no_registry(self) -> None:
        lock = json.loads((PACKAGE / "package-lock.json").read_text())
        assert not [name for name, one in lock["packages"].items() if "resolved" in one]
