"""The till on a stage with the twin of Tryton under it."""

from collections.abc import Mapping, Sequence

from renkei_contracts.order import Order
from renkei_contracts.stage import Item, StageContext
from renkei_contracts.toolkit.wire import parse
from renkei_contracts.twin.base import TwinBase
from renkei_tryton import mapping, wire
from renkei_tryton.peer.software import DISCOUNT
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.stage_till import STORE, AskingTill
from renkei_tryton.twin_app import DATABASE, PASSWORD, USER, TwinApp
from renkei_tryton.twin_codec import encoded
from renkei_tryton.twin_goods import Row
from renkei_tryton.twin_rows import picked
from renkei_tryton.twin_shop import TwinShop, owed


class TrytonTwin(AskingTill, TwinBase):
    """The twin keeps the sales; the till is the one that the real Tryton has."""

    def __init__(self, context: StageContext) -> None:
        AskingTill.__init__(self, context.now)
        self.shop = TwinShop(context.now, context.items)
        self.app = TwinApp(self.shop, context.now, context.page_size)
        # Tryton sends no webhooks, so that nothing is ever sent again.
        TwinBase.__init__(
            self,
            context,
            self.app.asgi(),
            self.app.faults,
            retries=False,
            schema=self.app.schema,
        )

    async def __aexit__(self, *exc: object) -> None:
        """Stop it; nothing of it is left."""
        await self._http.aclose()
        await super().__aexit__(*exc)

    def settings(self) -> Mapping[str, object]:
        """How the hub reads this database: as a user who may read, not as the administrator."""
        return {
            "base_url": self.base_url,
            "database": DATABASE,
            "username": USER,
            "password": PASSWORD,
            "store": STORE,
        }

    async def catalogue(self) -> Sequence[Item]:
        """What the register sells, one piece each, tax included."""
        rows = [row for code, row in self.shop.goods.items() if code != DISCOUNT]
        picks = [encoded(picked(row, wire.GOODS_FIELDS)) for row in rows]
        return [mapping.to_item(parse(wire.Goods, row, "a product")) for row in picks]

    async def charged(self, order: str) -> Mapping[int, int]:
        """Of what is in the sale now."""
        return owed(self.shop.sale(int(order)))

    async def _rung_up(self, items: Sequence[Item], points: int) -> Order:
        return self._order(self.shop.sell([(i.sku, i.quantity) for i in items], points=points))

    async def _took_out(self, order: str, sku: str, quantity: int) -> Order:
        return self._order(self.shop.take_out(int(order), sku, quantity))

    async def _called_off(self, order: str) -> None:
        self.shop.call_off(int(order))

    def _order(self, row: Row) -> Order:
        """The sale as the poll will find it, read past the network."""
        settings = TrytonSettings.model_validate(self.settings())
        told = encoded(picked(row, wire.SALE_FIELDS))
        return mapping.to_order(parse(wire.Sale, told, "the sale"), "register", settings)
