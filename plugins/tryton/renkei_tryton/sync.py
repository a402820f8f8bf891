"""Reading finished sales over JSON-RPC."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.toolkit.wire import parse
from renkei_tryton import mapping, wire
from renkei_tryton.client import TrytonClient
from renkei_tryton.settings import TrytonSettings

PAGE = 100
FINISHED = [
    "OR",
    ["state", "in", ["done", "posted"]],
    # One that was finished, opened again and cancelled keeps its number; others never had one.
    [["state", "=", "cancelled"], ["number", "!=", None]],
]
OLDEST_CHANGE_FIRST = (("write_date", "ASC"), ("id", "ASC"))


class TrytonOrders:
    """Finished sales, also those cancelled afterwards; what was never finished is none."""

    def __init__(self, connection: Connection[TrytonSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._client = TrytonClient(connection)

    async def fetch(self, id: str) -> Order:
        """The sale as it is now; raises NotFound where it is not finished, too."""
        if not (id.isascii() and id.isdigit() and len(id) <= 18):
            raise NotFound(f"sale {id!a}: not an id of Tryton")
        domain = [FINISHED, ["id", "=", int(id)]]
        rows = await self._client.search(wire.SALE, domain, wire.SALE_FIELDS)
        if not rows:
            raise NotFound(f"sale {id}: Tryton has no such finished sale")
        return self._order(rows[0], id)

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """A page of sales; what cannot be understood is set aside."""
        domain = [
            FINISHED,
            ["write_date", ">=", wire.moment(window.since)],
            ["write_date", "<", wire.moment(window.until)],
            *([_after(cursor)] if cursor is not None else []),
        ]
        rows = await self._client.search(
            wire.SALE, domain, wire.SALE_FIELDS, order=OLDEST_CHANGE_FIRST, limit=PAGE
        )
        items: list[Order] = []
        rejected: list[tuple[str, str]] = []
        for row in rows:
            id = str(row.get("id", "unknown"))
            try:
                items.append(self._order(row, id))
            except PayloadInvalid as error:
                rejected.append((id, str(error)))
        return Page(tuple(items), _next(rows), tuple(rejected))

    def _order(self, row: dict[str, Any], id: str) -> Order:
        sale = parse(wire.Sale, row, f"sale {id}")
        return mapping.to_order(sale, self._id, self._settings)


def _next(rows: Sequence[dict[str, Any]]) -> str | None:
    """The last row's place: by instant, then by id, so that rows of one instant are told apart.

    No offset: a row that is posted meanwhile leaves its place, and all behind it would move up.
    Only an empty page is the last: that one is short says nothing, something between may limit it.
    A row whose place cannot be read is passed over, and met again on the next page; where no place
    can be read nobody knows what follows.
    """
    for row in reversed(rows):
        try:
            last = parse(wire.Place, row, "a row's place")
        except PayloadInvalid:
            continue
        return f"{last.write_date.isoformat()} {last.id}"
    if rows:
        raise PayloadInvalid("no row of the page tells its id and write_date")
    return None


def _after(cursor: str) -> list[Any]:
    instant, _, id = cursor.partition(" ")
    try:
        at, last = wire.moment(datetime.fromisoformat(instant)), int(id)
    except ValueError as error:
        raise PayloadInvalid("the cursor is none of Tryton's sales") from error
    return ["OR", ["write_date", ">", at], [["write_date", "=", at], ["id", ">", last]]]
