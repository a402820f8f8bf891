"""A register on the stage: the real Tryton, with the few calls that make it ask the hub."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Self

import httpx

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.order import LineItem, Order
from renkei_contracts.stage import Item, Mischief, StageContext, TillAccess, Webhook
from renkei_contracts.till import CommitRequest, HoldRequest, QuoteRequest
from renkei_contracts.toolkit.transport import TIMEOUT
from renkei_contracts.twin.actions import NoActions
from renkei_contracts.twin.hub_client import HubClient, HubRefused
from renkei_contracts.twin.process import free_port
from renkei_tryton import mapping, wire
from renkei_tryton.client import TrytonClient
from renkei_tryton.peer.software import DISCOUNT, TrytonShop
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.sync import TrytonOrders

STORE = "shop"
POINT = 1
"""The shop's only till: the first row of its table, since the runner made it."""


def _now() -> datetime:
    return datetime.now(UTC)


class TrytonStage(NoActions):
    """A store with one till whose add-on holds, rings up, and commits what Tryton then says."""

    kind: Literal["cart", "till"] = "till"
    asks_hub = True
    place = (STORE, mapping.till_name(POINT))

    def __init__(self, context: StageContext) -> None:
        self._work_dir = context.work_dir
        self._shop: TrytonShop | None = None
        self._hub: HubClient | None = None
        self._http = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        self._shop = await TrytonShop.start(self._work_dir, free_port())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()
        if self._shop is not None:
            await self._shop.stop()

    def settings(self) -> Mapping[str, object]:
        """How the hub reads this database."""
        username, password = self._running.administrator
        return {
            "base_url": self._running.url,
            "database": self._running.database,
            "username": username,
            "password": password,
            "store": STORE,
        }

    def address(self) -> str:
        """Where Tryton's own client connects."""
        return self._running.url

    async def listen(self, webhook: Webhook) -> None:
        """Tryton sends no webhooks: its sales are found by polling."""

    async def catalogue(self) -> Sequence[Item]:
        """What the register sells, one piece each, tax included."""
        goods = [["code", "!=", DISCOUNT]]
        client = TrytonClient(self._connection())
        rows = await client.search("product.product", goods, wire.GOODS_FIELDS)
        return [mapping.to_item(wire.parse(wire.Goods, row, "a product")) for row in rows]

    async def connect(self, access: TillAccess) -> None:
        """Give the add-on its credential."""
        self._hub = HubClient(access, self._http, _now)

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """Scan, quote, hold, ring up, commit; a commit told again must be answered the same."""
        found = await self._line.resolve(card)
        if found is None:
            raise HubRefused("members:resolve", "member_not_found")
        await self._quote(found.member, items, points)
        hold = await self._hold(found.member, points) if points else None
        sale = await self._running.sell([(i.sku, i.quantity) for i in items], points=points)
        order = await TrytonOrders(self._connection()).fetch(str(sale.id))
        if not mischief.lost:
            await self._tell(commit_of(order, found.member, hold), mischief.times)
        return order.ref.id

    async def points_shown(self, card: str) -> int | None:
        """The register keeps no balance: it shows what the hub says now."""
        found = await self._line.resolve(card)
        return None if found is None else found.spendable

    async def _quote(self, member: str, items: Sequence[Item], points: int) -> None:
        """Ask before anything is taken whether the basket may use these points."""
        lines = tuple(_basket_line(number, item) for number, item in enumerate(items, 1))
        ask = QuoteRequest(member=member, lines=lines, points_wanted=points)
        if (await self._line.quote(ask)).points_used < points:
            raise HubRefused("quotes", "insufficient_points")

    async def _hold(self, member: str, points: int) -> str:
        # A receipt has no number before it is finished: the hold is named by chance.
        key = f"{'/'.join(self.place)}/{secrets.token_hex(8)}"
        return (await self._line.hold(HoldRequest(key=key, member=member, points=points))).hold

    async def _tell(self, commit: CommitRequest, times: int) -> None:
        first = await self._line.commit(commit)
        for _ in range(1, times):
            if await self._line.commit(commit) != first:
                raise HubRefused("transactions", "the same commit was answered otherwise")

    @property
    def _running(self) -> TrytonShop:
        if self._shop is None:
            raise RuntimeError("the stage is not started: use it as an async context manager")
        return self._shop

    @property
    def _line(self) -> HubClient:
        if self._hub is None:
            raise RuntimeError("the register has no credential yet: connect it")
        return self._hub

    def _connection(self) -> Connection[TrytonSettings]:
        settings = TrytonSettings.model_validate(self.settings())
        return Connection("register", settings, self._http, MemoryTokens(), _now)


def commit_of(order: Order, member: str, hold: str | None) -> CommitRequest:
    """The sale as Tryton has it, and as the poll will find it: same key, lines and tenders."""
    assert order.till is not None
    return CommitRequest(
        sale=order.till,
        sold_at=order.placed_at,
        member=member,
        hold=hold,
        points_used=order.points_used,
        lines=order.lines,
        tenders=order.tenders,
        # Tryton cannot undo a finished sale: it is a fact before the hub hears of it.
        occurred=True,
    )


def _basket_line(number: int, item: Item) -> LineItem:
    return LineItem(
        id=str(number),
        sku=item.sku,
        title=item.title,
        quantity=item.quantity,
        amount=item.quantity * item.yen,
        tax_rate=item.tax_rate,
    )
