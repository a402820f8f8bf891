"""Square on a stage: the twin seller served on loopback, with a cashier."""

import json
import uuid
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.shop import CATALOGUE
from renkei_square import twin_rows as rows
from renkei_square.client import moment
from renkei_square.mapping import TILL
from renkei_square.twin_app import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, TwinApp
from renkei_square.twin_books import Books
from renkei_square.twin_rows import LOCATION, MERCHANT, NEVER_SOLD, Row
from renkei_square.twin_schema import delivery_problem
from renkei_square.webhooks import SIGNATURE

SIGNATURE_KEY = "twin-signature-key"
NOTIFICATION_URL = "https://points.example.jp/webhooks/square"
"""As it is registered: what the hub is reached by behind it is another address."""


class SquareTwin(TwinBase):
    """A register in one location, spending its own copy of the points by loyalty rewards.

    Two customers are merged into a new third one (``join``), which is no merge of a stage: there
    one of the two stays.
    """

    personal_keys = frozenset({"reference_id", "exact"})
    kind: Literal["cart", "till"] = "till"
    can: frozenset[Action] = frozenset(
        {"register", "nameless", "guest", "refund", "adjust", "rename", "withdraw", "rotate"}
    )
    asks_hub = False
    place = (LOCATION, TILL)
    leaves_out = frozenset(
        {"customer_id", "orders", "customers", "loyalty_accounts", "loyalty_promotions", "cursor"}
    )

    def __init__(self, context: StageContext) -> None:
        self.twin = TwinApp(Books(context.now))
        self._keys = [SIGNATURE_KEY]
        self._random = Random(context.seed)  # noqa: S311 - names deliveries, guards nothing
        app = self.twin.asgi()
        super().__init__(context, app, self.twin.faults, retries=True, schema=self.twin.log)

    def settings(self) -> Mapping[str, object]:
        """As a seller's application has it, whose loyalty program shows the hub's points."""
        new, *old = self._keys[:2]
        size = self.context.page_size
        return {
            "merchant_id": MERCHANT,
            "location_ids": [LOCATION],
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "signature_key": new,
            **({"old_signature_key": old[0]} if old else {}),
            "notification_url": NOTIFICATION_URL,
            "card_in_reference": True,
            "points": "rewards",
            "never_sold": [NEVER_SOLD],
            "api_url": self.base_url,
            # How many rows make a page is the caller's choice at Square.
            **({"page_size": size} if size else {}),
        }

    async def catalogue(self) -> Sequence[Item]:
        """Tea and what belongs to it."""
        return self.context.items or CATALOGUE

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """Ring up a sale for the card (empty: nobody's) and tell of its payment.

        Raises ValueError for a card the register does not know, and for more points than it shows.
        """
        books = self.twin.books
        customer = books.by_card(card) if card else None
        if card and customer is None:
            raise ValueError(f"the register does not know the card {card}")
        id = customer["id"] if customer else ""
        order = books.sell(items, id, points)
        told = self._paid(order)
        if points:
            told.append(self._account("updated", books.enrolled(id)))
        await self.emitter.emit(told, mischief)
        return str(order["id"])

    async def charged(self, order: str) -> Mapping[int, int]:
        """By the lines, less what came back."""
        return self.twin.books.charged(order)

    async def register(self, shopper: Shopper) -> str:
        """A profile made at the register. A known card is found there."""
        books = self.twin.books
        known = books.by_card(shopper.card) if shopper.card else None
        if known is None:
            known = books.register(shopper)
            await self.emitter.emit([self._customer("created", known)])
        return str(known["id"])

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """customer.updated."""
        changed = self.twin.books.change(customer, rows.person(shopper))
        await self.emitter.emit([self._customer("updated", changed)])

    async def withdraw(self, customer: str) -> None:
        """customer.deleted."""
        gone = self.twin.books.delete(customer)
        await self.emitter.emit([self._customer("deleted", gone)])

    async def join(self, one: str, other: str) -> str:
        """Two profiles become a new one, with the points of both; its id."""
        books = self.twin.books
        points = sum((books.account_of(id) or {"balance": 0})["balance"] for id in (one, other))
        gone = [books.delete(id) for id in (one, other)]
        kept = {key: gone[0][key] for key in ("given_name", "family_name", "reference_id")}
        made = books.make_customer(kept, "MERGE")
        books.adjust(books.enrolled(made["id"]), points, "SQUARE")
        merge = {"from_customer_ids": [one, other], "to_customer_id": made["id"]}
        told = [self._customer("created", made, merge)]
        told += [self._customer("deleted", each, merge) for each in gone]
        await self.emitter.emit(told)
        return str(made["id"])

    async def adjust(self, customer: str, points: int) -> None:
        """A person changes the points in the dashboard."""
        account = self.twin.books.enrolled(customer)
        change = points - account["balance"]
        if change:
            event = self.twin.books.adjust(account, change, "SQUARE")
            told = self._event("loyalty.event.created", "loyalty_event", event["id"], event)
            await self.emitter.emit([told, self._account("updated", account)])

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces come back and are refunded: refund.updated and payment.updated."""
        books = self.twin.books
        refund = books.refund(order, sku, quantity)
        told = [
            self._event("refund.created", "refund", refund["id"], {**refund, "status": "PENDING"}),
            self._event("refund.updated", "refund", refund["id"], refund),
            self._payment("updated", books.payments[refund["payment_id"]]),
        ]
        await self.emitter.emit(told, mischief)

    async def rotate(self) -> None:
        """Another signature key for the subscription."""
        self._keys.insert(0, f"{SIGNATURE_KEY}-{len(self._keys) + 1}")

    async def points_shown(self, card: str) -> int | None:
        """The balance of the loyalty account; a customer without one is shown none."""
        customer = self.twin.books.by_card(card)
        if customer is None:
            return None
        account = self.twin.books.account_of(customer["id"])
        return account["balance"] if account else 0

    def _paid(self, order: Row) -> list[Outgoing]:
        payment = self.twin.books.payments[order["tenders"][0]["payment_id"]]
        before = {**payment, "status": "APPROVED"}
        return [self._payment("created", before), self._payment("updated", payment)]

    def _payment(self, happened: str, payment: Row) -> Outgoing:
        return self._event(f"payment.{happened}", "payment", payment["id"], payment)

    def _account(self, happened: str, account: Row) -> Outgoing:
        event = f"loyalty.account.{happened}"
        return self._event(event, "loyalty_account", account["id"], account)

    def _customer(self, happened: str, customer: Row, merge: Row | None = None) -> Outgoing:
        context = {"event_context": {"merge": merge}} if merge else {}
        event = f"customer.{happened}"
        return self._event(event, "customer", customer["id"], customer, **context)

    def _event(self, event: str, key: str, id: str, about: Row, **more: Any) -> Outgoing:
        body = {
            "merchant_id": MERCHANT,
            "type": event,
            "event_id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "created_at": moment(self.context.now()),
            "data": {"type": key, "id": id, "object": {key: about, **more}},
        }
        self.schema.delivery(delivery_problem(event, body))
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        signed = hmac_sha256_base64(self._keys[0], NOTIFICATION_URL.encode() + raw)
        return Outgoing({"content-type": "application/json", SIGNATURE: signed}, raw)
