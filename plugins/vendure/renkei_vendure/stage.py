"""Vendure on a stage: the real software, with shopper and merchant."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Self

import httpx

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.toolkit.transport import TIMEOUT
from renkei_contracts.toolkit.wire import parse
from renkei_contracts.twin.actions import NoActions
from renkei_contracts.twin.process import free_port
from renkei_vendure import documents, mapping, wire
from renkei_vendure.client import VendureClient
from renkei_vendure.peer import merchant
from renkei_vendure.peer.software import VendureShop
from renkei_vendure.settings import VendureSettings

FIRST = ("POT-1", "TEA-1")
"""Offered first: goods of both tax rates, together worth 90 points at 1 in 100."""

UNIT = 100
"""The smallest units of this shop's yen, whose money has two decimals."""


def _now() -> datetime:
    return datetime.now(UTC)


class VendureStage(NoActions):
    """A web shop with its own emitter.

    A real shop does no mischief: each delivery is sent once, in its order, and tried again after
    a failure only.
    """

    kind: Literal["cart", "till"] = "cart"
    can: frozenset[Action] = frozenset(
        {"register", "guest", "refund", "edit", "cancel", "fulfil", "adjust", "rename", "withdraw"}
    )

    def __init__(self, context: StageContext) -> None:
        self._work_dir = context.work_dir
        self._secret = secrets.token_urlsafe(32)
        self._shop: VendureShop | None = None
        self._http = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        self._shop = await VendureShop.start(self._work_dir, None, self._secret, free_port())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()
        if self._shop is not None:
            await self._shop.stop()

    def settings(self) -> Mapping[str, object]:
        """In this shop an address is verified by its owner only, who follows the mailed link."""
        username, password = self._running.administrator
        return {
            "base_url": self._running.url,
            "username": username,
            "password": password,
            "webhook_secret": self._secret,
            "trust_verified_email": True,
        }

    def address(self) -> str:
        """The one address a browser can open: Vendure's core has APIs and no pages."""
        return f"{self._running.url}/health"

    async def listen(self, webhook: Webhook) -> None:
        """Point the emitter at the hub; it signs, and sends no secret besides."""
        await self._running.send_webhooks_to(webhook.url)

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought, tax included; shipping comes on top."""
        data = await VendureClient(self._connection()).run(documents.CATALOGUE, {})
        settings = parse(wire.GlobalSettings, data["globalSettings"], "the settings")
        rows = parse(wire.Rows, data["productVariants"], "the goods").items
        goods = [parse(wire.Goods, row, "goods") for row in rows]
        items = [mapping.to_item(one, mapping.unit_of(settings)) for one in goods]
        return sorted(items, key=lambda item: item.sku not in FIRST)

    async def register(self, shopper: Shopper) -> str:
        """The shopper registers, and follows the link in the mail."""
        return await self._running.register_customer(
            shopper.email, shopper.given_name, shopper.family_name
        )

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """The shopper fills the cart and pays by card; the mischief is left undone."""
        bought = [(item.sku, item.quantity) for item in items]
        if not customer:
            guest = f"guest.{secrets.token_hex(8)}@example.jp"
            return (await self._running.buy_as_guest(guest, bought)).id
        email = await self._running.email_of(customer)
        return (await self._running.buy(email, bought)).id

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant cancels the pieces and pays them back."""
        await self._running.refund_line(order, sku, quantity)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant modifies the order, which pays the pieces back."""
        await merchant.modify(self._running, order, sku, quantity)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The merchant cancels everything, and pays back what was not yet."""
        await self._running.cancel(order)

    async def fulfil(self, order: str) -> None:
        """One parcel with everything, sent and delivered."""
        await merchant.fulfil(self._running, order)

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is left of the order's lines, of which all prices are whole yen here."""
        owed: Counter[int] = Counter()
        for line in (await self._running.order(order))["lines"]:
            owed[int(line["taxRate"] * 100)] += int(line["proratedLinePriceWithTax"])
        return {rate: amount // UNIT for rate, amount in owed.items() if amount}

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """An administrator changes name and address."""
        named = {"firstName": shopper.given_name, "lastName": shopper.family_name}
        changes = {**named, "emailAddress": shopper.email}
        await self._running.readdress_customer(customer, shopper.email)
        await merchant.change_customer(self._running, customer, changes)

    async def adjust(self, customer: str, points: int) -> None:
        """An administrator writes the custom field."""
        changes = {"customFields": {"hubPoints": points}}
        await merchant.change_customer(self._running, customer, changes)

    async def withdraw(self, customer: str) -> None:
        """An administrator deletes the customer."""
        await merchant.delete_customer(self._running, customer)

    async def points_shown(self, customer: str) -> int | None:
        """What the Shop API shows the shopper."""
        return await self._running.points_shown(customer)

    @property
    def _running(self) -> VendureShop:
        if self._shop is None:
            raise RuntimeError("the stage is not started: use it as an async context manager")
        return self._shop

    def _connection(self) -> Connection[VendureSettings]:
        settings = VendureSettings.model_validate(self.settings())
        return Connection("shop", settings, self._http, MemoryTokens(), _now)
