"""Products and their stock, by the shop's own codes (商品コード)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from renkei_contracts.capability import Product, StockLevel
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, Rejected
from renkei_contracts.paging import Page, Window
from renkei_contracts.toolkit.wire import parse
from renkei_eccube import documents, wire
from renkei_eccube.amounts import whole
from renkei_eccube.client import EccubeClient
from renkei_eccube.mapping import to_products
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.sync import LARGEST_INT, Changes

PLACE = "shop"
"""EC-CUBE keeps one stock and names no place for it."""

MOST_PAGES = 20
"""Pages of products whose name or code holds the code that is looked for."""


class EccubeProducts:
    """What has a code; of a product with variations these, and not itself."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._id = connection.id
        self._changes = Changes(connection, documents.PRODUCTS, self._row)

    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        """A page of products; what cannot be understood is set aside."""
        return await self._changes.page(window, cursor)

    def _row(self, row: Any) -> Sequence[tuple[datetime, Product]]:
        product = parse(wire.Product, row, "product")
        return [(product.update_date, one) for one in to_products(product, self._id)]


class EccubeStock:
    """Absolute levels of what the shop counts."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._client = EccubeClient(connection)
        self._limit = connection.settings.page_size

    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        """One level for each code that one product has and whose stock is counted."""
        levels = [_level(sku, await self._with_code(sku)) for sku in skus]
        return [level for level in levels if level is not None]

    async def write(self, level: StockLevel) -> None:
        """Set one level; a count older than the last change there is Rejected.

        What was sold since the count would be put back on the shelf.
        """
        what = f"stock of {level.sku[:64]!a}"
        found = await self._with_code(level.sku)
        now = _level(level.sku, found)
        if now is None or level.location != PLACE:
            raise NotFound(f"{what} at {level.location[:64]!a}: EC-CUBE counts no such thing")
        if now.at > level.at and now.quantity != level.quantity:
            raise Rejected(f"{what}: it changed after this count")
        if not 0 <= level.quantity <= LARGEST_INT:
            raise Rejected(f"{what}: EC-CUBE cannot be told such a level")
        variables = {"code": level.sku, "stock": level.quantity}
        await self._client.run(documents.SET_STOCK, variables, writes=True)

    async def _with_code(self, sku: str) -> Sequence[wire.Stocked]:
        """All that has this very code: the search finds parts of codes and names, too."""
        found: list[wire.Stocked] = []
        for page in range(1, MOST_PAGES + 1) if sku else ():
            variables = {"sku": sku, "page": page, "limit": self._limit}
            data = await self._client.run(documents.PRODUCTS_OF, variables)
            listed = parse(wire.Listed, data.get("products"), "the products")
            for row in listed.nodes:
                found += (one for one in parse(wire.Product, row, "product").classes)
            if page * self._limit >= listed.total:
                return [one for one in found if one.code == sku and one.visible]
        return ()


def _level(sku: str, found: Sequence[wire.Stocked]) -> StockLevel | None:
    """None for a code that nothing has, or several things have, or that is not counted."""
    if len(found) != 1 or found[0].stock_unlimited or found[0].stock is None:
        return None
    one = found[0]
    assert one.stock is not None
    return StockLevel(sku, PLACE, whole(one.stock, f"stock of {sku[:64]!a}"), one.update_date)
