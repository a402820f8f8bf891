"""Reading sales: each with its payments, and with what of it came back."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import TypeVar

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.toolkit.transport import path_id
from renkei_contracts.toolkit.wire import parse
from renkei_square import amounts, mapping, wire
from renkei_square.client import SquareClient, moment
from renkei_square.settings import SquareSettings

T = TypeVar("T")

DONE = "COMPLETED"
MOST_SALES = 20
"""Of a page: each costs calls of its own, and the hub waits 20 seconds for a page."""

FAILED = frozenset({"REJECTED", "FAILED"})


class SquareOrders:
    """Sales at the locations of the settings.

    What came back is in orders of its own; the way to them goes by the payments and their refunds.
    """

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._client = SquareClient(connection)

    async def fetch(self, id: str) -> Order:
        """The sale; of an order that only gives goods back, the sale that they were from.

        A sale at a location that the settings do not name is NotFound: it is read by whoever names
        it. Where goods of a sale of ours came back does not matter.
        """
        order = await self._read(id)
        sources = {one.source_order_id for one in order.returns if one.source_order_id}
        if not order.line_items and len(sources) == 1:
            order = await self._part(self._read(sources.pop()))
        if not self._ours(order):
            raise NotFound(f"order {order.id} is of a location whose sales are not read")
        return self._restated(await self._told(order))

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of sales; what cannot be understood is set aside."""
        body = self._query(window) | ({"cursor": cursor} if cursor else {})
        page = await self._client.find(wire.SomeOrders, "/v2/orders/search", body)
        items: dict[str, Order] = {}
        rejected: list[tuple[str, str]] = []
        for row in page.orders:
            try:
                order = parse(wire.Order, row, f"order {row.get('id')}")
                if window.since <= order.updated_at < window.until:
                    items |= {sale.ref.id: sale for sale in await self._about(order)}
            except (PayloadInvalid, NotFound) as error:
                rejected.append((str(row.get("id", "unknown")), str(error)))
        ordered = sorted(items.values(), key=lambda order: order.changed_at)
        return Page(tuple(ordered), page.cursor or None, tuple(rejected))

    def _query(self, window: Window) -> dict[str, object]:
        # Both ends are included (Square's documentation); what changed at ``until`` is left out.
        between = {"start_at": moment(window.since), "end_at": moment(window.until)}
        return {
            "location_ids": list(self._settings.location_ids),
            "limit": min(self._settings.page_size, MOST_SALES),
            "query": {
                "filter": {
                    "state_filter": {"states": list(mapping.STATES)},
                    "date_time_filter": {"updated_at": between},
                },
                # Square refuses a sort by another time than the filter's.
                "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
            },
        }

    async def _about(self, order: wire.Order) -> Sequence[Order]:
        """The sales that a row of the list tells of, unless a later row tells of them again."""
        if order.line_items or not order.returns:
            sales = [await self._told(order)]
        else:
            sales = [await self._told(one) for one in await self._sources(order)]
            self._require_named(order, sales)
        return [self._restated(sale) for sale in sales if self._newest(sale, order.updated_at)]

    def _newest(self, sale: mapping.Sale, at: datetime) -> bool:
        """Whether no row that is read as this sale stands further on in the list.

        An exchange is set aside as itself, and a return at another location is not in the list.
        """
        told = [one for one in sale.returns if self._gives_back(one, sale.order.id)]
        return max(one.updated_at for one in (sale.order, *told)) <= at

    def _gives_back(self, order: wire.Order, id: str) -> bool:
        """Whether the order's row in the list is read as the sale of this id."""
        named = any(one.source_order_id == id for one in order.returns)
        return named and not order.line_items and self._ours(order)

    async def _sources(self, order: wire.Order) -> Sequence[wire.Order]:
        """The sales of ours that an order gives goods back of."""
        sources = {one.source_order_id for one in order.returns if one.source_order_id}
        found = [await self._part(self._read(id)) for id in sorted(sources)]
        ours = [one for one in found if self._ours(one)]
        if found and not ours:
            raise NotFound(
                f"order {order.id} gives back goods of a location whose sales are not read"
            )
        return ours

    def _ours(self, order: wire.Order) -> bool:
        return order.location_id in self._settings.location_ids

    def _require_named(self, order: wire.Order, sales: Sequence[mapping.Sale]) -> None:
        """Refuse a return that fetching the sale would not find: it would be taken back again."""
        if any(order.id not in {one.id for one in sale.returns} for sale in sales) or not sales:
            raise PayloadInvalid(
                f"order {order.id} gives back goods that no completed refund of their sale names: "
                "adjust by hand, unless a refund of it is still under way"
            )

    async def _read(self, id: str) -> wire.Order:
        path = f"/v2/orders/{path_id(id, 'order')}"
        answer = await self._client.get(wire.OneOrder, path)
        order = parse(wire.Order, answer.order, f"order {id}")
        if order.id != id:
            raise PayloadInvalid(f"order {id}: the answer is another order")
        if order.state == mapping.DRAFT:
            raise NotFound(f"order {id} is a draft")
        return order

    async def _told(self, order: wire.Order) -> mapping.Sale:
        """The sale with everything that is kept apart from it."""
        if order.state != DONE:
            return mapping.Sale(order)
        return await self._part(self._with_parts(order))

    async def _part(self, read: Awaitable[T]) -> T:
        """Something that the sale names: the sale itself is there, whatever is missing of it."""
        try:
            return await read
        except NotFound as error:
            raise PayloadInvalid(f"a part of a sale is missing: {error}") from None

    async def _with_parts(self, order: wire.Order) -> mapping.Sale:
        payments = [await self._payment(one) for one in order.tenders]
        if not payments and amounts.yen(order.total_money, f"order {order.id}"):
            raise PayloadInvalid(f"order {order.id} is completed, and nobody paid for it")
        refunds = [await self._refund(id) for one in payments for id in one.refund_ids]
        made, orders = _made(refunds)
        returns = [await self._read(id) for id in sorted(orders - {order.id})]
        points = 0
        if self._settings.points == "rewards":
            points = sum([await self._points(reward.id) for reward in order.rewards])
        return mapping.Sale(order, tuple(payments), tuple(made), tuple(returns), points)

    async def _payment(self, tender: wire.Tender) -> wire.Payment:
        id = tender.payment_id or tender.id or ""  # without either nobody knows what was refunded
        path = f"/v2/payments/{path_id(id, 'payment')}"
        payment = (await self._client.get(wire.OnePayment, path)).payment
        if amounts.yen(payment.refunded_money, path) and not payment.refund_ids:
            raise PayloadInvalid(f"payment {payment.id} was refunded, but names no refund")
        return payment

    async def _refund(self, id: str) -> wire.Refund:
        path = f"/v2/refunds/{path_id(id, 'refund')}"
        return (await self._client.get(wire.OneRefund, path)).refund

    async def _points(self, id: str) -> int:
        path = f"/v2/loyalty/rewards/{path_id(id, 'reward')}"
        return (await self._client.get(wire.OneReward, path)).reward.points

    def _restated(self, sale: mapping.Sale) -> Order:
        settings = self._settings
        return mapping.to_order(sale, self._id, settings.points, settings.discount_name)


def _made(refunds: Sequence[wire.Refund]) -> tuple[list[wire.Refund], set[str]]:
    """Refunds that were made, and the orders they name; what is half made counts not at all."""
    alive = [one for one in refunds if one.status not in FAILED]
    waiting = {one.order_id for one in alive if one.status != DONE}
    made = [one for one in alive if one.order_id not in waiting and one.status == DONE]
    return made, {one.order_id for one in made if one.order_id}
