"""Reading orders and members, and mirroring points, over the Admin GraphQL API."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.wire import canonical, parse
from renkei_shopify import documents, mapping, mapping_graphql, wire_graphql
from renkei_shopify.client import ShopifyClient
from renkei_shopify.export import OrdersExport
from renkei_shopify.settings import ShopifySettings

ORDER_PAGE = 10
"""Each order of a page is read by a document of its own, and the cost bucket must last."""

MEMBER_PAGE = 50

N = TypeVar("N")


class ShopifyOrders:
    """Orders, each read whole."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._id = connection.id
        self._registers = connection.settings.registers
        self._client = ShopifyClient(connection)
        self._export = OrdersExport(connection, self.fetch)

    async def fetch(self, id: str) -> Order:
        """The order with all of its lines and refunds."""
        global_id = _global_id("Order", id)
        data = await self._client.run(documents.ORDER, {"id": global_id})
        node = parse(wire_graphql.Order, _found(data, "order", id), f"order {id}")
        if len(node.refunds) >= documents.MAX_REFUNDS:
            raise PayloadInvalid(f"order {id} has more refunds than one reading names")
        lines = await _all(node.line_items, lambda after: self._more_lines(global_id, id, after))
        refunds = [await self._refund(refund.id, id) for refund in node.refunds]
        read = canonical(f"order {id}", lambda: mapping_graphql.order(node, lines, refunds))
        return mapping.to_order(read, self._id, self._registers)

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of ids, then each order; what cannot be understood is set aside."""
        variables = _page_variables(window, cursor, ORDER_PAGE)
        data = await self._client.run(documents.ORDERS_CHANGED, variables)
        ids = parse(wire_graphql.Slice[wire_graphql.Legacy], data.get("orders"), "orders changed")
        items: list[Order] = []
        rejected: list[tuple[str, str]] = []
        for node in ids.nodes:
            id = str(node.legacy_resource_id)
            try:
                items.append(await self.fetch(id))
            except (PayloadInvalid, NotFound) as error:  # NotFound: deleted while we were reading
                rejected.append((id, str(error)))
        return Page(tuple(items), _next(ids.page_info), tuple(rejected))

    async def past(self, window: Window, cursor: str | None) -> Page[Order]:
        """The same from one file that Shopify writes, in no order, for a window of many orders."""
        return await self._export.page(_filter(window), cursor)

    async def _more_lines(
        self, global_id: str, id: str, after: str
    ) -> wire_graphql.Slice[wire_graphql.LineItem]:
        variables = {"id": global_id, "after": after}
        data = await self._client.run(documents.ORDER_LINES, variables)
        more = parse(wire_graphql.MoreLines, _found(data, "order", id), f"order {id}")
        return more.line_items

    async def _refund(
        self, refund: str, id: str
    ) -> tuple[wire_graphql.Refund, tuple[wire_graphql.RefundLine, ...]]:
        """A refund and all of its lines."""

        async def page(after: str | None) -> wire_graphql.Refund:
            data = await self._client.run(documents.REFUND, {"id": refund, "after": after})
            return parse(wire_graphql.Refund, _found(data, "refund", id), f"order {id}")

        async def more(after: str) -> wire_graphql.Slice[wire_graphql.RefundLine]:
            return (await page(after)).refund_line_items

        head = await page(None)
        return head, await _all(head.refund_line_items, more)


class ShopifyMembers:
    """Customers."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._id = connection.id
        self._trust = connection.settings.trust_verified_email
        self._client = ShopifyClient(connection)

    async def fetch(self, id: str) -> Member:
        """The customer."""
        data = await self._client.run(documents.CUSTOMER, {"id": _global_id("Customer", id)})
        return self._member(_found(data, "customer", id), id)

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of customers; what cannot be understood is set aside."""
        variables = _page_variables(window, cursor, MEMBER_PAGE)
        data = await self._client.run(documents.CUSTOMERS_CHANGED, variables)
        page = parse(wire_graphql.Slice[dict[str, Any]], data.get("customers"), "customers changed")
        items: list[Member] = []
        rejected: list[tuple[str, str]] = []
        for node in page.nodes:
            id = str(node.get("legacyResourceId", "unknown"))
            try:
                items.append(self._member(node, id))
            except PayloadInvalid as error:
                rejected.append((id, str(error)))
        return Page(tuple(items), _next(page.page_info), tuple(rejected))

    def _member(self, node: object, id: str) -> Member:
        customer = parse(wire_graphql.Customer, node, f"customer {id}")
        return mapping.to_member(
            mapping_graphql.customer(customer), self._id, trust_verified_email=self._trust
        )


class ShopifyBalances:
    """Points as an integer metafield on the customer: set, never added to."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._settings = connection.settings
        self._client = ShopifyClient(connection)

    async def read(self, id: str) -> int:
        """The metafield's value; 0 where it was never written."""
        variables = {"id": _global_id("Customer", id), **self._name()}
        data = await self._client.run(documents.POINTS_READ, variables)
        found = _found(data, "customer", id)
        holder = parse(wire_graphql.PointsHolder, found, f"customer {id}")
        return _points(holder.metafield, id) if holder.metafield else 0

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Set the metafield to what can be spent."""
        field = {
            "ownerId": _global_id("Customer", id),
            "type": "number_integer",
            "value": str(write.balance.spendable),
            **self._name(),
        }
        data = await self._client.run(documents.POINTS_WRITE, {"metafields": [field]}, writes=True)
        done = parse(wire_graphql.MetafieldsSet, data.get("metafieldsSet"), "metafieldsSet")
        if done.user_errors:
            why = "; ".join(f"{one.code or 'no code'}: {one.message}" for one in done.user_errors)
            raise Rejected(f"customer {id}: Shopify refuses the points metafield ({why})")
        return BalanceWritten(points=_points(done.metafields[0], id) if done.metafields else None)

    def _name(self) -> dict[str, str]:
        """Shopify takes the app's own namespace when none is sent."""
        namespace = self._settings.metafield_namespace
        key = {"key": self._settings.metafield_key}
        return {"namespace": namespace, **key} if namespace else key


def _points(metafield: wire_graphql.Metafield, id: str) -> int:
    digits = metafield.value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        raise PayloadInvalid(f"customer {id}: the points metafield holds no whole number")
    return int(metafield.value)


def _global_id(kind: str, id: str) -> str:
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound(f"{kind} {id!a}: not an id of Shopify")
    return mapping_graphql.gid(kind, id)


def _found(data: dict[str, Any], kind: str, id: str) -> object:
    if kind not in data:
        raise PayloadInvalid(f"{kind} {id}: the answer does not hold it")
    if data[kind] is None:
        raise NotFound(f"{kind} {id}: Shopify has no such {kind}")
    return data[kind]


async def _all(
    first: wire_graphql.Slice[N], more: Callable[[str], Awaitable[wire_graphql.Slice[N]]]
) -> tuple[N, ...]:
    """Every node of a connection, from its first page on."""
    page, nodes = first, list(first.nodes)
    while (after := _next(page.page_info)) is not None:
        page = await more(after)
        nodes.extend(page.nodes)
    return tuple(nodes)


def _next(info: wire_graphql.PageInfo) -> str | None:
    if info.has_next_page and info.end_cursor is None:
        raise PayloadInvalid("a page says that more follows, but not where")
    return info.end_cursor if info.has_next_page else None


def _page_variables(window: Window, cursor: str | None, size: int) -> dict[str, object]:
    """Its cursor stands between two (updated_at, id) pairs: rows sharing a second are told apart.

    A row that changes under us moves to the end or out of the window, where the next one finds it.
    """
    return {"filter": _filter(window), "first": size, "after": cursor}


def _filter(window: Window) -> str:
    """Shopify keeps whole seconds: the window is widened to them, so that no tie falls out."""
    since = _second(window.since)
    until = _second(window.until + timedelta(microseconds=999_999))
    return f"updated_at:>='{since}' AND updated_at:<'{until}'"


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
