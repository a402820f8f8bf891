"""Smaregi on a stage: the twin contract served on loopback, with a cashier."""

import json
import uuid
from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal

from renkei_contracts.stage import Action, Item, Mischief, StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_smaregi.twin_app import CLIENT_ID, CLIENT_SECRET, CONTRACT, TwinApp
from renkei_smaregi.twin_pos import CATALOGUE, TwinPos

HEADER_NAME = "X-Renkei-Secret"
HEADER_SECRET = "twin-header-secret"  # noqa: S105 - a twin's, known to all
PATH_SECRET = "twin-path-secret"  # noqa: S105 - a twin's, known to all


CAN: frozenset[Action] = frozenset({"guest"})


class SmaregiTwin(TwinBase):
    """A register in one store, spending its own copy of the points."""

    kind: Literal["cart", "till"] = "till"
    can = CAN
    asks_hub = False
    place = ("1", "1")

    def __init__(self, context: StageContext) -> None:
        self.twin = TwinApp(TwinPos(context.now))
        self._random = Random(context.seed)  # noqa: S311 - names deliveries, guards nothing
        super().__init__(context, self.twin.asgi(), self.twin.faults, retries=False)

    def settings(self) -> Mapping[str, object]:
        """As a merchant's private app has it."""
        return {
            "contract_id": CONTRACT,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "header_name": HEADER_NAME,
            "header_secret": HEADER_SECRET,
            "path_secret": PATH_SECRET,
            "id_url": self.base_url,
            "api_url": self.base_url,
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
        await self.emitter.emit([self._outgoing("created", id)], mischief)
        return id

    async def points_shown(self, card: str) -> int | None:
        """The register's own copy."""
        customer = self.twin.pos.by_code(card)
        return None if customer is None else self.twin.pos.points[customer["customerId"]]

    def _outgoing(self, action: str, *ids: str) -> Outgoing:
        event = "pos:transactions"
        body = {
            "contractId": CONTRACT,
            "event": event,
            "action": action,
            "transactionHeadIds": list(ids),
        }
        headers = {
            "content-type": "application/json",
            "smaregi-contract-id": CONTRACT,
            "smaregi-event": event,
            "smaregi-event-id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "user-agent": "Smaregi-Platform-Api-Webhook/1.2.4",
            HEADER_NAME: HEADER_SECRET,
        }
        return Outgoing(headers, json.dumps(body, separators=(",", ":")).encode())
