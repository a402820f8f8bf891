"""What the plugin sends fits the vendor's own schemas of inputs."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from renkei_colorme.check import ColormeCheck
from renkei_colorme.coupons import ColormeCoupons
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.sync import ColormeBalances, ColormeMembers, ColormeOrders
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.connection import Connection
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO

Connect = Callable[..., Connection[ColormeSettings]]

TOOLS = json.loads((Path(__file__).parent / "schema" / "tools.json").read_text("utf-8"))["tools"]
INPUTS = {tool["name"]: tool["inputSchema"] for tool in TOOLS}

OPERATIONS = {
    r"GET /v1/sales": "getSales",
    r"GET /v1/sales/(?P<sale_id>\d+)": "getSale",
    r"GET /v1/customers": "getCustomers",
    r"GET /v1/customers/(?P<customer_id>\d+)": "getCustomer",
    r"POST /v1/customers/(?P<customer_id>\d+)/points": "postCustomerPoints",
    r"GET /v1/shop_coupons": "getCoupons",
    r"POST /v1/shop_coupons": "createCoupon",
    r"DELETE /v1/shop_coupons/(?P<coupon_id>\d+)": "deleteCoupon",
}


def typed(name: str, value: str, schema: dict[str, Any]) -> Any:
    """A text of a query as the type that the schema has for it."""
    kind = schema["properties"].get(name, {}).get("type")
    if kind == "integer":
        return int(value)
    return {"true": True, "false": False}[value] if kind == "boolean" else value


def given(request: httpx.Request) -> tuple[str, dict[str, Any]]:
    """The operation a call is, and its input as the schemas have it."""
    line = f"{request.method} {request.url.path}"
    for pattern, name in OPERATIONS.items():
        if found := re.fullmatch(pattern, line):
            texts = {**found.groupdict(), **request.url.params}
            told = {key: typed(key, value, INPUTS[name]) for key, value in texts.items()}
            return name, told | (json.loads(request.content) if request.content else {})
    raise AssertionError(f"{line} is no operation of the vendor's")


async def test_every_call_fits_the_vendors_schema(
    shop: TwinShop, connect: Connect, clock: Any, transport: Any
) -> None:
    row = shop.place(shop.register(HANAKO), [Item("CHA-01", "緑茶", 1, 1_080, 800)])
    id, at = str(row["customer"]["id"]), connect()
    window = Window(clock() - timedelta(days=1), clock() + timedelta(days=1))
    write = BalanceWrite(balance=Balance(spendable=5, version=1, as_of=clock()), change=5)
    await ColormeOrders(at).changed(window, None)
    await ColormeOrders(at).fetch(str(row["id"]))
    await ColormeMembers(at).changed(window, None)
    await ColormeMembers(at).fetch(id)
    await ColormeBalances(at).read(id)
    await ColormeBalances(at).write(id, write)
    await ColormeCoupons(at).issue("SPRING-100", 100, window.until + timedelta(days=9))
    await ColormeCoupons(at).revoke("SPRING-100")
    await ColormeCheck(at).check()
    seen = set()
    for request in transport.calls:
        name, told = given(request)
        jsonschema_rs.validate(INPUTS[name], told)
        seen.add(name)
    assert seen == set(OPERATIONS.values())


def test_the_vendors_schema_refuses_what_it_does_not_know() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(INPUTS["getSales"], {"updated_since": "2026-11-26"})
