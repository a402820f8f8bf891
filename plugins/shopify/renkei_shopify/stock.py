"""Stock: what can be sold ("available") at each location, by SKU."""

import re
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from renkei_contracts.capability import StockLevel
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, Rejected, Unavailable
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import documents, wire_stock
from renkei_shopify.client import ShopifyClient, named
from renkei_shopify.mapping_graphql import gid
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.wire_coupons import Done
from renkei_shopify.wire_graphql import Slice

SKU = re.compile(r"[^'\"\\\x00-\x1f\x7f]{1,255}")
"""What can be asked for: how a quotation mark within one is written is not documented."""

REASON = "correction"

LATER = frozenset({"IDEMPOTENCY_CONCURRENT_REQUEST", "CHANGE_FROM_QUANTITY_STALE"})


class ShopifyStock:
    """Levels set to a count, unless something has changed since, by which the count is old."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._id = connection.id
        self._client = ShopifyClient(connection)

    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        """Each product at each location that has it; of several products of one SKU, each."""
        found: list[StockLevel] = []
        for sku in dict.fromkeys(skus):
            for item in await self._items(sku):
                found += await self._levels(sku, item)
        return found

    async def write(self, level: StockLevel) -> None:
        """Raises NotFound where there is no such thing, Rejected where the SKU names several."""
        items = await self._items(level.sku, writes=True)
        if not items:
            raise NotFound(f"Shopify has no product of the SKU {level.sku[:64]!a}")
        if len(items) > 1:
            raise Rejected(f"the SKU {level.sku[:64]!a} names {len(items)} products at Shopify")
        there = await self._levels(level.sku, items[0], writes=True)
        found = next((one for one in there if one.location == level.location), None)
        if found is None:
            raise NotFound(f"location {level.location[:64]!a} has no {level.sku[:64]!a}")
        if found.quantity == level.quantity:
            return
        if found.at > level.at:
            raise Rejected(f"the stock of {level.sku[:64]!a} has changed since it was counted")
        await self._set(items[0], level, found.quantity)

    async def _set(self, item: str, level: StockLevel, before: int) -> None:
        place = gid("Location", level.location)
        count = {
            "inventoryItemId": item,
            "locationId": place,
            "quantity": level.quantity,
            "changeFromQuantity": before,
        }
        given = {"name": "available", "reason": REASON, "quantities": [count]}
        name = f"{self._id}/{item}/{place}/{before}/{level.quantity}/{level.at.isoformat()}"
        variables = {"input": given, "key": str(uuid5(NAMESPACE_URL, name))}
        data = await self._client.run(documents.STOCK_SET, variables, writes=True)
        done = parse(Done, data.get("inventorySetQuantities"), "inventorySetQuantities")
        refused = {one.code or "no code" for one in done.user_errors}
        if refused & LATER:
            raise Unavailable("somebody else changes the same stock just now")
        if refused:
            why = ", ".join(sorted(refused))
            raise Rejected(f"Shopify does not set the stock of {level.sku[:64]!a} ({why})")

    async def _items(self, sku: str, *, writes: bool = False) -> list[str]:
        """Global ids of the products of exactly this SKU; the search is not that exact."""
        if not SKU.fullmatch(sku):
            return []
        asked = {"filter": f"sku:'{sku}'"}
        data = await self._client.run(documents.STOCK_ITEMS, asked, writes=writes)
        found = parse(wire_stock.Items, data.get("inventoryItems"), "stock")
        return [item.id for item in found.nodes if item.sku == sku]

    async def _levels(self, sku: str, item: str, *, writes: bool = False) -> list[StockLevel]:
        levels: list[StockLevel] = []
        after: str | None = None
        while True:
            page = await self._page(item, after, writes)
            levels += [_level(sku, one) for one in page.nodes if one.quantities]
            if not page.page_info.has_next_page:
                return levels
            after = page.page_info.end_cursor

    async def _page(self, item: str, after: str | None, writes: bool) -> Slice[wire_stock.Level]:
        asked = {"id": item, "after": after}
        data = await self._client.run(documents.STOCK_LEVELS, asked, writes=writes)
        told = named(data, "inventoryItem")
        if told is None:  # taken out of the shop while we read
            return Slice[wire_stock.Level].model_validate(NOTHING)
        return parse(wire_stock.Kept, told, "stock").inventory_levels


NOTHING = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}


def _level(sku: str, one: wire_stock.Level) -> StockLevel:
    there = one.quantities[0]
    return StockLevel(
        sku=sku,
        location=str(one.location.legacy_resource_id),
        quantity=there.quantity,
        at=there.updated_at or one.updated_at,
    )
