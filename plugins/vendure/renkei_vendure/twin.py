"""Vendure on a stage: the twin shop served on loopback, with shopper and merchant."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_vendure.twin_app import PASSWORD, USERNAME, TwinApp
from renkei_vendure.twin_schema import delivery_problem
from renkei_vendure.twin_shop import CATALOGUE, TwinShop
from renkei_vendure.twin_state import TwinCustomer, TwinOrder
from renkei_vendure.twin_wire import delivery


def again(status: int) -> bool:
    """Whether the emitter tries again: every other answer is final to it."""
    return status == 0 or status == 429 or status >= 500


class VendureTwin(TwinBase):
    """A web shop with an emitter; nothing of it outlives the block it is used in.

    Like Vendure it knows no customer without an address, and joins no two of them.
    """

    kind: Literal["cart", "till"] = "cart"
    can: frozenset[Action] = frozenset(
        {
            "register", "guest", "refund", "edit", "cancel", "fulfil", "adjust", "rename",
            "withdraw", "rotate",
        }
    )  # fmt: skip

    def __init__(self, context: StageContext) -> None:
        self.shop = TwinShop(now=context.now, goods=context.items or CATALOGUE)
        self.app = TwinApp(self.shop, self._tell, context.page_size)
        self._secret, self._old_secret = "twin-webhook-secret-1", ""
        app, faults, log = self.app.asgi(), self.app.faults, self.app.log
        super().__init__(context, app, faults, retries=True, schema=log)
        self.emitter.failed = again

    def settings(self) -> Mapping[str, object]:
        """In this shop an address is verified by its owner only, who follows the mailed link."""
        return {
            "base_url": self.base_url,
            "username": USERNAME,
            "password": PASSWORD,
            "webhook_secret": self._secret,
            "old_webhook_secret": self._old_secret,
            "trust_verified_email": True,
        }

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought, tax included; shipping comes on top."""
        return self.shop.goods

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is left of the order's lines."""
        owed: Counter[int] = Counter()
        for line in self._order(order).lines:
            owed[line.item.tax_rate] += line.line_price
        return {rate: amount // self.shop.unit for rate, amount in owed.items() if amount}

    async def register(self, shopper: Shopper) -> str:
        """The shopper registers, and follows the link in the mail."""
        customer = self.shop.register(shopper)
        await self._tell()
        return str(customer.id)

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """An administrator changes name and address."""
        self.shop.rename(self._customer(customer), shopper)
        await self._tell()

    async def withdraw(self, customer: str) -> None:
        """An administrator deletes the customer."""
        self.shop.delete(self._customer(customer))
        await self._tell()

    async def adjust(self, customer: str, points: int) -> None:
        """An administrator writes the custom field."""
        self.shop.set_points(self._customer(customer), points)
        await self._tell()

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """The shopper fills the cart and pays by card; a guest gives an address, too."""
        buyer = self._customer(customer) if customer else self._guest()
        order = self.shop.buy(buyer, items)
        await self._tell(mischief)
        return str(order.id)

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant cancels the pieces and pays them back."""
        bought = self._order(order)
        line = self.shop.line_of(bought, sku, quantity)
        amount = line.unit_price * quantity
        self.shop.cancel(bought, [(line, quantity)])
        self.shop.pay_back(bought, amount)
        await self._tell(mischief)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant modifies the order, which pays the pieces back."""
        bought = self._order(order)
        self.shop.modify(bought, self.shop.line_of(bought, sku, quantity), quantity)
        await self._tell(mischief)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The merchant cancels everything, and pays back what was not yet."""
        bought = self._order(order)
        self.shop.cancel_all(bought)
        if bought.owed:
            self.shop.pay_back(bought, bought.owed)
        await self._tell(mischief)

    async def fulfil(self, order: str) -> None:
        """One parcel with everything, sent and delivered."""
        self.shop.fulfil(self._order(order))
        await self._tell()

    async def rotate(self) -> None:
        """The emitter signs with a new secret."""
        number = int(self._secret.rpartition("-")[2]) + 1
        self._old_secret, self._secret = self._secret, f"twin-webhook-secret-{number}"

    async def points_shown(self, customer: str) -> int | None:
        """The custom field, as the Shop API shows it to the shopper."""
        return self._customer(customer).points

    def _customer(self, id: str) -> TwinCustomer:
        return self.shop.customers[int(id)]

    def _guest(self) -> TwinCustomer:
        number = len(self.shop.customers) + 1
        return self.shop.guest(Shopper(f"guest{number}@example.jp", "客野", "一"))

    def _order(self, id: str) -> TwinOrder:
        return self.shop.orders[int(id)]

    async def _tell(self, mischief: Mischief = STRAIGHT) -> None:
        """Post everything that nobody has posted yet."""
        told, self.shop.told = self.shop.told, []
        now = self.shop.clock()
        outgoing = [delivery(one, secret=self._secret, at=now) for one in told]
        for one in outgoing:
            self.schema.delivery(delivery_problem(one))
        await self.emitter.emit(outgoing, mischief)
