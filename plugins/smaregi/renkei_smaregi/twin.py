"""Smaregi on a stage: the twin contract served on loopback, with a cashier."""

import json
import uuid
from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_smaregi.mapping import WITHDRAWN
from renkei_smaregi.twin_app import CLIENT_ID, CLIENT_SECRET, CONTRACT, TwinApp, wire
from renkei_smaregi.twin_pos import CATALOGUE, TwinPos

HEADER_NAME = "X-Renkei-Secret"
HEADER_SECRET = "twin-header-secret"  # noqa: S105 - a twin's, known to all
PATH_SECRET = "twin-path-secret"  # noqa: S105 - a twin's, known to all

TRANSACTIONS, CUSTOMERS = "pos:transactions", "pos:customers"
IDS = {TRANSACTIONS: "transactionHeadIds", CUSTOMERS: "customerIds"}


class SmaregiTwin(TwinBase):
    """A register in one store, spending its own copy of the points.

    Goods that come back without their sale (返品販売) are no action of it: Smaregi does not say
    which sale they were in.
    """

    kind: Literal["cart", "till"] = "till"
    can: frozenset[Action] = frozenset(
        {"register", "nameless", "guest", "cancel", "adjust", "rename", "withdraw", "rotate"}
    )
    asks_hub = False
    place = ("1", "1")

    def __init__(self, context: StageContext) -> None:
        self.twin = TwinApp(TwinPos(context.now))
        self._secrets = [HEADER_SECRET]
        self._random = Random(context.seed)  # noqa: S311 - names deliveries, guards nothing
        app = self.twin.asgi()
        super().__init__(context, app, self.twin.faults, retries=False, schema=self.twin.log)

    def settings(self) -> Mapping[str, object]:
        """As a merchant's private app has it."""
        new, *old = self._secrets[:2]
        size = self.context.page_size
        return {
            "contract_id": CONTRACT,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "header_name": HEADER_NAME,
            "header_secret": new,
            "path_secret": PATH_SECRET,
            "id_url": self.base_url,
            "api_url": self.base_url,
            **({"old_header_secret": old[0]} if old else {}),
            # How many rows make a page is the caller's choice at Smaregi.
            **({"page_size": size} if size else {}),
        }

    async def catalogue(self) -> Sequence[Item]:
        """Sweets, tea and what belongs to it."""
        return self.context.items or CATALOGUE

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """Ring up a sale for the card (empty: nobody's) and tell of it.

        Raises ValueError for a card the register does not know, and for more points than it shows.
        """
        pos = self.twin.pos
        customer = pos.by_code(card) if card else None
        if card and customer is None:
            raise ValueError(f"the register does not know the card {card}")
        sale = pos.sell(items, customer, points)
        id: str = sale["transactionHeadId"]
        await self._tell(TRANSACTIONS, "created", id, mischief)
        return id

    async def charged(self, order: str) -> Mapping[int, int]:
        """By the lines; nothing of a sale that was undone."""
        return self.twin.pos.owed(order)

    async def register(self, shopper: Shopper) -> str:
        """A member made at the register: pos:customers created. A known card is found there."""
        known = self.twin.pos.by_code(shopper.card) if shopper.card else None
        id: str = (known or self.twin.pos.register(shopper))["customerId"]
        if known is None:
            await self._tell(CUSTOMERS, "created", id)
        return id

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """pos:customers edited."""
        self.twin.pos.rename(customer, shopper)
        await self._tell(CUSTOMERS, "edited", customer)

    async def withdraw(self, customer: str) -> None:
        """The member's status becomes 3 (退会): pos:customers edited."""
        self.twin.pos.update_customer(customer, {"status": WITHDRAWN})
        await self._tell(CUSTOMERS, "edited", customer)

    async def adjust(self, customer: str, points: int) -> None:
        """A transaction of points; whether Smaregi tells of it is not documented."""
        held = self.twin.pos.points[customer]
        if points != held:
            self.twin.pos.add_points(customer, points - held)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """取消: pos:transactions canceled."""
        self.twin.pos.cancel(order)
        await self._tell(TRANSACTIONS, "canceled", order, mischief)

    async def rotate(self) -> None:
        """Another value of the header in the developer console."""
        self._secrets.insert(0, f"{HEADER_SECRET}-{len(self._secrets) + 1}")

    async def points_shown(self, card: str) -> int | None:
        """The register's own copy."""
        customer = self.twin.pos.by_code(card)
        return None if customer is None else self.twin.pos.points[customer["customerId"]]

    async def _tell(self, event: str, action: str, id: str, mischief: Mischief = STRAIGHT) -> None:
        await self.emitter.emit([self._outgoing(event, action, id)], mischief)

    def _outgoing(self, event: str, action: str, id: str) -> Outgoing:
        body = {"contractId": CONTRACT, "event": event, "action": action, IDS[event]: [id]}
        self.schema.delivery(wire().problem(event, body))
        headers = {
            "content-type": "application/json",
            "smaregi-contract-id": CONTRACT,
            "smaregi-event": event,
            "smaregi-event-id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "user-agent": "Smaregi-Platform-Api-Webhook/1.2.4",
            HEADER_NAME: self._secrets[0],
        }
        return Outgoing(headers, json.dumps(body, separators=(",", ":")).encode())
