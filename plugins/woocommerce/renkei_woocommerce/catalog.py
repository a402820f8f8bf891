"""Products with their variations, their stock, and coupons."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from renkei_contracts.capability import Product, StockLevel
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected, UnsupportedFeature
from renkei_contracts.paging import Page, Window
from renkei_contracts.toolkit.transport import json_of
from renkei_contracts.toolkit.wire import parse
from renkei_woocommerce import wire
from renkei_woocommerce.client import WooCommerceClient
from renkei_woocommerce.mapping import to_product
from renkei_woocommerce.reading import ByChange
from renkei_woocommerce.settings import WooCommerceSettings

PLACE = "shop"
"""WooCommerce keeps one stock and names no place for it."""

CODE = re.compile(r"[A-Za-z0-9_-]{1,60}")
"""What a code may be: WooCommerce writes it in small letters, and takes more than we send."""


class WooCommerceProducts:
    """What has a SKU; of a product with variations these, and not itself."""

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._id = connection.id
        self._client = WooCommerceClient(connection)

    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        """A page of products; what cannot be understood is set aside."""
        reading = ByChange.begin(window, cursor)
        found = await self._client.rows("/products", {**reading.query(), "status": "any"})
        items: list[Product] = []
        rejected: list[tuple[str, str]] = []
        for row in reading.within(found.rows):
            try:
                items += await self._products(row)
            except (PayloadInvalid, NotFound) as error:  # NotFound: deleted while we were reading
                rejected.append((str(row.get("id", "unknown")), str(error)))
        after = reading.after(found.rows) if found.pages > 1 else None
        return Page(tuple(items), after, tuple(rejected))

    async def _products(self, row: object) -> Sequence[Product]:
        product = parse(wire.Listed, row, "product")
        found = [product]
        if product.type == "variable":
            rows = await self._client.all(f"/products/{product.id}/variations")
            found = [parse(wire.Listed, one, f"a variation of {product.id}") for one in rows]
        return [to_product(one, self._id) for one in found if one.sku]


class WooCommerceStock:
    """Absolute levels of what the shop manages the stock of."""

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._client = WooCommerceClient(connection)

    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        """One level for each product that is known and whose stock is managed."""
        found = [await self._product(sku) for sku in skus]
        return [
            StockLevel(one.sku, PLACE, one.stock_quantity, one.date_modified_gmt)
            for one in found
            if one is not None and one.stock_quantity is not None
        ]

    async def write(self, level: StockLevel) -> None:
        """Set one level; a count older than the product's last change is Rejected.

        What was sold since the count would be put back on the shelf.
        """
        product = await self._product(level.sku)
        if product is None or level.location != PLACE:
            raise NotFound(f"stock of {level.sku[:64]!a} at {level.location[:64]!a}: no such thing")
        older = product.date_modified_gmt > level.at
        if older and product.stock_quantity != level.quantity:
            raise Rejected(f"stock of {level.sku[:64]!a}: the product changed after this count")
        body = {"manage_stock": True, "stock_quantity": level.quantity}
        await self._client.write("PUT", _path(product), body)

    async def _product(self, sku: str) -> wire.Product | None:
        if not sku:
            return None
        found = await self._client.rows("/products", {"sku": sku})
        products = [parse(wire.Product, row, "product") for row in found.rows]
        return next((one for one in products if one.sku == sku), None)


class WooCommerceCoupons:
    """Coupons worth an amount of the cart, for one use and beside no other."""

    codes_told = True

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._client = WooCommerceClient(connection)

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        """The code names the coupon: one that is there already is set to the same."""
        body: dict[str, object] = {
            "discount_type": "fixed_cart",
            "amount": str(yen),
            "individual_use": True,
            "usage_limit": 1,
            "date_expires_gmt": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        }
        known = await self._coupon(code)
        if known is None:
            answer = await self._client.write("POST", "/coupons", {"code": code.lower(), **body})
        else:
            answer = await self._client.write("PUT", f"/coupons/{known.id}", body)
        parse(wire.Coupon, json_of(answer), "coupon")

    async def revoke(self, code: str) -> None:
        """A coupon that is not there is as good as taken back."""
        known = await self._coupon(code)
        if known is None:
            return
        try:
            await self._client.write("DELETE", f"/coupons/{known.id}", query={"force": "true"})
        except NotFound:
            return

    async def _coupon(self, code: str) -> wire.Coupon | None:
        if not CODE.fullmatch(code):
            raise UnsupportedFeature("codes are letters, digits, hyphens and underscores only")
        found = await self._client.rows("/coupons", {"code": code.lower()})
        coupons = [parse(wire.Coupon, row, "coupon") for row in found.rows]
        return next((one for one in coupons if one.code.lower() == code.lower()), None)


def _path(product: wire.Product) -> str:
    if product.type == "variation":
        return f"/products/{product.parent_id}/variations/{product.id}"
    return f"/products/{product.id}"
