"""EC-CUBE on a stage: the twin shop served on loopback, with shoppers and its owner."""

from collections.abc import Mapping, Sequence
from typing import Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.shop import CATALOGUE
from renkei_eccube.twin_app import TwinApp, json_schema
from renkei_eccube.twin_oauth import CLIENT_ID, CLIENT_SECRET, REDIRECT_URL
from renkei_eccube.twin_rows import delivery
from renkei_eccube.twin_shop import TwinShop, owed
from renkei_eccube.twin_state import TwinCustomer, TwinOrder

DEFAULT_PAGE = 50


class EccubeTwin(TwinBase):
    """A shop with our companion, whose own point rate is 0; nothing of it outlives the block.

    Like EC-CUBE it knows no customer without an address and joins no two of them, sends each
    delivery once, and does so before what it tells of can be read. It has no refunds: the owner
    edits the order, and one of which nothing is left is returned or cancelled as a whole.
    """

    kind: Literal["cart", "till"] = "cart"
    can: frozenset[Action] = frozenset(
        {
            "register", "guest", "refund", "edit", "cancel", "fulfil", "adjust", "rename",
            "withdraw", "rotate",
        }
    )  # fmt: skip

    def __init__(self, context: StageContext) -> None:
        self.shop = TwinShop(context.now, context.items or CATALOGUE)
        self.app = TwinApp(self.shop, self._tell)
        self._secret, self._old_secret = "twin-webhook-secret-1", ""
        asgi = self.app.asgi()
        super().__init__(context, asgi, self.app.faults, retries=False, schema=self.app.log)

    def settings(self) -> Mapping[str, object]:
        """As after the owner has authorized us by hand, each time anew."""
        return {
            "base_url": self.base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_url": REDIRECT_URL,
            "refresh_token": self.app.oauth.authorized(),
            "webhook_secret": self._secret,
            "old_webhook_secret": self._old_secret,
            "points": "companion",
            "trust_email": True,
            "page_size": self.context.page_size or DEFAULT_PAGE,
        }

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought, tax included; postage comes on top."""
        return [one.item for one in self.shop.products.values()]

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is owed for the goods."""
        return owed(self._order(order))

    async def points_shown(self, customer: str) -> int | None:
        """The points on the page of the member."""
        return self._customer(customer).point

    async def register(self, shopper: Shopper) -> str:
        """The shopper registers, and confirms the address."""
        customer = self.shop.register(shopper)
        await self._tell()
        return str(customer.id)

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """The member changes name and address."""
        self.shop.rename(self._customer(customer), shopper)
        await self._tell()

    async def withdraw(self, customer: str) -> None:
        """The member leaves (退会)."""
        self.shop.withdraw(self._customer(customer))
        await self._tell()

    async def adjust(self, customer: str, points: int) -> None:
        """The owner types another number of points."""
        self.shop.set_points(self._customer(customer), points)
        await self._tell()

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """Ordered and paid by card; a guest gives an address, too."""
        buyer = self._customer(customer) if customer else None
        order = self.shop.start(buyer, buyer.email if buyer else "guest@example.jp", items)
        self.shop.complete(order)
        self.shop.move(order, "pay")
        await self._tell(mischief)
        return str(order.id)

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces come back: the owner edits the order, or takes all of it back."""
        bought = self._order(order)
        if sum(line.quantity for line in bought.goods()) > quantity:
            self.shop.take_out(bought, sku, quantity)
        else:
            self._call_off(bought)
        await self._tell(mischief)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The owner edits the order."""
        self.shop.take_out(self._order(order), sku, quantity)
        await self._tell(mischief)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The order is cancelled; one that was sent is returned."""
        self._call_off(self._order(order))
        await self._tell(mischief)

    async def fulfil(self, order: str) -> None:
        """The parcel leaves."""
        self.shop.move(self._order(order), "ship")
        await self._tell()

    async def rotate(self) -> None:
        """The owner types another secret into the webhook."""
        number = int(self._secret.rpartition("-")[2]) + 1
        self._old_secret, self._secret = self._secret, f"twin-webhook-secret-{number}"

    def _call_off(self, order: TwinOrder) -> None:
        self.shop.move(order, "return" if order.status == "5" else "cancel")

    def _customer(self, id: str) -> TwinCustomer:
        return self.shop.customers[int(id)]

    def _order(self, id: str) -> TwinOrder:
        return self.shop.orders[int(id)]

    async def _tell(self, mischief: Mischief = STRAIGHT) -> None:
        """Send what nobody has sent yet; only then is it committed."""
        told, self.shop.told = self.shop.told, []
        outgoing = [delivery(one, home=self.base_url, secret=self._secret) for one in told]
        for one, events in zip(outgoing, told, strict=True):
            rows = [{"entity": entity, "id": id, "action": what} for entity, id, what in events]
            problem = json_schema().problem("headers", dict(one.headers))
            self.schema.delivery(problem or json_schema().problem("delivery", rows))
        await self.emitter.emit(outgoing, mischief)
        self.shop.commit()
