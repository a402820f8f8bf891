"""A twin shop, connections to it, and orders and customers as it shows them."""

from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.stage import Item
from renkei_contracts.testing.bench import Clock
from renkei_contracts.testing.recorded import Recorded
from renkei_contracts.toolkit.signature import hmac_sha256_hex
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.twin_app import TwinApp
from renkei_eccube.twin_oauth import CLIENT_ID, CLIENT_SECRET, REDIRECT_URL
from renkei_eccube.twin_shop import TwinShop
from renkei_eccube.webhooks import EccubeWebhooks

NOW = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC)
TWIN = "http://127.0.0.1:9"
SECRET = "my-secret"
TEA = Item("CHA-01", "緑茶", 2, 1_080, 800)
POT = Item("KYUSU-01", "急須", 1, 11_220, 1000)
CUP = Item("YUNOMI-01", "湯呑み", 1, 4_400, 1000)

SHIRT = {
    "id": "41", "product_name": "Tシャツ", "product_code": "TS-01", "price": 3000, "quantity": 1,
    "tax": 300, "tax_rate": 10, "tax_adjust": 0, "OrderItemType": {"id": "1"},
    "TaxType": {"id": "1"}, "TaxDisplayType": {"id": "1"},
}  # fmt: skip
POSTAGE = {
    "id": "42", "product_name": "送料", "product_code": None, "price": 500, "quantity": 1,
    "tax": 45, "tax_rate": 10, "tax_adjust": 0, "OrderItemType": {"id": "2"},
    "TaxType": {"id": "1"}, "TaxDisplayType": {"id": "2"},
}  # fmt: skip
USED = {
    "id": "43", "product_name": "ポイント", "product_code": None, "price": -100, "quantity": 1,
    "tax": 0, "tax_rate": 0, "tax_adjust": 0, "OrderItemType": {"id": "6"},
    "TaxType": {"id": "2"}, "TaxDisplayType": {"id": "2"},
}  # fmt: skip

# After the sample of the project's fact sheet, whose keys are those of the schema.
ORDER = {
    "id": "5", "order_no": "5", "email": "h@example.com", "phone_number": "0312345678",
    "subtotal": 3300, "discount": 100, "delivery_fee_total": 500, "charge": 0, "total": 3700,
    "payment_total": 3700.0, "use_point": 100, "currency_code": "JPY",
    "create_date": "2026-07-01T09:58:00+09:00", "update_date": "2026-07-01T10:00:01+09:00",
    "order_date": "2026-07-01T10:00:00+09:00", "payment_date": None, "OrderStatus": {"id": "1"},
    "Customer": {"id": "12"}, "OrderItems": [SHIRT, POSTAGE, USED],
}  # fmt: skip

CUSTOMER = {
    "id": "12", "name01": "山田", "name02": "花子", "email": "h@example.com",
    "phone_number": "0312345678", "birth": "1990-02-28T00:00:00+09:00", "point": 230.0,
    "update_date": "2026-07-01T10:00:01+09:00", "Status": {"id": "2"},
}  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def shop(clock: Clock) -> TwinShop:
    return TwinShop(clock, [TEA, POT, CUP])


@pytest.fixture
def twin(shop: TwinShop) -> TwinApp:
    async def nobody_listens() -> None:
        shop.told.clear()

    return TwinApp(shop, nobody_listens)


@pytest.fixture
def transport(twin: TwinApp) -> Recorded:
    return Recorded(twin.asgi())


@pytest.fixture
async def connect(
    twin: TwinApp, transport: Recorded, clock: Clock
) -> AsyncIterator[Callable[..., Connection[EccubeSettings]]]:
    """Connections to the twin; keyword arguments override settings."""
    async with httpx.AsyncClient(transport=transport) as http:

        def make(**overrides: Any) -> Connection[EccubeSettings]:
            given = {
                "base_url": TWIN,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_url": REDIRECT_URL,
                "refresh_token": twin.oauth.authorized(),
                "webhook_secret": SECRET,
                "points": "companion",
            }
            settings = EccubeSettings.model_validate({**given, **overrides})
            return Connection("shop", settings, http, MemoryTokens(), clock)

        yield make


@pytest.fixture
def hooks(connect: Callable[..., Connection[EccubeSettings]]) -> Callable[..., EccubeWebhooks]:
    """The capability; keyword arguments override settings."""
    return lambda **overrides: EccubeWebhooks(connect(**overrides))


@pytest.fixture
def delivery(clock: Clock) -> Callable[..., Delivery]:
    """A delivery with this body, signed with this secret."""

    def make(body: bytes, secret: str = SECRET) -> Delivery:
        headers = (("X-ECCUBE-Signature", hmac_sha256_hex(secret, body)),)
        return Delivery("shop", clock(), headers, body)

    return make


@pytest.fixture
def order() -> Callable[..., dict[str, Any]]:
    """The sample order, with some of its fields changed."""

    def make(**changed: Any) -> dict[str, Any]:
        assert changed.keys() <= ORDER.keys()
        return deepcopy({**ORDER, **changed})

    return make


@pytest.fixture
def customer() -> Callable[..., dict[str, Any]]:
    """The sample customer, with some of its fields changed."""

    def make(**changed: Any) -> dict[str, Any]:
        assert changed.keys() <= CUSTOMER.keys()
        return deepcopy({**CUSTOMER, **changed})

    return make
