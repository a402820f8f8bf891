"""The reference cart on a stage: its twin served on loopback, with shoppers and a merchant."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, get_args

from renkei_contracts.reference.cart.twin_app import CLIENT_ID, CLIENT_SECRET, SCHEMA, TwinApp
from renkei_contracts.reference.cart.twin_shop import CATALOGUE, Row, TwinShop, owed
from renkei_contracts.reference.cart.webhooks import ID, SHOP, SIGNATURE, TIME, signed_message
from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing

NAME = "reference-shop"
WEBHOOK_SECRET = "reference-webhook-secret"  # noqa: S105 - a twin's, known to all

DATA = {
    "order.changed": "Order",
    "customer.changed": "Customer",
    "customer.left": "Left",
    "customer.merged": "Merged",
    "points.changed": "Shown",
}
"""The definition of a delivery's data, by its topic."""


class ReferenceTwin(TwinBase):
    """Knows every action; nothing of it outlives the block it is used in."""

    kind: Literal["cart", "till"] = "cart"
    can: frozenset[Action] = frozenset(get_args(Action))

    def __init__(self, context: StageContext) -> None:
        self.shop = TwinShop(context.seed, context.now, context.items or CATALOGUE)
        self.app = TwinApp(self.shop, context)
        self._secrets = [WEBHOOK_SECRET]
        log = self.app.checked.log
        super().__init__(context, self.app.asgi, self.app.faults, retries=True, schema=log)

    def settings(self) -> Mapping[str, object]:
        """Both secrets of deliveries while they are being rotated."""
        new, *old = reversed(self._secrets[-2:])
        return {
            "base_url": self.base_url,
            "shop": NAME,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "webhook_secret": new,
            "old_webhook_secret": old[0] if old else "",
        }

    async def listen(self, webhook: Webhook) -> None:
        """Send deliveries there from now on."""
        await super().listen(webhook)
        self.shop.settings["webhook_url"] = webhook.url

    async def rotate(self) -> None:
        """Sign with another secret from now on."""
        self._secrets.append(f"{WEBHOOK_SECRET}-{len(self._secrets)}")

    async def catalogue(self) -> Sequence[Item]:
        """Tea and what belongs to it, or what the context says."""
        return self.shop.items

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is owed for the goods."""
        return owed(self.shop.orders[order])

    async def points_shown(self, customer: str) -> int | None:
        """The points on the account page."""
        points: int = self.shop.customers[customer]["points"]
        return points

    async def coupon_shown(self, code: str) -> tuple[int, datetime] | None:
        """What the coupon is worth and until when."""
        coupon = self.shop.coupons.get(code)
        if coupon is None:
            return None
        return coupon["yen"], datetime.fromisoformat(coupon["until"])

    async def messages_shown(self, customer: str) -> Sequence[str]:
        """What the customer found in the mail."""
        return [text for id, text in self.shop.messages if id == customer]

    async def register(self, shopper: Shopper) -> str:
        """A customer: customer.changed."""
        customer = self.shop.register(shopper)
        await self._tell("customer.changed", customer)
        return str(customer["id"])

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """Another name and address: customer.changed."""
        row = self.shop.customers[customer]
        names = {"family_name": shopper.family_name, "given_name": shopper.given_name}
        self.shop.become(row, row["state"], email=shopper.email or None, **names)
        await self._tell("customer.changed", row)

    async def withdraw(self, customer: str) -> None:
        """The person is forgotten: customer.left."""
        forgotten = {"email": None, "email_verified": False, "phone": None}
        names = {"family_name": "", "given_name": ""}
        self.shop.become(self.shop.customers[customer], "withdrawn", **forgotten, **names)
        await self._tell("customer.left", {"customer_id": customer})

    async def merge(self, kept: str, gone: str) -> None:
        """One of two stays: customer.merged."""
        self.shop.become(self.shop.customers[gone], "merged", merged_into=kept)
        await self._tell("customer.merged", {"kept": kept, "gone": gone})

    async def adjust(self, customer: str, points: int) -> None:
        """The merchant writes another number: points.changed."""
        self.shop.show_points(customer, points)
        await self._tell("points.changed", {"customer_id": customer, "points": points})

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """Ordered, then paid: order.changed twice."""
        order = self.shop.place(customer, items)
        placed = self._outgoing("order.changed", order)
        self.shop.become(order, "paid")
        await self.emitter.emit([placed, self._outgoing("order.changed", order)], mischief)
        return str(order["id"])

    async def buy_with_code(self, customer: str, items: Sequence[Item], code: str) -> str:
        """Paid with a coupon: order.changed."""
        order = self.shop.place(customer, items, code)
        self.shop.become(order, "paid")
        await self._tell("order.changed", order)
        return str(order["id"])

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces come back: order.changed."""
        self.shop.give_back(self.shop.orders[order], sku, quantity)
        await self._tell("order.changed", self.shop.orders[order], mischief)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces are taken out: order.changed."""
        self.shop.take_out(self.shop.orders[order], sku, quantity)
        await self._tell("order.changed", self.shop.orders[order], mischief)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The order is called off: order.changed."""
        self.shop.become(self.shop.orders[order], "cancelled")
        await self._tell("order.changed", self.shop.orders[order], mischief)

    async def fulfil(self, order: str) -> None:
        """The parcel leaves: order.changed."""
        self.shop.become(self.shop.orders[order], "sent")
        await self._tell("order.changed", self.shop.orders[order])

    async def _tell(self, topic: str, data: Row, mischief: Mischief = STRAIGHT) -> None:
        await self.emitter.emit([self._outgoing(topic, data)], mischief)

    def _outgoing(self, topic: str, data: Row) -> Outgoing:
        self.schema.delivery(SCHEMA.problem(DATA[topic], data))
        now = self.context.now()
        body = json.dumps({"topic": topic, "at": now.isoformat(), "data": data}).encode()
        id, time = f"evt-{self.shop.number()}", str(int(now.timestamp()))
        signature = hmac_sha256_base64(self._secrets[-1], signed_message(id, time, body))
        return Outgoing({SHOP: NAME, ID: id, TIME: time, SIGNATURE: signature}, body)
