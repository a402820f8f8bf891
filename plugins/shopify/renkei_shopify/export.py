"""Orders of a long past from a bulk operation: Shopify writes them into one file, we read parts.

A line of the file is an order or, behind it, one of its goods (JSON Lines, ``groupObjects``). What
is in memory is one part of it; a cursor says which export it is and how many bytes were read.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from renkei_contracts.connection import Connection
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    PayloadInvalid,
    RateLimited,
    Rejected,
    Unavailable,
)
from renkei_contracts.order import Order
from renkei_contracts.paging import Page
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import documents, mapping, mapping_graphql, wire_graphql
from renkei_shopify.client import ShopifyClient, named
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.wire_export import Begun, Export

PART = 1 << 18
"""Bytes of the file that are read at once, unless an order is longer: some eighty orders."""

LONGEST = 1 << 26
"""Bytes of one order at most."""

ORDERS = 200
"""Orders of one page at most."""

READ_AGAIN = 5
"""Orders of one page that are read again at most: of refunds the file tells nothing."""

BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
WORKING = frozenset({"CREATED", "RUNNING"})


@dataclass(frozen=True)
class Mark:
    """A cursor: the number of the export, and the bytes of its file that were read."""

    export: str
    offset: int

    def __str__(self) -> str:
        return f"{self.export}:{self.offset}"


@dataclass(frozen=True)
class Exported:
    """An order with its goods, each None where its line is not understood; where it ends."""

    rows: tuple[Any, ...]
    ends: int


class OrdersExport:
    """Pages of an export."""

    def __init__(
        self, connection: Connection[ShopifySettings], fetch: Callable[[str], Awaitable[Order]]
    ) -> None:
        self._id, self._http = connection.id, connection.http
        self._settings = connection.settings
        self._client = ShopifyClient(connection)
        self._fetch = fetch

    async def page(self, filter: str, cursor: str | None) -> Page[Order]:
        """First a page without orders, which names the export; then what its file holds.

        Raises Unavailable while Shopify writes the file, and Rejected where it is there no more.
        """
        if cursor is None:
            return Page((), str(Mark(await self._begin(filter), 0)))
        mark = _mark(cursor)
        url = await self._file(mark.export)
        if url is None:
            return Page(())
        found, whole = await self._exported(url, mark.offset)
        return await self._page(mark.export, found, whole)

    async def _begin(self, filter: str) -> str:
        query = documents.orders_export(filter).text
        data = await self._client.run(documents.EXPORT_BEGIN, {"query": query}, writes=True)
        begun = parse(Begun, data.get("bulkOperationRunQuery"), "export")
        refused = {one.code or "no code" for one in begun.user_errors}
        if refused and refused <= BUSY:
            raise RateLimited("Shopify has as many exports of this store under way as it takes")
        if refused or begun.bulk_operation is None:
            raise Rejected(f"Shopify begins no export ({', '.join(sorted(refused))})")
        return str(mapping_graphql.number_of(begun.bulk_operation.id))

    async def _file(self, export: str) -> str | None:
        """Where the file lies; None: nothing was exported."""
        id = mapping_graphql.gid("BulkOperation", export)
        data = await self._client.run(documents.EXPORT, {"id": id})
        node = named(data, "bulkOperation")
        if node is None:
            raise Rejected(f"Shopify does not know the export {export} any more: begin another")
        told = parse(Export, node, f"export {export}")
        if told.status in WORKING:
            raise Unavailable(f"export {export}: Shopify has written {told.object_count} lines yet")
        if told.error_code == "ACCESS_DENIED":
            raise AuthenticationFailed(f"export {export}: an access scope is missing")
        if told.status != "COMPLETED":
            why = f"{told.status[:40]!a}, {(told.error_code or 'no code')[:40]!a}"
            raise Rejected(f"export {export} has ended ({why}): begin another")
        if told.url is not None and not self._settings.allows_file(told.url):
            raise PayloadInvalid(f"export {export}: its file lies where we do not read")
        return told.url

    async def _exported(self, url: str, offset: int) -> tuple[Sequence[Exported], bool]:
        """The next orders that are whole, and whether nothing follows."""
        size = PART
        while size <= LONGEST:
            part, last = await self._part(url, offset, size)
            found = list(exported(part, offset, last=last))
            if found or last:
                return found, last
            size *= 4
        raise PayloadInvalid(f"an order in the export is longer than {LONGEST} bytes")

    async def _part(self, url: str, offset: int, size: int) -> tuple[bytes, bool]:
        """So many bytes of the file at most, and whether it ends with them.

        The token is not shown to whoever keeps the file.
        """
        # One byte more than is wanted shows whether there is more.
        headers = {"Range": f"bytes={offset}-{offset + size}", "Accept-Encoding": "identity"}
        got = bytearray()
        try:
            async with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code == 416:
                    return b"", True
                skip = _before(response, offset)
                async for piece in response.aiter_bytes():
                    got += piece[skip:]
                    skip = max(0, skip - len(piece))
                    if len(got) > size + 1:
                        break  # of a server without ranges, which would send all the rest
        except httpx.TransportError as error:
            raise Unavailable(f"the export's file: {type(error).__name__}") from None
        return bytes(got[:size]), len(got) <= size

    async def _page(self, export: str, found: Sequence[Exported], whole: bool) -> Page[Order]:
        items: list[Order] = []
        rejected: list[tuple[str, str]] = []
        again = 0
        for number, one in enumerate(found, 1):
            id = _id_of(one)
            again += _has_refunds(one)
            try:
                items.append(await self._order(one, id))
            except (PayloadInvalid, NotFound) as error:
                rejected.append((id, str(error)))
            if number < len(found) and (number == ORDERS or again == READ_AGAIN):
                return Page(tuple(items), str(Mark(export, one.ends)), tuple(rejected))
        next_page = None if whole else str(Mark(export, found[-1].ends))
        return Page(tuple(items), next_page, tuple(rejected))

    async def _order(self, one: Exported, id: str) -> Order:
        if None in one.rows:
            raise PayloadInvalid("a line of the export is not JSON")
        if _has_refunds(one):
            return await self._fetch(id)
        head, *goods = one.rows
        if any(row["__parentId"] != head.get("id") for row in goods):
            raise PayloadInvalid("a line of the export is of another order than it stands behind")
        lines = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": goods}
        node = parse(wire_graphql.Order, {**head, "lineItems": lines}, f"order {id}")
        read = mapping_graphql.order(node, node.line_items.nodes, ())
        return mapping.to_order(read, self._id, self._settings.registers)


def exported(part: bytes, offset: int, *, last: bool) -> Iterator[Exported]:
    """The orders of a part of the file; without ``last`` the one at its end may go on behind it."""
    rows: list[Any] = []
    at = offset
    for line in part.splitlines(keepends=True):
        if not line.endswith(b"\n") and not last:
            return
        row = _row(line)
        if rows and row is None:
            # It may be the last of this order's goods, or the next order.
            yield Exported((*rows, None), at)
            rows = []
        elif rows and row and "__parentId" not in row:
            yield Exported(tuple(rows), at)
            rows = []
        at += len(line)
        if row != {}:
            rows.append(row)
    if rows and last:
        yield Exported(tuple(rows), at)


def _row(line: bytes) -> Any:
    """What a line says: nothing for an empty one, None where it is not understood."""
    if not line.strip():
        return {}
    try:
        row = json.loads(line, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and row else None


def _id_of(one: Exported) -> str:
    head = one.rows[0]
    id = head.get("legacyResourceId") if isinstance(head, Mapping) else None
    return id if isinstance(id, str) else "unknown"


def _has_refunds(one: Exported) -> bool:
    head = one.rows[0]
    return isinstance(head, Mapping) and bool(head.get("refunds"))


def _mark(cursor: str) -> Mark:
    match = re.fullmatch(r"([1-9]\d{0,19}):(\d{1,15})", cursor, re.ASCII)
    if match is None:
        raise Rejected("the cursor is none of an export")
    return Mark(match[1], int(match[2]))


def _before(response: httpx.Response, offset: int) -> int:
    """How many bytes come before those asked for: all of them, where the server knows no parts."""
    status = response.status_code
    if response.headers.get("content-encoding", "identity") != "identity":
        raise PayloadInvalid("the export's file: it came packed, so that its parts cannot be told")
    if status == 200:
        return offset
    if status == 206:
        if not response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
            raise PayloadInvalid("the export's file: another part came than was asked for")
        return 0
    if status >= 500 or status in (408, 425, 429):
        raise Unavailable(f"the export's file: the answer was {status}")
    raise Rejected(f"the export's file: the answer was {status}; begin another export")
