"""The till on the stage with the real Tryton under it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.order import Order
from renkei_contracts.stage import Item, StageContext, Webhook
from renkei_contracts.toolkit.wire import parse
from renkei_contracts.twin.process import free_port
from renkei_tryton import mapping, wire
from renkei_tryton.client import TrytonClient
from renkei_tryton.peer.software import DISCOUNT, TrytonShop
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.stage_till import STORE, AskingTill
from renkei_tryton.sync import TrytonOrders


def _now() -> datetime:
    return datetime.now(UTC)


class TrytonStage(AskingTill):
    """The real Tryton keeps the sales."""

    def __init__(self, context: StageContext) -> None:
        super().__init__(_now)
        self._work_dir = context.work_dir
        self._shop: TrytonShop | None = None

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
        return [mapping.to_item(parse(wire.Goods, row, "a product")) for row in rows]

    async def _rung_up(self, items: Sequence[Item], points: int) -> Order:
        sale = await self._running.sell([(i.sku, i.quantity) for i in items], points=points)
        return await self._order(str(sale.id))

    async def _took_out(self, order: str, sku: str, quantity: int) -> Order:
        await self._running.take_out(int(order), sku, quantity)
        return await self._order(order)

    async def _called_off(self, order: str) -> None:
        await self._running.call_off(int(order))

    async def _order(self, id: str) -> Order:
        return await TrytonOrders(self._connection()).fetch(id)

    @property
    def _running(self) -> TrytonShop:
        if self._shop is None:
            raise RuntimeError("the stage is not started: use it as an async context manager")
        return self._shop

    def _connection(self) -> Connection[TrytonSettings]:
        settings = TrytonSettings.model_validate(self.settings())
        return Connection("register", settings, self._http, MemoryTokens(), _now)
