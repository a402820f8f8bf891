"""An invented vendor whose cloud is this module: what it holds, how it fails, what it was told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.event import Changed, MemberSeen, Observation, OrderSeen
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, NewMember
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
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
    acts_before_failing: bool = False
    calls: list[str] = field(default_factory=list)
    cards: dict[str, str] = field(default_factory=dict)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, call: str) -> None:
        self.calls.append(call)
        self.called.set()
        if self.failures:
            raise self.failures.pop(0)


class Webhooks:
    """Bodies are JSON of our own contracts; an empty body is a hint about order o1."""

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
        return Page(page, str(start + 2) if more else None)


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
class Creation:
    """Creating customers by card."""

    cloud: Cloud
    connection: str

    async def create(self, member: NewMember) -> ExternalRef:
        self.cloud.fail(f"create {member.card}")
        id = self.cloud.cards.setdefault(member.card, f"made-{len(self.cloud.cards) + 1}")
        return ExternalRef(connection=self.connection, id=id)


def vendor(name: str, cloud: Cloud, mode: str, *, creates: bool = False) -> Vendor:
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
    )
