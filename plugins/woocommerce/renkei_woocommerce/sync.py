"""Reading orders and customers, and mirroring points."""

from collections.abc import Sequence
from typing import Any, Literal

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected, Unavailable
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.transport import json_of, path_number
from renkei_contracts.toolkit.wire import named, page_of, parse
from renkei_woocommerce import wire
from renkei_woocommerce.client import WooCommerceClient
from renkei_woocommerce.mapping import (
    DRAFTS,
    is_whole,
    points_shown,
    states,
    to_member,
    to_order,
)
from renkei_woocommerce.reading import ByChange, ById, is_new, merged
from renkei_woocommerce.settings import WooCommerceSettings

LISTS = ("any", "trash")
"""Whatever is not in the trash, and what is (source: the documentation, List all orders)."""


class WooCommerceOrders:
    """Orders, with their refunds, which an order itself only counts."""

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._id = connection.id
        self._states = states(connection.settings.paid_statuses)
        self._client = WooCommerceClient(connection)

    async def fetch(self, id: str) -> Order:
        """The order; a draft of the checkout is none yet."""
        row = await self._client.get(f"/orders/{path_number(id, 'order')}")
        if _is_draft(row):
            raise NotFound(f"order {id}: it is a draft of the checkout")
        return await self._order(row)

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of orders, those in the trash too; what cannot be understood is set aside."""
        reading = ByChange.begin(window, cursor)
        rows, goes_on = merged([await self._listed(reading, status) for status in LISTS])
        items: list[Order] = []
        rejected: list[tuple[str, str]] = []
        for row in reading.within(rows):
            try:
                if not _is_draft(row):
                    items.append(await self._order(row))
            except (PayloadInvalid, NotFound) as error:  # NotFound: deleted while we were reading
                rejected.append((str(row.get("id", "unknown")), str(error)))
        after = reading.after(rows) if goes_on else None
        return Page(tuple(items), after, tuple(rejected))

    async def _listed(self, reading: ByChange, status: str) -> tuple[Sequence[Any], bool]:
        found = await self._client.rows("/orders", {**reading.query(), "status": status})
        return found.rows, found.pages > 1

    async def _order(self, row: Any) -> Order:
        order = parse(wire.Order, row, named("order", row))
        refunds = () if is_whole(order) else await self._refunds(order)
        return to_order(order, refunds, self._id, self._states)

    async def _refunds(self, order: wire.Order) -> Sequence[wire.Refund]:
        """Every refund of the order, with its lines."""
        rows = await self._client.all(f"/orders/{order.id}/refunds")
        refunds = [parse(wire.Refund, row, f"a refund of order {order.id}") for row in rows]
        if {one.id for one in order.refunds} != {one.id for one in refunds}:
            raise Unavailable(f"order {order.id}: it was refunded while it was read; read it again")
        return refunds


class WooCommerceMembers:
    """Customers; whether they may log in is no matter here."""

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._client = WooCommerceClient(connection)

    async def fetch(self, id: str) -> Member:
        """The customer."""
        return self._member(await self._client.get(_customer(id)))

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of customers; what cannot be understood is set aside.

        All of them are listed and those of the window picked out: WooCommerce cannot do it.
        """
        if not self._settings.poll_customers:
            return Page(())
        reading = ById.begin(cursor)
        found = await self._client.rows("/customers", reading.query())
        if reading.moved(found.rows):
            reading = ById()
            found = await self._client.rows("/customers", reading.query())
        fresh = reading.fresh(found.rows)
        page = page_of(fresh, self._member, None)
        items = [one for one in page.items if window.since <= one.changed_at < window.until]
        at_end = found.total <= reading.offset + len(found.rows)
        ended = at_end or all(is_new(row, window) for row in fresh)
        return Page(tuple(items), None if ended else reading.after(found.rows), page.rejected)

    def _member(self, row: Any) -> Member:
        customer = parse(wire.Customer, row, named("customer", row))
        given = self._settings
        return to_member(customer, self._id, given.points_key, trust_email=given.trust_email)


class WooCommerceBalances:
    """Points in the customer's meta: set, never added to."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._key = connection.settings.points_key
        self._client = WooCommerceClient(connection)

    async def read(self, id: str) -> int:
        """What the meta says; 0 where it was never written."""
        return self._points(await self._client.get(_customer(id))) or 0

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Set the meta to what can be spent; one value by its key, however often."""
        meta = {"key": self._key, "value": str(write.balance.spendable)}
        try:
            answer = await self._client.write("PUT", _customer(id), {"meta_data": [meta]})
        except Rejected:
            # WooCommerce refuses an unknown customer with 400, as it does anything else.
            await self.read(id)
            raise
        return BalanceWritten(points=self._points(json_of(answer)))

    def _points(self, row: Any) -> int | None:
        return points_shown(parse(wire.Customer, row, "customer"), self._key)


def _is_draft(row: Any) -> bool:
    return parse(wire.Standing, row, named("order", row)).status in DRAFTS


def _customer(id: str) -> str:
    return f"/customers/{path_number(id, 'customer')}"
