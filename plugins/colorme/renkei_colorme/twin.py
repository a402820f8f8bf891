"""Color Me Shop on a stage: its twin served on loopback, with shoppers and a merchant."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from renkei_colorme.twin_app import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REDIRECT_URL, TwinApp
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.shop import CATALOGUE

GUEST = Shopper("guest@example.jp", "匿名", "希望")

UNHURRIED = 60_000
"""Calls a minute that the plugin may make here: the twin limits nobody who does not ask for it."""


class ColormeTwin(TwinBase):
    """A shop with prices that hold their tax, and nothing of it outlives the block.

    It tells nobody of anything, as the real one: mischief has nothing to lose or repeat.
    """

    kind: Literal["cart", "till"] = "cart"
    coupons_end_with_days = True
    can: frozenset[Action] = frozenset(
        {"register", "guest", "cancel", "fulfil", "adjust", "rename"}
    )

    def __init__(self, context: StageContext) -> None:
        self.shop = TwinShop(context.now)
        self.app = TwinApp(self.shop, context.page_size)
        asgi = self.app.asgi()
        super().__init__(context, asgi, self.app.faults, retries=False, schema=self.app.log)

    def settings(self) -> Mapping[str, object]:
        """As a private app has it whose token was authorized."""
        return {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_url": REDIRECT_URL,
            "access_token": ACCESS_TOKEN,
            "own_points_off": True,
            "calls_per_minute": UNHURRIED,
            "api_url": self.base_url,
        }

    async def catalogue(self) -> Sequence[Item]:
        """Tea and what belongs to it."""
        return self.context.items or CATALOGUE

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is owed for the goods."""
        return self.shop.charged(int(order))

    async def points_shown(self, customer: str) -> int | None:
        """The points on the account page."""
        return int(self.shop.customers[int(customer)]["points"])

    async def coupon_shown(self, code: str) -> tuple[int, datetime] | None:
        """What the coupon is worth, until the end of its last day."""
        coupon = next((one for one in self.shop.coupons.values() if one["code"] == code), None)
        if coupon is None:
            return None
        ends = datetime.fromtimestamp(coupon["ends_at"], UTC) + timedelta(days=1)
        return int(coupon["discount_amount"]), ends

    async def register(self, shopper: Shopper) -> str:
        """A member (会員登録)."""
        return str(self.shop.register(shopper)["id"])

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """Another name and address."""
        self.shop.rename(int(customer), shopper)

    async def adjust(self, customer: str, points: int) -> None:
        """The merchant writes another number."""
        self.shop.set_points(int(customer), points)

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """Ordered and paid; a guest leaves a row that no one comes back to."""
        if customer:
            buyer = self.shop.customers[int(customer)]
        else:
            buyer = self.shop.register(GUEST, member=False)
        return str(self.shop.place(buyer, items)["id"])

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The whole order is called off."""
        self.shop.cancel(int(order))

    async def fulfil(self, order: str) -> None:
        """The parcel leaves."""
        self.shop.send(int(order))
