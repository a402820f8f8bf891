"""The till of both stages: an add-on that asks the hub, wherever Tryton keeps its sales.

It holds, rings up, and commits what Tryton then says. A sale that is opened again it tells as the
same sale, restated. Goods that come back are no action: Tryton names no sale that they come from.
"""

import secrets
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import httpx

from renkei_contracts.order import LineItem, Order
from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, TillAccess
from renkei_contracts.till import CommitRequest, HoldRequest, QuoteRequest
from renkei_contracts.toolkit.transport import TIMEOUT
from renkei_contracts.twin.actions import NoActions
from renkei_contracts.twin.hub_client import HubClient, HubRefused
from renkei_tryton import mapping

STORE = "shop"
POINT = 1
"""The shop's only till: the first row of its table."""

CAN: frozenset[Action] = frozenset({"guest", "edit", "cancel"})


class AskingTill(NoActions):
    """A store with one till. What keeps its sales, a subclass says."""

    kind: Literal["cart", "till"] = "till"
    can = CAN
    asks_hub = True
    place = (STORE, mapping.till_name(POINT))

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._http = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)
        self._hub: HubClient | None = None
        self._told: dict[str, CommitRequest] = {}

    @abstractmethod
    async def _rung_up(self, items: Sequence[Item], points: int) -> Order:
        """The sale, finished and paid, as the poll will find it."""

    @abstractmethod
    async def _took_out(self, order: str, sku: str, quantity: int) -> Order:
        """The sale, opened again and finished with less."""

    @abstractmethod
    async def _called_off(self, order: str) -> None:
        """The sale, opened again and cancelled."""

    async def connect(self, access: TillAccess) -> None:
        """Give the add-on its credential."""
        self._hub = HubClient(access, self._http, self._now)

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """Scan, quote, hold, ring up, commit; a commit told again must be answered the same.

        Without a card, or a credential for the hub, it only rings up.
        """
        member = await self._scanned(card) if points or self._hub else ""
        hold = None
        if member:
            await self._quote(member, items, points)
            hold = await self._hold(member, points) if points else None
        order = await self._rung_up(items, points)
        if member:
            await self._tell(order.ref.id, commit_of(order, member, hold), mischief)
        return order.ref.id

    async def points_shown(self, card: str) -> int | None:
        """The register keeps no balance: it shows what the hub says now."""
        found = await self._line.resolve(card)
        return None if found is None else found.spendable

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """A sale that is not posted yet is opened again and finished with less."""
        now = await self._took_out(order, sku, quantity)
        changed = {"lines": now.lines, "points_used": now.points_used, "tenders": now.tenders}
        await self._restate(order, mischief, **changed)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """A sale that is not posted yet is opened again and cancelled."""
        await self._called_off(order)
        await self._restate(order, mischief, voided=True)

    async def _scanned(self, card: str) -> str:
        if not card:
            return ""
        found = await self._line.resolve(card)
        if found is None:
            raise HubRefused("members:resolve", "member_not_found")
        return found.member

    async def _quote(self, member: str, items: Sequence[Item], points: int) -> None:
        """Ask before anything is taken whether the basket may use these points."""
        lines = tuple(_basket_line(number, item) for number, item in enumerate(items, 1))
        ask = QuoteRequest(member=member, lines=lines, points_wanted=points)
        if (await self._line.quote(ask)).points_used < points:
            raise HubRefused("quotes", "insufficient_points")

    async def _hold(self, member: str, points: int) -> str:
        # A receipt has no number before it is finished: the hold is named by chance.
        key = f"{'/'.join(self.place)}/{secrets.token_hex(8)}"
        return (await self._line.hold(HoldRequest(key=key, member=member, points=points))).hold

    async def _restate(self, order: str, mischief: Mischief, **changed: object) -> None:
        """The sale as it is now, where the hub was told of it: a sale to nobody is only polled."""
        if told := self._told.get(order):
            again = {"revision": told.revision + 1, "hold": None, **changed}
            await self._tell(order, told.model_copy(update=again), mischief)

    async def _tell(self, order: str, commit: CommitRequest, mischief: Mischief) -> None:
        self._told[order] = commit
        if mischief.lost:
            return
        first = await self._line.commit(commit)
        for _ in range(1, mischief.times):
            if await self._line.commit(commit) != first:
                raise HubRefused("transactions", "the same commit was answered otherwise")

    @property
    def _line(self) -> HubClient:
        if self._hub is None:
            raise RuntimeError("the register has no credential yet: connect it")
        return self._hub


def commit_of(order: Order, member: str, hold: str | None) -> CommitRequest:
    """The sale as Tryton has it, and as the poll will find it: same key, lines and tenders."""
    assert order.till is not None
    return CommitRequest(
        sale=order.till,
        sold_at=order.placed_at,
        member=member,
        hold=hold,
        points_used=order.points_used,
        lines=order.lines,
        tenders=order.tenders,
        # It is paid and has its number before the hub hears of it.
        occurred=True,
    )


def _basket_line(number: int, item: Item) -> LineItem:
    return LineItem(
        id=str(number),
        sku=item.sku,
        title=item.title,
        quantity=item.quantity,
        amount=item.quantity * item.yen,
        tax_rate=item.tax_rate,
    )
