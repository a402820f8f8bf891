"""Reading orders and members, and mirroring points, over the Admin API."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected, UnsupportedFeature
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.wire import parse
from renkei_vendure import documents, mapping, wire
from renkei_vendure.client import VendureClient
from renkei_vendure.lists import Place, changed_customers, changed_orders, next_cursor
from renkei_vendure.settings import VendureSettings

ORDER_PAGE = 50
MEMBER_PAGE = 100

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LARGEST_INT = 2**31 - 1
"""What an Int of GraphQL and of Vendure's custom fields can hold."""

T = TypeVar("T")


class VendureOrders:
    """Orders that were placed; carts and drafts are none."""

    def __init__(self, connection: Connection[VendureSettings]) -> None:
        self._id = connection.id
        self._client = VendureClient(connection)

    async def fetch(self, id: str) -> Order:
        """The order as it is now."""
        data = await self._client.run(documents.ORDER, {"id": _known(id, "order")})
        return self._order(_found(data, "order", id), id, _unit(data))

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of orders; what cannot be understood is set aside."""
        variables = {"take": ORDER_PAGE, "filter": changed_orders(window, cursor)}
        data = await self._client.run(documents.ORDERS, variables)
        page = parse(wire.ListPage, data.get("orders"), "the orders")
        unit = _unit(data)
        items, rejected = _read(page.items, lambda row, id: self._order(row, id, unit))
        places = [parse(wire.OrderPlace, row, "an order's place") for row in page.items]
        return Page(items, _next(places, cursor, page.total_items), rejected)

    def _order(self, node: object, id: str, unit: int) -> Order:
        order = parse(wire.Order, node, f"order {id}")
        return mapping.to_order(order, self._id, unit)


class VendureMembers:
    """Customers."""

    def __init__(self, connection: Connection[VendureSettings]) -> None:
        self._id = connection.id
        self._trust = connection.settings.trust_verified_email
        self._client = VendureClient(connection)

    async def fetch(self, id: str) -> Member:
        """The customer; raises NotFound once they are deleted, too."""
        data = await self._client.run(documents.CUSTOMER, {"id": _known(id, "customer")})
        return self._member(_found(data, "customer", id), id)

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of customers; what cannot be understood is set aside."""
        variables = {"take": MEMBER_PAGE, "filter": changed_customers(window, cursor)}
        data = await self._client.run(documents.CUSTOMERS, variables)
        page = parse(wire.ListPage, data.get("customers"), "the customers")
        items, rejected = _read(page.items, self._member)
        places = [parse(wire.CustomerPlace, row, "a customer's place") for row in page.items]
        return Page(items, _next(places, cursor, page.total_items), rejected)

    def _member(self, node: object, id: str) -> Member:
        customer = parse(wire.Customer, node, f"customer {id}")
        return mapping.to_member(customer, self._id, trust_verified_email=self._trust)


class VendureBalances:
    """Points as a custom field of the customer: set, never added to."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[VendureSettings]) -> None:
        self._field = connection.settings.points_field
        self._client = VendureClient(connection)

    async def read(self, id: str) -> int:
        """The field's value; 0 where it was never written."""
        document = documents.points_read(self._field)
        data = await self._client.run(document, {"id": _known(id, "customer")})
        return self._points(_found(data, "customer", id), id)

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Set the field to what can be spent."""
        points = write.balance.spendable
        if points > LARGEST_INT:
            raise UnsupportedFeature(f"customer {id}: Vendure cannot hold so many points")
        change = {"id": _known(id, "customer"), "customFields": {self._field: points}}
        document = documents.points_write(self._field)
        data = await self._client.run(document, {"input": change}, writes=True)
        done = _found(data, "updateCustomer", id)
        if parse(wire.Result, done, "updateCustomer").typename != "Customer":
            raise Rejected(f"customer {id}: Vendure refuses to write the points")
        return BalanceWritten(points=self._points(done, id))

    def _points(self, node: object, id: str) -> int:
        holder = parse(wire.PointsHolder, node, f"customer {id}")
        if self._field not in holder.custom_fields:
            raise PayloadInvalid(f"customer {id}: the answer does not hold {self._field}")
        return holder.custom_fields[self._field] or 0


def _unit(data: Mapping[str, Any]) -> int:
    given = parse(wire.GlobalSettings, data.get("globalSettings"), "the global settings")
    return mapping.unit_of(given)


def _known(id: str, kind: str) -> str:
    if not ID.fullmatch(id):
        raise NotFound(f"{kind} {id!a}: not an id of Vendure")
    return id


def _found(data: Mapping[str, Any], kind: str, id: str) -> object:
    if kind not in data:
        raise PayloadInvalid(f"{kind} {id}: the answer does not hold it")
    if data[kind] is None:
        raise NotFound(f"{kind} {id}: Vendure has no such {kind}")
    return data[kind]


def _read(
    rows: Sequence[dict[str, Any]], read: Callable[[object, str], T]
) -> tuple[tuple[T, ...], tuple[tuple[str, str], ...]]:
    """What could be understood, and what not with the reason."""
    items: list[T] = []
    rejected: list[tuple[str, str]] = []
    for row in rows:
        id = str(row.get("id", "unknown"))
        try:
            items.append(read(row, id))
        except (PayloadInvalid, NotFound) as error:
            rejected.append((id, str(error)))
    return tuple(items), tuple(rejected)


def _next(places: Sequence[Place], cursor: str | None, total: int) -> str | None:
    """None once the page holds everything that was asked for; the cursor is part of the asking."""
    return next_cursor(places, cursor) if 0 < len(places) < total else None
