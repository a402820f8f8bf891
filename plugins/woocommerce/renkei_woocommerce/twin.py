"""WooCommerce on a stage: the twin shop served on loopback, with shoppers and a merchant."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_woocommerce.twin_app import KEY, SCHEMA, SECRET, TwinApp
from renkei_woocommerce.twin_shop import POINTS_KEY, Row, TwinShop

WEBHOOK_SECRET = "twin-webhook-secret"  # noqa: S105 - a twin's, known to all
MOST_FAILURES = 5
"""A failure after more than so many in a row disables (source: class-wc-webhook.php)."""
TOPICS = (
    "order.created", "order.updated", "order.deleted", "order.restored",
    "customer.created", "customer.updated", "customer.deleted",
)  # fmt: skip


def failed(status: int) -> bool:
    """What counts as a failure: 200 to 302 do not (source: class-wc-webhook.php)."""
    return not 200 <= status <= 302


class WooCommerceTwin(TwinBase):
    """Sends each delivery once, as things are when it is sent; switches off who does not answer.

    WooCommerce knows no customer without an address, and joins no two of them.
    """

    kind: Literal["cart", "till"] = "cart"
    can: frozenset[Action] = frozenset(
        {
            "register", "guest", "refund", "edit", "cancel", "fulfil", "adjust", "rename",
            "withdraw", "rotate",
        }
    )  # fmt: skip

    def __init__(self, context: StageContext) -> None:
        self.shop = TwinShop(context.now, context.items, context.seed)
        self.app = TwinApp(self.shop, context, self._changed)
        self._secrets = [WEBHOOK_SECRET]
        log = self.app.checked.log
        super().__init__(context, self.app.asgi, self.app.faults, retries=False, schema=log)
        self.emitter.failed = failed

    def settings(self) -> Mapping[str, object]:
        """In this shop a plugin proves the addresses of customers."""
        new, *old = reversed(self._secrets[-2:])
        return {
            "base_url": self.base_url,
            "consumer_key": KEY,
            "consumer_secret": SECRET,
            "webhook_secret": new,
            "old_webhook_secret": old[0] if old else "",
            "delivery_url": self.emitter.url,
            "trust_email": True,
        }

    async def listen(self, webhook: Webhook) -> None:
        """The merchant makes a webhook for each topic."""
        await super().listen(webhook)
        self.shop.webhooks.clear()
        for topic in TOPICS:
            self.app.subscribe(topic, webhook.url, self._secrets[-1])

    async def ping(self) -> None:
        """What WooCommerce tries a new webhook with."""
        id = next(iter(self.shop.webhooks))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await self.emitter.emit([Outgoing(form, f"webhook_id={id}".encode())])

    async def rotate(self) -> None:
        """The merchant types another secret into every webhook."""
        self._secrets.append(f"{WEBHOOK_SECRET}-{len(self._secrets)}")
        for id in self.app.secrets:
            self.app.secrets[id] = self._secrets[-1]

    async def catalogue(self) -> Sequence[Item]:
        """What is sold, tax included."""
        return self.shop.items

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is owed for the goods."""
        return self.shop.owed(self._order(order))

    async def points_shown(self, customer: str) -> int | None:
        """What a snippet in the theme shows on the account page."""
        metas = self.shop.customers[int(customer)]["meta_data"]
        return next((int(one["value"]) for one in metas if one["key"] == POINTS_KEY), None)

    async def coupon_shown(self, code: str) -> tuple[int, datetime] | None:
        """What the coupon is worth and until when."""
        found = (one for one in self.shop.coupons.values() if one["code"] == code.lower())
        coupon = next(found, None)
        if coupon is None:
            return None
        until = datetime.fromisoformat(coupon["date_expires_gmt"]).replace(tzinfo=UTC)
        return int(coupon["amount"]), until

    async def register(self, shopper: Shopper) -> str:
        """An account: customer.created."""
        row = self.shop.register(shopper)
        await self._tell(STRAIGHT, ("customer.created", row))
        return str(row["id"])

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """Another name and address: customer.updated."""
        row = self.shop.customers[int(customer)]
        self.shop.rename(row, shopper)
        await self._changed(row)

    async def withdraw(self, customer: str) -> None:
        """The merchant deletes the account: customer.deleted, with nothing but the id."""
        del self.shop.customers[int(customer)]
        await self._tell(STRAIGHT, ("customer.deleted", {"id": int(customer)}))

    async def adjust(self, customer: str, points: int) -> None:
        """Another program writes the meta: customer.updated."""
        row = self.shop.customers[int(customer)]
        self.shop.set_meta(row, POINTS_KEY, str(points))
        await self._changed(row)

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """Ordered and paid before anything is sent: both deliveries say that it is paid."""
        row = self.shop.place(int(customer or 0), items)
        self.shop.move(row, "processing")
        await self._tell(mischief, ("order.created", row), ("order.updated", row))
        return str(row["id"])

    async def buy_with_code(self, customer: str, items: Sequence[Item], code: str) -> str:
        """The same with a coupon."""
        row = self.shop.place(int(customer), items)
        self.shop.use(row, code.lower())
        self.shop.move(row, "processing")
        await self._tell(STRAIGHT, ("order.created", row), ("order.updated", row))
        return str(row["id"])

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces are paid back: order.updated, since refunds have no topic."""
        row = self._order(order)
        self.shop.give_back(row, sku, quantity)
        await self._tell(mischief, ("order.updated", row))

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant changes the order's lines: order.updated."""
        row = self._order(order)
        self.shop.take_out(row, sku, quantity)
        await self._tell(mischief, ("order.updated", row))

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The merchant cancels the order: order.updated."""
        row = self._order(order)
        self.shop.move(row, "cancelled")
        await self._tell(mischief, ("order.updated", row))

    async def trash(self, order: str) -> None:
        """The merchant puts the order into the trash: order.deleted, with nothing but the id."""
        self.shop.move(self._order(order), "trash")
        await self._tell(STRAIGHT, ("order.deleted", {"id": int(order)}))

    async def fulfil(self, order: str) -> None:
        """The parcel leaves: order.updated."""
        row = self._order(order)
        self.shop.move(row, "completed")
        await self._tell(STRAIGHT, ("order.updated", row))

    def _order(self, id: str) -> Row:
        return self.shop.orders[int(id)]

    async def _changed(self, row: Row) -> None:
        await self._tell(STRAIGHT, ("customer.updated", row))

    async def _tell(self, mischief: Mischief, *told: tuple[str, Row]) -> None:
        """Send what active webhooks tell; after too many failures one is silently disabled."""
        active = {
            hook["topic"]: hook
            for hook in self.shop.webhooks.values()
            if hook["status"] == "active"
        }
        sent = [(active[topic], row) for topic, row in told if topic in active]
        if mischief.reversed:
            sent.reverse()
        for _ in range(mischief.times):
            for hook, row in sent:
                before = len(self.emitter.answers)
                await self.emitter.emit([self._outgoing(hook, row)], Mischief(lost=mischief.lost))
                self._count(hook, self.emitter.answers[before:])

    def _count(self, hook: Row, answers: Sequence[int]) -> None:
        for status in answers:
            before = self.app.failures.get(hook["id"], 0)
            if failed(status) and before > MOST_FAILURES:
                hook["status"] = "disabled"
            self.app.failures[hook["id"]] = before + 1 if failed(status) else 0

    def _outgoing(self, hook: Row, row: Row) -> Outgoing:
        definition = "Deleted" if hook["event"] == "deleted" else hook["resource"].title()
        self.schema.delivery(SCHEMA.problem(definition, row))
        body = json.dumps(row).encode()
        second = int(self.context.now().timestamp())
        shared = hashlib.sha256(f"{hook['id']}{second}".encode()).hexdigest()[:32]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "WooCommerce/9.4.0 Hookshot (WordPress/6.7)",
            "X-WC-Webhook-Source": f"{self.base_url}/",
            "X-WC-Webhook-Topic": hook["topic"],
            "X-WC-Webhook-Resource": hook["resource"],
            "X-WC-Webhook-Event": hook["event"],
            "X-WC-Webhook-Signature": hmac_sha256_base64(self.app.secrets[hook["id"]], body),
            "X-WC-Webhook-ID": str(hook["id"]),
            "X-WC-Webhook-Delivery-ID": shared,
        }
        return Outgoing(headers, body)
