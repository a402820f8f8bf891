"""Products, their stock, and coupons."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from renkei_contracts.capability import Product, StockLevel
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, UnsupportedFeature
from renkei_contracts.paging import Page, Window
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.client import ReferenceClient, iso
from renkei_contracts.reference.cart.mapping import to_product
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.wire import page_of, parse

CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
"""What a code of a coupon may be."""


class ReferenceProducts:
    """The product list."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._id = connection.id
        self._client = ReferenceClient(connection)

    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        """A page of products; what cannot be understood is set aside."""
        page = await self._client.page("/v1/products", window, cursor)
        return page_of(page.rows, self._product, page.next)

    def _product(self, row: Any) -> Product:
        return to_product(parse(wire.Product, row, "product"), self._id)


class ReferenceStock:
    """Levels by product and location; an older count never replaces a newer one."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._client = ReferenceClient(connection)

    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        """What is at every location; a product the shop does not know has no level."""
        rows = await self._client.get("/v1/stock", {"skus": ",".join(skus)})
        found = parse(wire.Levels, rows, "stock").levels
        return [StockLevel(one.sku, one.location, one.quantity, one.at) for one in found]

    async def write(self, level: StockLevel) -> None:
        """Set one level; Rejected where the shop has a newer count."""
        body = {
            "sku": level.sku,
            "location": level.location,
            "quantity": level.quantity,
            "at": iso(level.at),
        }
        await self._client.write("PUT", "/v1/stock", body)


class ReferenceCoupons:
    """Coupons by their code, which an order tells that used one."""

    codes_told = True

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._client = ReferenceClient(connection)

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        """The code names the coupon, so that asking again makes no second."""
        await self._client.write("PUT", _path(code), {"yen": yen, "until": iso(until)})

    async def revoke(self, code: str) -> None:
        """A coupon that is not there is as good as taken back."""
        try:
            await self._client.write("DELETE", _path(code))
        except NotFound:
            return


def _path(code: str) -> str:
    if not CODE.fullmatch(code):
        raise UnsupportedFeature("the shop takes codes of letters, digits and hyphens only")
    return f"/v1/coupons/{code}"
