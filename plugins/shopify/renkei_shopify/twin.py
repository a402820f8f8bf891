"""Shopify on a stage: the twin store served on loopback, with shopper and merchant."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from renkei_contracts.delivery import Delivery
from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.toolkit.shares import divide
from renkei_contracts.toolkit.signature import hmac_sha256_hex
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_shopify import topics, twin_rest
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.storefront import signed_text
from renkei_shopify.twin_app import API_VERSION, CLIENT_ID, DOMAIN, SERVED_SECRETS, TwinApp
from renkei_shopify.twin_graphql import metafield_name
from renkei_shopify.twin_records import TwinCustomer, TwinOrder
from renkei_shopify.twin_schema import delivery_problem
from renkei_shopify.twin_shop import CATALOGUE, TwinShop

POINTS = metafield_name({"key": ShopifySettings.model_fields["metafield_key"].default})

Told = Sequence[tuple[str, dict[str, Any]]]
"""What is sent for one thing done: topics with their bodies."""


class ShopifyTwin(TwinBase):
    """A web shop by the name of renkei-twin; nothing of it outlives the block it is used in."""

    kind: Literal["cart", "till"] = "cart"
    can: frozenset[Action] = frozenset(
        {
            "register",
            "nameless",
            "guest",
            "refund",
            "edit",
            "cancel",
            "fulfil",
            "adjust",
            "rename",
            "withdraw",
            "merge",
            "rotate",
        }
    )

    def __init__(self, context: StageContext) -> None:
        shop = TwinShop(seed=context.seed, now=context.now)
        shop.stock.put(context.items or CATALOGUE, shop.clock())
        self.twin = TwinApp(shop, page_size=context.page_size)
        app = self.twin.asgi()
        super().__init__(context, app, self.twin.faults, retries=True, schema=self.twin.log)

    def settings(self) -> Mapping[str, object]:
        """With the client credentials grant, as one brand's own app has it.

        On this stage every shopper proves the address, and nobody else makes customers.
        """
        new, *old = self.twin.secrets[:SERVED_SECRETS]
        return {
            "shop": DOMAIN,
            "base_url": self.base_url,
            "client_id": CLIENT_ID,
            "client_secret": new,
            "trust_verified_email": True,
            **({"old_client_secret": old[0]} if old else {}),
        }

    async def listen(self, webhook: Webhook) -> None:
        """Subscribe the hub to every topic it needs."""
        await super().listen(webhook)
        every = (*topics.NEEDED, topics.MERGES)
        self.twin.topics.update(dict.fromkeys(every, webhook.url))

    async def catalogue(self) -> Sequence[Item]:
        """Tea and what belongs to it; the first two together are worth 132 points at 1 in 100."""
        return self.context.items or CATALOGUE

    async def charged(self, order: str) -> Mapping[int, int]:
        """By the pieces neither refunded nor removed; nothing of a cancelled order."""
        return self.twin.shop.owed(self._order(order))

    async def register(self, shopper: Shopper) -> str:
        """A customer with a proven address, or one without any: customers/create."""
        customer = self.twin.shop.register(shopper)
        await self._tell([("customers/create", twin_rest.customer(customer))])
        return str(customer.id)

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """customers/update."""
        renamed = self._customer(customer)
        self.twin.shop.rename(renamed, shopper)
        await self._tell([("customers/update", twin_rest.customer(renamed))])

    async def withdraw(self, customer: str) -> None:
        """customers/delete; raises ValueError for a customer with orders, whom Shopify keeps."""
        self.twin.shop.delete(self._customer(customer))
        await self._tell([("customers/delete", {"id": int(customer)})])

    async def merge(self, kept: str, gone: str) -> None:
        """customers/merge."""
        stays, goes = self._customer(kept), self._customer(gone)
        self.twin.shop.merge(stays, goes)
        await self._tell([("customers/merge", twin_rest.merged(stays, goes))])

    async def adjust(self, customer: str, points: int) -> None:
        """Somebody edits the metafield; that Shopify would tell of it is not known."""
        self.twin.shop.set_metafield(self._customer(customer), POINTS, str(points))

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """orders/create while unpaid, then orders/paid."""
        shop = self.twin.shop
        order = shop.place(self._customer(customer) if customer else None, items)
        placed = twin_rest.order(order)
        shop.pay(order)
        await self._tell([("orders/create", placed), _of(order, "paid")], mischief)
        return str(order.id)

    async def buy_with_code(self, customer: str, items: Sequence[Item], code: str) -> str:
        """A discount code takes its yen off each line in proportion: as in buy."""
        shop = self.twin.shop
        order = shop.place(self._customer(customer), items)
        whole = [line.price * line.quantity for line in order.lines]
        yen = min(int(shop.discounts[code.lower()].yen), sum(whole))
        for line, off in zip(order.lines, divide(yen, whole), strict=True):
            line.by_code[code] = off
        shop.pay(order)
        await self._tell([("orders/create", twin_rest.order(order)), _of(order, "paid")])
        return str(order.id)

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """refunds/create and orders/updated."""
        bought = self._order(order)
        refund = self.twin.shop.refund(bought, sku, quantity)
        given_back = ("refunds/create", twin_rest.refund(bought, refund))
        await self._tell([given_back, _of(bought, "updated")], mischief)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """orders/edited and orders/updated."""
        bought = self._order(order)
        line = self.twin.shop.remove(bought, sku, quantity)
        edited = ("orders/edited", twin_rest.edit(bought, line, quantity))
        await self._tell([edited, _of(bought, "updated")], mischief)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """orders/cancelled, for what was paid refunds/create, and orders/updated."""
        bought = self._order(order)
        refund = self.twin.shop.cancel(bought)
        money = [("refunds/create", twin_rest.refund(bought, refund))] if refund else []
        told = [_of(bought, "cancelled"), *money, _of(bought, "updated")]
        await self._tell(told, mischief)

    async def fulfil(self, order: str) -> None:
        """orders/fulfilled and orders/updated."""
        bought = self._order(order)
        self.twin.shop.fulfil(bought)
        await self._tell([_of(bought, "fulfilled"), _of(bought, "updated")])

    async def rotate(self) -> None:
        """A new client secret, which signs from now on; the one before still gets tokens."""
        self.twin.secrets.insert(0, f"twin-client-secret-{len(self.twin.secrets) + 1}")

    async def points_shown(self, customer: str) -> int | None:
        """The points metafield in the app's own namespace."""
        value = self._customer(customer).metafields.get(POINTS)
        return None if value is None else int(value)

    def passed_on(self, customer: str, asked: Mapping[str, str]) -> Delivery:
        """By the app proxy, which adds its own parameters and signs all of them."""
        now = self.context.now()
        own = {
            "shop": DOMAIN,
            "logged_in_customer_id": customer,
            "path_prefix": "/apps/renkei",
            "timestamp": str(int(now.timestamp())),
        }
        given = [*asked.items(), *own.items()]
        signature = hmac_sha256_hex(self.twin.secrets[0], signed_text(given))
        query = urlencode([*given, ("signature", signature)])
        return Delivery("", now, (), b"", method="GET", query=query)

    async def coupon_shown(self, code: str) -> tuple[int, datetime] | None:
        """What the discount of exactly this code is worth, and until when."""
        found = self.twin.shop.discounts.get(code.lower())
        if found is None or found.code != code or found.ends_at is None:
            return None
        return int(found.yen), found.ends_at

    def _customer(self, id: str) -> TwinCustomer:
        return self.twin.shop.customers[int(id)]

    def _order(self, id: str) -> TwinOrder:
        return self.twin.shop.orders[int(id)]

    async def _tell(self, told: Told, mischief: Mischief = STRAIGHT) -> None:
        event = str(uuid.uuid4())
        await self.emitter.emit(
            [self._outgoing(topic, body, event) for topic, body in told], mischief
        )

    def _outgoing(self, topic: str, body: dict[str, Any], event: str) -> Outgoing:
        self.schema.delivery(delivery_problem(topic, body))
        return twin_rest.delivery(
            topic,
            body,
            secret=self.twin.secrets[0],
            shop=DOMAIN,
            at=self.twin.shop.clock(),
            version=API_VERSION,
            event=event,
        )


def _of(order: TwinOrder, event: str) -> tuple[str, dict[str, Any]]:
    return f"orders/{event}", twin_rest.order(order)
