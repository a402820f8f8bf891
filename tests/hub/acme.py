"""An invented vendor whose cloud is this module: what it holds, how it fails, what it was told."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from sqlalchemy import text

from renkei.bootstrap import Hub, open_hub
from renkei.config import Settings
from renkei.messaging.due import due
from renkei.registry import Registry
from renkei.services.booking import Booking
from renkei.services.members.members import list_members
from renkei.services.points.corrections import ImportBalance
from renkei.storage.engine import APP_ROLE
from renkei.worker import Worker
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    NotFound,
    PayloadInvalid,
)
from renkei_contracts.event import Changed, MemberSeen, Observation, OrderSeen
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, NewMember
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceImport, BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.signature import require_hmac_base64
from renkei_contracts.vendor import Vendor


class AcmeSettings(BaseModel):
    """One shared secret."""

    secret: SecretStr = SecretStr("acme")


@dataclass
class Cloud:
    """The vendor's side. ``failures`` are raised by the next calls, one each."""

    orders: dict[str, Order] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    acts_before_failing: bool = False
    calls: list[str] = field(default_factory=list)
    cards: dict[str, str] = field(default_factory=dict)
    coupons: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    during_issue: Callable[[], Awaitable[object]] | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, call: str) -> None:
        self.calls.append(call)
        self.called.set()
        if self.failures:
            raise self.failures.pop(0)


class Webhooks:
    """Bodies are JSON of our own contracts; an empty body is a hint about order o1."""

    signs_body = True
    tolerance = None

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def verify(self, delivery: Delivery, now: datetime) -> None:
        key = self._connection.settings.secret.get_secret_value()
        require_hmac_base64(delivery.header("acme-signature"), [key], delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        return delivery.header("acme-id")

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        if not delivery.body:
            ref = ExternalRef(connection=delivery.connection, id="o1")
            return [Changed(kind="order", ref=ref)]
        if delivery.body.startswith(b"member"):
            return [MemberSeen(member=Member.model_validate_json(delivery.body[6:]))]
        if not delivery.body.startswith(b"{"):
            raise PayloadInvalid("acme: the body is no order")
        return [OrderSeen(order=Order.model_validate_json(delivery.body))]


@dataclass
class Reader:
    """Orders and members, fetched or polled in pages of two."""

    cloud: Cloud
    kind: str

    @property
    def things(self) -> dict[str, Any]:
        return self.cloud.orders if self.kind == "order" else self.cloud.members

    async def fetch(self, id: str) -> Any:
        self.cloud.fail(f"fetch {self.kind} {id}")
        if id not in self.things:
            raise NotFound(f"no {self.kind} {id}")
        return self.things[id]

    async def changed(self, window: Window, cursor: str | None) -> Page[Any]:
        self.cloud.fail(f"changed {self.kind} {cursor}")
        start = int(cursor or 0)
        items = sorted(self.things.values(), key=lambda one: one.changed_at)
        page = tuple(items[start : start + 2])
        more = start + 2 < len(items)
        rejected = tuple(self.cloud.unreadable) if self.kind == "order" else ()
        return Page(page, str(start + 2) if more else None, rejected)


@dataclass
class Balances:
    """Points by customer; ``mode`` decides whether a write sets or changes them."""

    cloud: Cloud
    mode: Any
    idempotent: bool = False
    shows_expiry: bool = False

    async def read(self, id: str) -> int:
        self.cloud.fail(f"read {id}")
        return self.cloud.points.get(id, 0)

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        old = self.cloud.points.get(id, 0)
        new = write.balance.spendable if self.mode == "absolute" else old + write.change
        if self.cloud.acts_before_failing or not self.cloud.failures:
            self.cloud.points[id] = new
        self.cloud.fail(f"write {id} {new}")
        return BalanceWritten(points=new)


@dataclass
class Coupons:
    """Codes for one use, by their code."""

    cloud: Cloud
    codes_told: bool = True

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        if self.cloud.during_issue is not None:
            await self.cloud.during_issue()
        if self.cloud.acts_before_failing or not self.cloud.failures:
            self.cloud.coupons[code] = (yen, until)
        self.cloud.fail(f"issue {yen}")

    async def revoke(self, code: str) -> None:
        self.cloud.fail("revoke")
        self.cloud.coupons.pop(code, None)


@dataclass
class Creation:
    """Creating customers by card."""

    cloud: Cloud
    connection: str

    async def create(self, member: NewMember) -> ExternalRef:
        self.cloud.fail(f"create {member.card}")
        id = self.cloud.cards.setdefault(member.card, f"made-{len(self.cloud.cards) + 1}")
        return ExternalRef(connection=self.connection, id=id)


def vendor(
    name: str, cloud: Cloud, mode: str, *, creates: bool = False, coupons: bool = False
) -> Vendor:
    """A vendor on this cloud."""
    return Vendor(
        name=name,
        title=name.title(),
        settings=AcmeSettings,
        webhooks=Webhooks,
        orders=lambda _: Reader(cloud, "order"),
        members=lambda _: Reader(cloud, "member"),
        balances=lambda _: Balances(cloud, mode),
        member_creation=(lambda c: Creation(cloud, c.id)) if creates else None,
        coupons=(lambda _: Coupons(cloud)) if coupons else None,
    )


NOW = datetime.now(UTC)


@dataclass
class Scene:
    """A hub with a cart (absolute balances) and a shop (delta balances, creates members)."""

    hub: Hub
    worker: Worker
    cart: Cloud
    shop: Cloud

    async def deliver(self, body: bytes, id: str | None = None, key: str = "acme") -> str:
        signature = b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()
        headers = [("Acme-Signature", signature)] + ([("Acme-Id", id)] if id else [])
        told = await self.hub.receiver.receive(Delivery("cart", NOW, tuple(headers), body))
        return told.outcome

    async def settle_down(self) -> None:
        """Let the worker do everything that is due now."""
        for _ in range(8):
            for queue in ("deliveries", "changed", "mirror"):
                await self.work(queue)

    async def work(self, queue: str) -> int:
        """Work off what is due in this queue, connection after connection; gives how much."""
        async with self.hub.database.begin() as conn:
            lanes = await due(conn, self.hub.clock())
        mine = sorted(lane.connection for lane in lanes if lane.queue == queue)
        return sum([await self.worker.queues[queue].work(connection) for connection in mine])

    async def poll(self) -> None:
        """Read every window that is due to its end."""
        for id in ("cart", "shop"):
            await self.worker.polls.begin(await self.hub.connections.get(id))
        while await self.work("polls"):
            pass

    async def member(self) -> str:
        return (await list_members(self.hub.booking))[0].member

    async def one(self, statement: str) -> Any:
        async with self.hub.database.begin() as conn:
            return (await conn.execute(text(statement))).one()

    async def due_now(self, table: str) -> None:
        """Pretend that the waits are over."""
        columns = "due = clock_timestamp()"
        if table != "delivery":
            columns += ", leased_until = NULL"
        async with self.hub.database.begin() as conn:
            night = " WHERE kind <> 'reconcile'" if table == "poll" else ""
            await conn.execute(text(f"UPDATE {table} SET {columns}{night}"))
            await conn.execute(text("UPDATE connection SET open_until = NULL"))


@pytest.fixture
async def scene(
    server: Any, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    cart, shop = Cloud(), Cloud()
    vendors = {
        "acme": vendor("acme", cart, "absolute", coupons=True),
        "till": vendor("till", shop, "delta", creates=True),
    }
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda disabled: Registry(vendors))
    settings = Settings(
        data_dir=tmp_path,
        database_url=server.url(APP_ROLE, database_name),
        migration_url=server.url(database=database_name),
        secret_key="azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
    )
    async with open_hub(settings) as hub:
        since = NOW - timedelta(days=30)
        await hub.connecting.connect(vendors["acme"], "cart", {"secret": "acme"}, since)
        await hub.connecting.connect(vendors["till"], "shop", {"secret": "acme"}, since)
        yield Scene(hub, Worker(hub), cart, shop)


def hanako(id: str = "c1", tick: int = 0) -> Member:
    verified = Identity(kind=IdentityKind.EMAIL, value="hanako@example.jp", grade=Grade.VERIFIED)
    ref = ExternalRef(connection="cart", id=id)
    changed_at = NOW + timedelta(seconds=tick)
    return Member(ref=ref, changed_at=changed_at, given_name="花子", identities=(verified,))


async def given(booking: Booking, customer: str) -> str:
    """A member with 70 points that end in a year."""
    now = datetime.now(UTC)
    seen = Member(ref=ExternalRef(connection="cart", id=customer), changed_at=now)
    member = (await booking.enrol(seen, mirrors_at=["cart"])).member
    ask = BalanceImport(
        member=member,
        key=f"all of {customer}",
        points=70,
        granted_at=now,
        expires_at=now + timedelta(days=365),
        source="old",
    )
    await booking.committer.submit(ImportBalance(ask, booking.ring))
    return member


def bought(id: str = "o1", yen: int = 11_000, tick: int = 0) -> Order:
    return Order(
        ref=ExternalRef(connection="cart", id=id),
        changed_at=NOW + timedelta(seconds=tick),
        placed_at=NOW - timedelta(hours=1),
        state=OrderState.PAID,
        customer=ExternalRef(connection="cart", id="c1"),
        lines=(LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
    )


def body(order: Order) -> bytes:
    return order.model_dump_json().encode()


async def shown_after(scene: Scene, failure: Exception) -> None:
    """Hanako buys while the cart fails its next write, then the waits are over."""
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    scene.cart.failures.append(failure)
    await scene.work("mirror")


async def shown(cloud: Cloud, points: dict[str, int], within: float = 30) -> None:
    """Wait until the vendor shows this."""
    async with asyncio.timeout(within):
        while cloud.points != points:
            await cloud.called.wait()
            cloud.called.clear()
