"""Calls keep the pace that the vendor asks for, whichever capability makes them."""

from typing import Any

import pytest

from renkei_colorme.client import AT_ONCE, ColormeClient
from renkei_contracts.errors import RateLimited


async def test_calls_beyond_the_vendors_pace_are_not_made(connect: Any, transport: Any) -> None:
    connection = connect(calls_per_minute=1)
    clients = [ColormeClient(connection), ColormeClient(connection)]
    for number in range(AT_ONCE):
        await clients[number % 2].rows("/v1/sales", "sales", {"limit": 1})
    with pytest.raises(RateLimited) as refused:
        await clients[0].rows("/v1/sales", "sales", {"limit": 1})
    assert refused.value.retry_after is not None
    assert len(transport.calls) == AT_ONCE
