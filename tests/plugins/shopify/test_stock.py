"""Stock: counts set where they are of now, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from renkei_contracts.capability import StockLevel
from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, Rejected, Unavailable
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.stock import ShopifyStock
from renkei_shopify.twin_app import TwinApp
from renkei_shopify.twin_shop import CATALOGUE
from renkei_shopify.twin_stock import PLACES

Connect = Callable[..., Connection[ShopifySettings]]

SHOP, WAREHOUSE = map(str, PLACES)


@pytest.fixture
def stock(connect: Connect, twin: TwinApp, now: datetime) -> ShopifyStock:
    """Ten of each, counted an hour ago."""
    twin.shop.stock.put(CATALOGUE, now - timedelta(hours=1))
    return ShopifyStock(connect())


@pytest.fixture
def count(now: datetime) -> StockLevel:
    return StockLevel("CHA-01", SHOP, 7, now)


async def there(stock: ShopifyStock) -> dict[str, int]:
    return {one.location: one.quantity for one in await stock.read(["CHA-01"])}


async def test_a_count_is_of_its_own_location(stock: ShopifyStock, count: StockLevel) -> None:
    await stock.write(count)
    assert await there(stock) == {SHOP: 7, WAREHOUSE: 10}


async def test_more_locations_than_a_page_holds_are_read(
    stock: ShopifyStock, twin: TwinApp
) -> None:
    twin.page_size = 1
    assert await there(stock) == {SHOP: 10, WAREHOUSE: 10}


async def test_a_count_from_before_a_sale_is_refused(
    stock: ShopifyStock, twin: TwinApp, count: StockLevel
) -> None:
    twin.shop.stock.levels[twin.shop.stock.items["CHA-01"], PLACES[0]] = (9, count.at)
    with pytest.raises(Rejected, match="changed since"):
        await stock.write(replace(count, at=count.at - timedelta(seconds=1)))
    assert (await there(stock))[SHOP] == 9


async def test_what_changes_while_it_is_set_is_looked_at_again(
    stock: ShopifyStock, twin: TwinApp, count: StockLevel, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = stock._levels

    async def then_sold(*given: Any, **more: Any) -> Any:
        found = await levels(*given, **more)
        twin.shop.stock.levels[twin.shop.stock.items["CHA-01"], PLACES[0]] = (9, count.at)
        return found

    monkeypatch.setattr(stock, "_levels", then_sold)
    with pytest.raises(Unavailable):
        await stock.write(count)


async def test_the_same_count_again_asks_for_no_change(
    stock: ShopifyStock, count: StockLevel, transport: Any
) -> None:
    for _ in range(2):
        await stock.write(count)
    assert transport.operations.count("RenkeiStockSet") == 1


@pytest.mark.parametrize(
    "changed", [{"sku": "NONE"}, {"sku": "it's"}, {"location": "1"}, {"location": "x"}]
)
async def test_what_is_not_there_is_not_found(
    stock: ShopifyStock, count: StockLevel, changed: dict[str, Any]
) -> None:
    with pytest.raises(NotFound):
        await stock.write(replace(count, **changed))


async def test_a_sku_of_other_case_is_another(stock: ShopifyStock, twin: TwinApp) -> None:
    twin.shop.stock.items["cha-01"] = 1
    assert len(await stock.read(["CHA-01"])) == 2
    assert await stock.read(["cha-01"]) == []
