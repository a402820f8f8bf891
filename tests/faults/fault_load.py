"""What is told to the hub while it breaks: a cart's deliveries and a till's sales.

The outcome depends on what is told, never on its order or on how often. So any run that hears
everything must end in the same state, whatever broke on the way.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fault_nodes import SECRET

from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitRequest, HoldRequest
from renkei_contracts.toolkit.japanese import JST
from told_cart import signed

MEMBERS = 6
ORDERS = 8
SALES = 8
"""Of each member, in each round; a third of the sales holds its points first."""

USED = 10
STOCK = 5_000_000
"""Yen of a first order, whose points no round can use up."""

CALLERS = 12
PATIENCE = 15.0
"""Seconds that a caller waits for an answer before it asks again."""

LONGEST = 300.0
"""Seconds in which everything must be acknowledged."""

JSON = {"content-type": "application/json"}
BEGAN = datetime.now(UTC) - timedelta(hours=3)
DAY = BEGAN.astimezone(JST).date()


@dataclass
class Errand:
    """Something to tell until it is acknowledged; ``first`` is put into the body of the second."""

    path: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    first: "Errand | None" = None
    answer: Any = None
    done: bool = False


@dataclass
class Callers:
    """They turn from node to node until they are answered, as vendors and tills do.

    ``odd`` are answers that no caller should ever get; ``refused`` counts those that said: later.
    """

    urls: Sequence[str]
    credential: str
    odd: list[str] = field(default_factory=list)
    refused: int = 0
    acknowledged: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def tell_all(self, errands: Sequence[Errand], seed: int) -> None:
        """Tell them, many at a time, in random order; returns when all are acknowledged."""
        waiting = list(errands)
        random.Random(seed).shuffle(waiting)  # noqa: S311 - an order, no secret
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            async with asyncio.timeout(LONGEST):
                await asyncio.gather(*(self._work(http, waiting, n) for n in range(CALLERS)))

    async def until(self, reached: Any) -> None:
        """Wait until this holds of the callers."""
        async with asyncio.timeout(LONGEST), self.changed:
            await self.changed.wait_for(reached)

    async def _work(self, http: httpx.AsyncClient, waiting: list[Errand], turn: int) -> None:
        while waiting:
            errand = waiting.pop()
            turn = await self._tell(http, errand, turn) + 1
            errand.done = True
            await self._count(acknowledged=1)

    async def _count(self, *, acknowledged: int = 0, refused: int = 0) -> None:
        async with self.changed:
            self.acknowledged += acknowledged
            self.refused += refused
            self.changed.notify_all()

    async def _tell(self, http: httpx.AsyncClient, errand: Errand, turn: int) -> int:
        """Until it is acknowledged; gives the node that did so."""
        if errand.first is not None and not errand.first.done:
            turn = await self._tell(http, errand.first, turn)
            errand.first.done = True
            errand.body["hold"] = errand.first.answer["hold"]
        while not await self._told(http, errand, self.urls[turn % len(self.urls)]):
            await self._count(refused=1)
            turn += 1
            await asyncio.sleep(0.05)
        return turn

    async def _told(self, http: httpx.AsyncClient, errand: Errand, url: str) -> bool:
        """Whether it was acknowledged."""
        body = {"content": errand.body} if isinstance(errand.body, bytes) else {"json": errand.body}
        headers = JSON | (errand.headers or {"authorization": self.credential})
        try:
            said = await http.post(f"{url}{errand.path}", headers=headers, **body)
        except httpx.TransportError:
            return False
        if said.status_code == httpx.codes.OK:
            errand.answer = said.json() if said.content else None
            return True
        if said.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            self.odd.append(f"{errand.path}: {said.status_code} {said.text[:300]}")
        return False


def enrolments() -> list[Errand]:
    """Everybody registers, and has points for all rounds."""
    return [one for n in range(MEMBERS) for one in (_member(n), _order(n, "stock", STOCK, tick=0))]


def round_of(number: int, members: Sequence[str]) -> list[Errand]:
    """Orders, each told in two states and the first one twice; and sales."""
    told: list[Errand] = []
    for n in range(MEMBERS):
        for k in range(ORDERS):
            id, yen = f"r{number}-{k}", 11_000 + 1_100 * k
            bought, edited = _order(n, id, yen, 0), _order(n, id, yen - 1_100 * (k % 3), 1)
            told += [bought, _order(n, id, yen, 0), edited]
        told += [_sale(n, members[n], f"{number:03}{n:02}{k:02}", k) for k in range(SALES)]
    return told


def _member(n: int) -> Errand:
    proven = Identity(kind=IdentityKind.EMAIL, value=f"hanako{n}@example.jp", grade=Grade.VERIFIED)
    seen = Member(ref=_customer(n), changed_at=BEGAN, given_name="花子", identities=(proven,))
    return _delivery(f"member-{n}", "member", seen.model_dump_json().encode())


def _order(n: int, id: str, yen: int, tick: int) -> Errand:
    """The amounts come tax-included; ``tick`` moves the vendor's clock."""
    order = Order(
        ref=ExternalRef(connection="cart", id=f"{n}-{id}"),
        changed_at=BEGAN + timedelta(seconds=tick),
        placed_at=BEGAN,
        state=OrderState.PAID,
        customer=_customer(n),
        lines=(LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
    )
    return _delivery(f"order-{n}-{id}-{tick}", "order", order.model_dump_json().encode())


def _customer(n: int) -> ExternalRef:
    return ExternalRef(connection="cart", id=f"c{n}")


def _delivery(id: str, kind: str, body: bytes) -> Errand:
    return Errand("/webhooks/cart", body, signed(SECRET, id, kind, body))


def _sale(n: int, member: str, receipt: str, k: int) -> Errand:
    ask = CommitRequest(
        sale=TillKey(store="shibuya", till="1", business_date=DAY, receipt_number=receipt),
        sold_at=BEGAN,
        member=member,
        points_used=USED * (k % 2),
        lines=(LineItem(id="1", quantity=1, amount=5_500 + 110 * k, tax_rate=1000),),
    )
    errand = Errand("/pos/v1/transactions", ask.model_dump(mode="json"))
    if k % 3 == 1:
        hold = HoldRequest(key=f"k{receipt}", member=member, points=USED, ttl_seconds=86_400)
        errand.first = Errand("/pos/v1/holds", hold.model_dump(mode="json"))
    return errand
