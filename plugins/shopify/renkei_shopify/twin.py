"""Shopify on a stage: the twin store served on loopback, with shopper and merchant."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_shopify import twin_rest
from renkei_shopify.check import TOPICS
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import API_VERSION, CLIENT_ID, CLIENT_SECRET, DOMAIN, TwinApp
from renkei_shopify.twin_graphql import metafield_name
from renkei_shopify.twin_shop import CATALOGUE, TwinShop

POINTS = metafield_name({"key": ShopifySettings.model_fields["metafield_key"].default})

CAN: frozenset[Action] = frozenset({"register", "refund"})


class ShopifyTwin(TwinBase):
    """A web shop by the name of renkei-twin; nothing of it outlives the block it is used in."""

    kind: Literal["cart", "till"] = "cart"
    can = CAN

    def __init__(self, context: StageContext) -> None:
        self.twin = TwinApp(TwinShop(seed=context.seed, now=context.now))
        super().__init__(context, self.twin.asgi(), self.twin.faults, retries=True)

    def settings(self) -> Mapping[str, object]:
        """With the client credentials grant, as one brand's own app has it.

        On this stage every shopper proves the address, and nobody else makes customers.
        """
        return {
            "shop": DOMAIN,
            "base_url": self.base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "trust_verified_email": True,
        }

    async def listen(self, webhook: Webhook) -> None:
        """Subscribe the hub to every topic it needs."""
        await super().listen(webhook)
        self.twin.topics.update(dict.fromkeys(TOPICS, webhook.url))

    async def catalogue(self) -> Sequence[Item]:
        """Tea and what belongs to it; the first two together are worth 132 points at 1 in 100."""
        return self.context.items or CATALOGUE

    async def register(self, shopper: Shopper) -> str:
        """A customer with a proven address: customers/create."""
        customer = self.twin.shop.register(shopper)
        await self._tell([("customers/create", twin_rest.customer(customer))], STRAIGHT)
        return str(customer.id)

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """orders/create while unpaid, then orders/paid."""
        shop = self.twin.shop
        order = shop.place(shop.customers[int(customer)], items)
        placed = twin_rest.order(order)
        shop.pay(order)
        told = [("orders/create", placed), ("orders/paid", twin_rest.order(order))]
        await self._tell(told, mischief)
        return str(order.id)

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """refunds/create and orders/updated."""
        bought = self.twin.shop.orders[int(order)]
        refund = self.twin.shop.refund(bought, sku, quantity)
        told = [
            ("refunds/create", twin_rest.refund(bought, refund)),
            ("orders/updated", twin_rest.order(bought)),
        ]
        await self._tell(told, mischief)

    async def points_shown(self, customer: str) -> int | None:
        """The points metafield in the app's own namespace."""
        value = self.twin.shop.customers[int(customer)].metafields.get(POINTS)
        return None if value is None else int(value)

    async def _tell(self, told: Sequence[tuple[str, dict[str, Any]]], mischief: Mischief) -> None:
        await self.emitter.emit([self._outgoing(topic, body) for topic, body in told], mischief)

    def _outgoing(self, topic: str, body: dict[str, Any]) -> Outgoing:
        return twin_rest.delivery(
            topic,
            body,
            secret=CLIENT_SECRET,
            shop=DOMAIN,
            at=self.twin.shop.clock(),
            version=API_VERSION,
        )
