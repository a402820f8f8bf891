"""A register's business day against the day its store is set to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from renkei.loyalty.calendar import day_of
from renkei.services.setup.stores import set_store

SALES = "/pos/v1/transactions"
JST = ZoneInfo("Asia/Tokyo")


async def test_another_day_than_the_stores_is_booked_and_told_once_where_the_store_is_set(
    hub: Any, register: Any, new_sale: Any, count: Any
) -> None:
    async def commit(receipt: str, day: str) -> int:
        ask = new_sale(receipt, None, sold_at=datetime.now(UTC).isoformat())
        ask["sale"]["business_date"] = day
        return int((await register.post(SALES, ask)).status_code)

    assert await commit("1", "2020-01-01") == 200
    assert await count("alert") == 0
    await set_store(hub.database, "pos", "shibuya", None, 120)
    right = day_of(datetime.now(UTC), JST, timedelta(hours=2)).isoformat()
    assert await commit("2", right) == 200
    assert await count("alert") == 0
    for receipt in ("3", "4"):
        assert await commit(receipt, "2020-01-02") == 200
    assert await count("alert WHERE kind = 'business_day_differs'") == 1
