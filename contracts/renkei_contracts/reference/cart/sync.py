"""Reading orders and customers, and mirroring points."""

from typing import Any, Literal

from renkei_contracts.connection import Connection
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.client import ReferenceClient
from renkei_contracts.reference.cart.mapping import to_member, to_order
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.transport import json_of, path_id
from renkei_contracts.toolkit.wire import named, page_of, parse


class ReferenceOrders:
    """Orders."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._id = connection.id
        self._client = ReferenceClient(connection)

    async def fetch(self, id: str) -> Order:
        """The order."""
        return self._order(await self._client.get(f"/v1/orders/{path_id(id, 'order')}"))

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of orders; what cannot be understood is set aside."""
        page = await self._client.page("/v1/orders", window, cursor)
        return page_of(page.rows, self._order, page.next)

    def _order(self, row: Any) -> Order:
        return to_order(parse(wire.Order, row, named("order", row)), self._id)


class ReferenceMembers:
    """Customers."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._id = connection.id
        self._client = ReferenceClient(connection)

    async def fetch(self, id: str) -> Member:
        """The customer."""
        return self._member(await self._client.get(f"/v1/customers/{path_id(id, 'customer')}"))

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of customers; what cannot be understood is set aside."""
        page = await self._client.page("/v1/customers", window, cursor)
        return page_of(page.rows, self._member, page.next)

    def _member(self, row: Any) -> Member:
        return to_member(parse(wire.Customer, row, named("customer", row)), self._id)


class ReferenceBalances:
    """Points on the account page: set, never added to."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = True

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._client = ReferenceClient(connection)

    async def read(self, id: str) -> int:
        """What the account page shows."""
        answer = await self._client.get(_points_path(id))
        return parse(wire.Points, answer, f"points of customer {id}").points

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Set what can be spent; the latest day of expiry, never an earlier one."""
        until = write.balance.latest_expiry
        body = {
            "points": write.balance.spendable,
            "expires_on": None if until is None else until.isoformat(),
        }
        answer = await self._client.write("PUT", _points_path(id), body)
        shown = parse(wire.Points, json_of(answer), f"points of customer {id}")
        return BalanceWritten(points=shown.points)


def _points_path(id: str) -> str:
    return f"/v1/customers/{path_id(id, 'customer')}/points"
