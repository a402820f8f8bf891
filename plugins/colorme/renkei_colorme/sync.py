"""Reading orders and members, and mirroring points by difference."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from renkei_colorme import mapping, walk, wire
from renkei_colorme.client import ColormeClient
from renkei_colorme.settings import ColormeSettings
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, OutcomeUnknown, PayloadInvalid, RenkeiError
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.transport import json_of, path_number
from renkei_contracts.toolkit.wire import Wire, named, page_of, parse

T = TypeVar("T", Order, Member)

MOST_ROWS = 100
"""Rows of an answer at most; asking for more is clamped in silence."""

MOST_CALLS = 14
"""Calls for one page at most; a walk that finds nothing in so many gives an empty page."""

EVER = "2000-01-01 00:00:00"
"""Without a beginning, only orders placed in the last seven days would be looked through."""


class Changes(Generic[T]):
    """One list, read by when its rows changed."""

    def __init__(
        self,
        client: ColormeClient,
        name: Literal["sales", "customers"],
        convert: Callable[[Any], T],
        query: Mapping[str, str],
    ) -> None:
        self._client, self._name, self._query = client, name, query
        self._convert: Callable[[Any], T] = convert

    async def page(self, window: Window, cursor: str | None) -> Page[T]:
        """Rows that changed within the window, oldest change first, from the cursor on."""
        here = walk.begin(window, cursor)
        for _ in range(MOST_CALLS):
            rows, meta = await self._rows(here)
            if here.rows is None and meta.total > len(rows):
                here = walk.narrowed(here, meta)
                continue
            next = walk.following(here, len(rows), meta.limit)
            if rows or next is None:
                return self._understood(rows, window, next.cursor() if next else None)
            here = next
        return Page((), here.cursor())

    async def _rows(self, here: walk.Slice) -> tuple[list[Any], wire.Meta]:
        offset, limit = here.rows or (0, MOST_ROWS)
        query = {
            **self._query,
            "update_date_min": walk.japanese(here.first),
            "update_date_max": walk.japanese(here.last),
            "limit": str(limit),
            "offset": str(offset),
        }
        rows, meta = await self._client.rows(f"/v1/{self._name}", self._name, query)
        walk.heeded(here, meta, [at for at in map(_changed_at, rows) if at is not None])
        if here.rows is not None and len(rows) > limit:
            raise PayloadInvalid(f"the list of {self._name} is longer than was asked for")
        return rows, meta

    def _understood(self, rows: list[Any], window: Window, cursor: str | None) -> Page[T]:
        page = page_of((row for row in rows if not _is_guest(row)), self._convert, cursor)
        items = sorted(page.items, key=lambda item: item.changed_at)
        inside = (item for item in items if item.changed_at < window.until)
        return Page(tuple(inside), cursor, page.rejected)


class ColormeOrders:
    """Orders (受注)."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._id = connection.id
        self._client = ColormeClient(connection)
        self._changes = Changes(self._client, "sales", self._order, {"make_date_min": EVER})

    async def fetch(self, id: str) -> Order:
        """The order."""
        answer = await self._client.get(f"/v1/sales/{path_number(id, 'order')}")
        sale = parse(wire.OneSale, answer, f"order {id}").sale
        order = self._order(sale)
        if order.ref.id != id:
            raise PayloadInvalid(f"order {id}: the answer is about another order")
        return order

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of orders; what cannot be understood is set aside."""
        return await self._changes.page(window, cursor)

    def _order(self, row: Any) -> Order:
        return mapping.to_order(parse(wire.Sale, row, named("order", row)), self._id)


class ColormeMembers:
    """Customers who are members (会員); guests are none."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._id = connection.id
        self._client = ColormeClient(connection)
        self._changes = Changes(self._client, "customers", self._member, {"member": "true"})

    async def fetch(self, id: str) -> Member:
        """The member."""
        return mapping.to_member(await customer(self._client, id), self._id)

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """A page of members; what cannot be understood is set aside."""
        return await self._changes.page(window, cursor)

    def _member(self, row: Any) -> Member:
        return mapping.to_member(parse(wire.Customer, row, named("customer", row)), self._id)


class ColormeBalances:
    """Shop points by difference: a purchase made meanwhile is not overwritten."""

    mode: Literal["absolute", "delta"] = "delta"
    idempotent = False
    shows_expiry = False
    settles_after = timedelta(seconds=10)

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._client = ColormeClient(connection)

    async def read(self, id: str) -> int:
        """The points; within ``settles_after`` of a write they may be those before it."""
        return (await customer(self._client, id)).points

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Add the change; what the answer cannot prove may have happened all the same."""
        path = f"/v1/customers/{path_number(id, 'customer')}/points"
        answer = await self._client.write("POST", path, {"points": write.change})
        what = f"points of customer {id}"
        try:
            shown = parse(wire.Points, json_of(answer), what)
        except RenkeiError as error:
            # The points are added: any other error would invite a second time.
            raise OutcomeUnknown(f"{what}: written, then {error}") from error
        if str(shown.customer_id) != id or shown.points < write.change:
            raise OutcomeUnknown(f"{what}: written, but the answer contradicts it: read again")
        return BalanceWritten(points=shown.points)


async def customer(client: ColormeClient, id: str) -> wire.Customer:
    """The customer; NotFound for a guest."""
    answer = await client.get(f"/v1/customers/{path_number(id, 'customer')}")
    what = f"customer {id}"
    row = parse(wire.OneCustomer, answer, what).customer
    found = parse(wire.Customer, row, what)
    if str(found.id) != id:
        raise PayloadInvalid(f"{what}: the answer is about another customer")
    if not found.member:
        raise NotFound(f"{what} is a guest and no member")
    return found


def _changed_at(row: Any) -> Any:
    """When the row changed, where that can be understood."""
    try:
        return parse(Changed, row, "row").update_date
    except PayloadInvalid:
        return None


class Changed(Wire):
    """When any row changed."""

    update_date: wire.Seconds


def _is_guest(row: Any) -> bool:
    """Whether it is a customer and no member."""
    return isinstance(row, dict) and row.get("member") is False
