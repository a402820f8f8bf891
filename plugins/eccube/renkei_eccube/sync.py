"""Reading orders and members, and showing points by our companion."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from renkei_contracts.capability import Product
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, NotYet, PayloadInvalid, UnsupportedFeature
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.wire import named, parse
from renkei_eccube import documents, mapping, walk, wire
from renkei_eccube.amounts import whole
from renkei_eccube.client import EccubeClient
from renkei_eccube.documents import Document
from renkei_eccube.settings import EccubeSettings

T = TypeVar("T", Order, Member, Product)

MOST_CALLS = 14
"""Calls for one page at most; a walk that finds nothing in so many gives an empty page."""

ID = re.compile(r"[1-9][0-9]{0,9}")

LARGEST_INT = 2**31 - 1
"""What an Int of GraphQL can hold."""


class Changes(Generic[T]):
    """One list, read by when its rows changed. ``read`` makes of a row what it holds."""

    def __init__(
        self,
        connection: Connection[EccubeSettings],
        document: Document,
        read: Callable[[Any], Sequence[tuple[datetime, T]]],
    ) -> None:
        self._client = EccubeClient(connection)
        self._limit = connection.settings.page_size
        self._document = document
        self._read: Callable[[Any], Sequence[tuple[datetime, T]]] = read

    async def page(self, window: Window, cursor: str | None) -> Page[T]:
        """What changed within the window, oldest change first, from the cursor on."""
        here = walk.begin(window, cursor)
        for _ in range(MOST_CALLS):
            listed = await self._listed(here)
            if here.page is None and listed.total > len(listed.nodes):
                here = walk.narrowed(here, listed.total, self._limit)
                continue
            next = walk.following(here, len(listed.nodes), self._limit)
            if listed.nodes or next is None:
                return self._understood(listed.nodes, window, next.cursor() if next else None)
            here = next
        return Page((), here.cursor())

    async def _listed(self, here: walk.Slice) -> wire.Listed:
        data = await self._client.run(self._document, here.asked(self._limit))
        what = self._document.name
        listed = parse(wire.Listed, data.get(what), f"the {what}")
        if len(listed.nodes) > self._limit:
            raise PayloadInvalid(f"the {what}: there are more than were asked for")
        return listed

    def _understood(self, rows: Sequence[Any], window: Window, cursor: str | None) -> Page[T]:
        items: list[tuple[datetime, T]] = []
        rejected: list[tuple[str, str]] = []
        for row in rows:
            try:
                items += self._read(row)
            except NotYet:
                continue
            except PayloadInvalid as error:
                id = row.get("id", "unknown") if isinstance(row, dict) else "unknown"
                rejected.append((str(id), str(error)))
        items.sort(key=lambda one: one[0])
        inside = (thing for changed_at, thing in items if changed_at < window.until)
        return Page(tuple(inside), cursor, tuple(rejected))


class EccubeOrders:
    """Orders (受注)."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._id = connection.id
        self._rules = mapping.rules(connection.settings)
        self._client = EccubeClient(connection)
        self._changes = Changes(connection, documents.ORDERS, self._row)

    async def fetch(self, id: str) -> Order:
        """The order; NotYet while it is in the checkout."""
        return self._order(await found(self._client, documents.ORDER, id), f"order {id}")

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of orders; what cannot be understood is set aside."""
        return await self._changes.page(window, cursor)

    def _row(self, row: Any) -> Sequence[tuple[datetime, Order]]:
        order = self._order(row, named("order", row))
        return [(order.changed_at, order)]

    def _order(self, row: Any, what: str) -> Order:
        return mapping.to_order(parse(wire.Order, row, what), self._id, self._rules)


class EccubeMembers:
    """Customers who confirmed their address (本会員), and those who left (退会)."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._id = connection.id
        self._rules = mapping.rules(connection.settings)
        self._client = EccubeClient(connection)
        self._changes = Changes(connection, documents.CUSTOMERS, self._row)

    async def fetch(self, id: str) -> Member:
        """The member; NotYet before the address is confirmed."""
        return self._member(await found(self._client, documents.CUSTOMER, id), f"customer {id}")

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of members; what cannot be understood is set aside."""
        return await self._changes.page(window, cursor)

    def _row(self, row: Any) -> Sequence[tuple[datetime, Member]]:
        member = self._member(row, named("customer", row))
        return [(member.changed_at, member)]

    def _member(self, row: Any, what: str) -> Member:
        return mapping.to_member(parse(wire.Customer, row, what), self._id, self._rules)


class EccubeBalances:
    """Points that the shop shows a customer: read by its API, set by our companion."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._writes = connection.settings.points == "companion"
        self._client = EccubeClient(connection)

    async def read(self, id: str) -> int:
        """The points; below zero where EC-CUBE took back more than there were."""
        what = f"customer {id}"
        row = await found(self._client, documents.CUSTOMER, id)
        return whole(parse(wire.Customer, row, what).point, f"{what}: point")

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Set the balance, unless the companion has been told a newer one."""
        what = f"points of customer {known(id, 'customer')}"
        if not self._writes:
            raise UnsupportedFeature(
                f"{what}: EC-CUBE's API cannot write points: install our companion and set points "
                "to 'companion'"
            )
        if write.balance.spendable > LARGEST_INT:
            raise UnsupportedFeature(f"{what}: EC-CUBE cannot be told so many")
        variables = {
            "customer": id,
            "points": write.balance.spendable,
            "version": version(write.balance),
        }
        data = await self._client.run(documents.SET_POINTS, variables, writes=True)
        shown = parse(wire.ShownBalance, data.get("renkeiSetPoints"), what)
        if shown.customer_id != id or (shown.applied and shown.points != variables["points"]):
            raise PayloadInvalid(f"{what}: the companion answers about something else")
        return BalanceWritten(points=shown.points)


def version(balance: Balance) -> str:
    """What sorts after every older balance of the same member: its version, then its time."""
    at = balance.as_of.astimezone(UTC).isoformat(timespec="microseconds")
    return f"{balance.version:019d}@{at}"


def known(id: str, kind: str) -> str:
    """The id, where EC-CUBE can have it; another text is an error in its database."""
    if not ID.fullmatch(id) or int(id) > wire.LARGEST_ID:
        raise NotFound(f"{kind} {id[:64]!a}: not an id of EC-CUBE")
    return id


async def found(client: EccubeClient, document: Document, id: str) -> Any:
    """What the document asks for by its id; NotFound where there is none."""
    kind = document.name
    data = await client.run(document, {"id": known(id, kind)})
    if kind not in data:
        raise PayloadInvalid(f"{kind} {id}: the answer does not hold it")
    row = data[kind]
    if row is None:
        raise NotFound(f"{kind} {id}: EC-CUBE has no such {kind}")
    if not isinstance(row, dict) or row.get("id") != id:
        raise PayloadInvalid(f"{kind} {id}: the answer is about something else")
    return row
