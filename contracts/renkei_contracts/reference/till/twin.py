"""The reference till on a stage: its shop served on loopback, with a cashier."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import httpx

from renkei_contracts.reference.till import twin_format
from renkei_contracts.reference.till.twin_app import CLIENT_ID, CLIENT_SECRET, SCHEMA, TillApp
from renkei_contracts.reference.till.twin_asking import Asking
from renkei_contracts.reference.till.twin_pos import (
    CATALOGUE,
    REGISTER,
    STORE,
    Pos,
    PosMember,
    PosSale,
    owed_by_rate,
)
from renkei_contracts.reference.till.webhooks import HEADER
from renkei_contracts.stage import (
    STRAIGHT,
    Action,
    Item,
    Mischief,
    Shopper,
    StageContext,
    TillAccess,
)
from renkei_contracts.till import TillCommand
from renkei_contracts.toolkit.transport import TIMEOUT
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.faults import FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.hub_client import HubClient

PATH_SECRET = "twin-path-secret"  # noqa: S105 - a twin's, known to all

CAN: frozenset[Action] = frozenset(get_args(Action)) - {"fulfil"}
"""Goods are handed over when they are sold."""


class ReferenceTill(TwinBase):
    """One register in one store. It asks the hub before it spends, or spends its own copy."""

    kind: Literal["cart", "till"] = "till"
    can = CAN
    place = (STORE, REGISTER)

    def __init__(self, context: StageContext, *, asks_hub: bool) -> None:
        self.asks_hub = asks_hub
        self.pos = Pos(context.now, keeps_copy=not asks_hub)
        self._secrets = ["twin-header-secret", ""]
        self._line: Asking | None = None
        self._http = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)
        faults = FaultScript()
        shop = TillApp(self.pos, context.page_size)
        app = Faulty(shop.asgi(), faults)
        super().__init__(context, app, faults, retries=False, schema=shop.log)

    async def __aexit__(self, *exc: object) -> None:
        """Stop it; nothing of it is left."""
        await self._http.aclose()
        await super().__aexit__(*exc)

    def settings(self) -> Mapping[str, object]:
        """As a merchant's app has it."""
        new, old = self._secrets
        return {
            "base_url": self.base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "header_secret": new,
            "old_header_secret": old,
            "path_secret": PATH_SECRET,
        }

    async def catalogue(self) -> Sequence[Item]:
        """Sweets, tea and what belongs to it."""
        return self.context.items or CATALOGUE

    async def connect(self, access: TillAccess) -> None:
        """Give the register its credential; one that spends its own copy has no use for it."""
        if self.asks_hub:
            self._line = Asking(HubClient(access, self._http, self.context.now))

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """Ring up a sale for the card (empty: nobody's), tell the hub and send the hint.

        Without a line to the hub a register that asks it sells as well, but for no points. Raises
        HubRefused, or ValueError where its own copy does not allow it.
        """
        if self._line is not None:
            sale = await self._sell_asking(self._line, card, items, points)
        elif points and self.asks_hub:
            raise ValueError("no points without the hub: connect the register")
        elif card and not self.asks_hub and self.pos.by_card(card) is None:
            raise ValueError(f"the register does not know the card {card}")
        else:
            sale = self.pos.sell(items, card, points)
        await self._told(sale, mischief)
        return sale.id

    async def _sell_asking(
        self, line: Asking, card: str, items: Sequence[Item], points: int
    ) -> PosSale:
        if not card:
            return self.pos.sell(items, card)
        member = await line.member_of(card)
        hold = await line.hold(member, items, points) if points else None
        sale = self.pos.sell(items, card, points, hold)
        line.belongs(sale, member)
        return sale

    async def charged(self, order: str) -> Mapping[int, int]:
        """By tax rate."""
        return owed_by_rate(self.pos.sales[order])

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Goods come back, their money goes."""
        await self._told(self.pos.give_back(order, sku, quantity), mischief)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The sale is corrected."""
        await self._told(self.pos.take_out(order, sku, quantity), mischief)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The sale is voided."""
        await self._told(self.pos.void(order), mischief)

    async def register(self, shopper: Shopper) -> str:
        """A member's card is issued at the register."""
        return await self._hinted(self.pos.register(shopper))

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """Staff corrects the record; the card stays."""
        member = self.pos.members[customer]
        member.family_name, member.given_name = shopper.family_name, shopper.given_name
        member.email = shopper.email
        await self._changed(member)

    async def withdraw(self, customer: str) -> None:
        """The member gives the card back."""
        self.pos.members[customer].status = "left"
        await self._changed(self.pos.members[customer])

    async def merge(self, kept: str, gone: str) -> None:
        """Two cards of one person (名寄せ)."""
        self.pos.merge(kept, gone)
        await self._hinted(self.pos.members[kept])
        await self._hinted(self.pos.members[gone])

    async def adjust(self, customer: str, points: int) -> None:
        """Staff sets the points."""
        member = self.pos.members[customer]
        await self._hinted(self.pos.change_points(customer, points - member.points))

    async def rotate(self) -> None:
        """A new header secret; the old one is kept for what is on its way."""
        self._secrets = [f"{self._secrets[0]}+", self._secrets[0]]

    async def points_shown(self, card: str) -> int | None:
        """What the hub says, where the register asks it; else its own copy."""
        if self._line is not None:
            return await self._line.points_shown(card)
        member = self.pos.by_card(card)
        return None if member is None else member.points

    def request(self, command: TillCommand) -> Outgoing:
        """How the register asks it in its own format."""
        return twin_format.request(command)

    def understood(self, body: bytes, content_type: str) -> Mapping[str, object]:
        """What the register takes from an answer in its own format."""
        return twin_format.understood(body, content_type)

    async def _told(self, sale: PosSale, mischief: Mischief) -> None:
        if self._line is not None and not mischief.lost:
            await self._line.tell(sale, mischief.times)
        await self.emitter.emit([self._hint("sale.changed", sale.id)], mischief)

    async def _changed(self, member: PosMember) -> None:
        self.pos.touch(member)
        await self._hinted(member)

    async def _hinted(self, member: PosMember) -> str:
        await self.emitter.emit([self._hint("member.changed", member.id)])
        return member.id

    def _hint(self, event: str, id: str) -> Outgoing:
        hint = {"event": event, "id": id}
        if not self.schema.delivery(SCHEMA.problem("Hint", hint)):
            raise AssertionError("the twin would send what its schema forbids")
        body = json.dumps(hint).encode()
        return Outgoing({"content-type": "application/json", HEADER: self._secrets[0]}, body)
