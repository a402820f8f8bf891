"""A shop of canned answers, its payloads, and connections to it."""

import json
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_woocommerce.settings import WooCommerceSettings
from renkei_woocommerce.webhooks import WooCommerceWebhooks

NOW = datetime(2026, 7, 1, 1, 5, 0, tzinfo=UTC)
SECRET = "webhook-secret"
GIVEN = {
    "base_url": "https://shop.example.jp",
    "consumer_key": "ck_1",
    "consumer_secret": "cs_1",
    "webhook_secret": SECRET,
}

LINE = {
    "id": 315, "name": "Tシャツ", "product_id": 93, "variation_id": 0, "quantity": 2,
    "subtotal": "5455", "subtotal_tax": "545", "total": "5455", "total_tax": "545",
    "taxes": [{"id": 1, "total": "545.454545", "subtotal": "545.454545"}, {"id": 2, "total": "",
    "subtotal": ""}], "meta_data": [], "sku": "TS-01", "price": 2727.272727,
}  # fmt: skip

TEA = {
    "id": 316, "name": "緑茶", "product_id": 94, "variation_id": 0, "quantity": 1,
    "subtotal": "1000", "subtotal_tax": "80", "total": "1000", "total_tax": "80",
    "taxes": [{"id": 1, "total": "", "subtotal": ""}, {"id": 2, "total": "80", "subtotal": "80"}],
    "meta_data": [], "sku": "CHA-01", "price": 1000,
}  # fmt: skip

TAX_LINES = [
    {"id": 317, "rate_code": "JP-1", "rate_id": 1, "label": "税", "compound": False,
     "rate_percent": 10},
    {"id": 318, "rate_code": "JP-2", "rate_id": 2, "label": "軽", "compound": False,
     "rate_percent": 8},
]  # fmt: skip

ORDER = {
    "id": 727, "number": "727", "status": "processing", "currency": "JPY",
    "prices_include_tax": True, "date_created_gmt": "2026-07-01T01:00:00",
    "date_modified_gmt": "2026-07-01T01:00:05", "date_paid_gmt": "2026-07-01T01:00:04",
    "discount_total": "0", "shipping_total": "455", "shipping_tax": "45", "total": "7580",
    "total_tax": "670", "customer_id": 26,
    "billing": {"first_name": "花子", "last_name": "山田", "state": "JP13", "country": "JP",
                "email": "h@example.com", "phone": "0312345678"},
    "line_items": [LINE, TEA], "tax_lines": TAX_LINES, "coupon_lines": [], "fee_lines": [],
    "refunds": [], "meta_data": [],
}  # fmt: skip

CUSTOMER = {
    "id": 26, "date_created_gmt": "2026-06-01T00:00:00", "date_modified_gmt": None,
    "email": "h@example.com", "first_name": "花子", "last_name": "山田", "role": "customer",
    "billing": {"first_name": "花", "last_name": "山", "phone": "0312345678", "email": "x@y.jp"},
    "meta_data": [{"id": 1, "key": "_renkei_points", "value": "120"}],
}  # fmt: skip


def _refund(id: int, lines: dict[int, tuple[int, str, str]], amount: str) -> dict[str, Any]:
    """A refund as the API lists it: pieces, money and tax by the order's line."""
    rows = [
        {"id": id * 10 + line, "quantity": pieces, "total": net, "total_tax": tax,
         "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": str(line)}]}
        for line, (pieces, net, tax) in lines.items()
    ]  # fmt: skip
    return {"id": id, "amount": amount, "line_items": rows}


def _order(**changed: object) -> dict[str, Any]:
    """The sample order, with changes."""
    return deepcopy({**ORDER, **changed})


def _delivery(topic: str | None, body: object, secret: str = SECRET) -> Delivery:
    """A delivery as the documentation describes it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("X-WC-Webhook-Signature", hmac_sha256_base64(secret, raw))]
    headers += [("X-WC-Webhook-Topic", topic)] if topic else []
    return Delivery("shop", NOW, tuple(headers), raw)


def _customer(**changed: object) -> dict[str, Any]:
    """The sample customer, with changes."""
    return deepcopy({**CUSTOMER, **changed})


@pytest.fixture
def order() -> Callable[..., dict[str, Any]]:
    """Makes an order."""
    return _order


@pytest.fixture
def refund() -> Callable[..., dict[str, Any]]:
    """Makes a refund."""
    return _refund


@pytest.fixture
def customer() -> Callable[..., dict[str, Any]]:
    """Makes a customer."""
    return _customer


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    """Makes a signed delivery."""
    return _delivery


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Connection[WooCommerceSettings]]]:
    """Make a connection whose calls a function answers."""
    opened: list[httpx.AsyncClient] = []

    def make(
        answer: Callable[[httpx.Request], httpx.Response] | None = None, **changed: object
    ) -> Connection[WooCommerceSettings]:
        transport = httpx.MockTransport(answer or (lambda request: httpx.Response(500)))
        http = httpx.AsyncClient(transport=transport)
        opened.append(http)
        settings = WooCommerceSettings.model_validate({**GIVEN, **changed})
        return Connection("shop", settings, http, MemoryTokens(), lambda: NOW)

    yield make
    for http in opened:
        await http.aclose()


@pytest.fixture
def hooks(
    connect: Callable[..., Connection[WooCommerceSettings]],
) -> Callable[..., WooCommerceWebhooks]:
    """Webhooks on a connection with these settings."""
    return lambda **changed: WooCommerceWebhooks(connect(**changed))
