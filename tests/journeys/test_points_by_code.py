"""Points at a vendor's checkout: hold, code, kill -9 while it is issued, order, capture."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from renkei.bootstrap import Hub, open_hub
from renkei.cli.demo_watch import watch
from renkei.clock import utcnow
from renkei.config import Settings
from renkei.ledger.verify import verify
from renkei.registry import Registry
from renkei.services.apps import own_cart
from renkei.services.till.till_terminal import Terminal
from renkei.storage.engine import APP_ROLE
from renkei.web.app import build_app
from renkei_contracts.application import CartHold, CartHoldAnswer
from renkei_contracts.stage import Shopper, StageContext
from renkei_shopify import twin_coupons
from renkei_shopify.plugin import VENDOR

WORKER = Path(__file__).parents[1] / "worker_process.py"
KEY = "azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
SITE = Terminal("trm_site", "shop", "", "site")
PATIENCE = 60.0

EARNED, HELD = 132, 100
"""What the first two things of the catalogue earn, and what is used of it."""

FREE_AT_ONCE = "UPDATE {} SET leased_until = NULL"
AVAILABLE = "SELECT coalesce(sum(available), 0) FROM member"


@dataclass
class Checkout:
    """The shop, a hub without a worker, and workers in processes of their own."""

    hub: Hub
    twin: Any
    environment: dict[str, str]
    worker: Process | None = None
    issued: list[str] = field(default_factory=list)
    kills: int = 0

    async def start(self) -> None:
        """One worker; whatever a dead one had under way is free at once."""
        async with self.hub.database.begin() as conn:
            for table in ("poll", "hold_code", "mirror", "changed_object"):
                await conn.execute(text(FREE_AT_ONCE.format(table)))
        command = (sys.executable, str(WORKER), "renkei_shopify.plugin")
        self.worker = await asyncio.create_subprocess_exec(
            *command, env=os.environ | self.environment, stdout=DEVNULL
        )

    async def stop(self) -> None:
        """kill -9."""
        if self.worker is not None and self.worker.returncode is None:
            self.worker.kill()
            await self.worker.wait()

    def issuing(self, code: str) -> None:
        """The shop has made a code, and not answered yet."""
        self.issued.append(code)
        if self.kills and self.worker is not None:
            self.kills -= 1
            self.worker.kill()

    async def balance(self) -> int:
        async with self.hub.database.begin() as conn:
            return int((await conn.execute(text(AVAILABLE))).scalar_one())

    async def hold(self, customer: str, key: str) -> CartHoldAnswer:
        ask = CartHold(key=key, customer=customer, points=HELD, ttl_seconds=3_600)
        return await own_cart.hold(self.hub.till, self.hub.connections, SITE, ask)

    def state(self, hold: CartHoldAnswer, wanted: str) -> Callable[[], Awaitable[int]]:
        """Whether the hold's code is so far."""

        async def look() -> int:
            seen = await own_cart.look(self.hub.till, SITE, hold.hold)
            return int(seen.code_state == wanted)

        return look


@pytest.fixture
async def checkout(
    server: Any, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Checkout]:
    environment = {
        "RENKEI_DATA_DIR": str(tmp_path),
        "RENKEI_DATABASE_URL": server.url(APP_ROLE, database_name),
        "RENKEI_MIGRATION_URL": server.url(database=database_name),
        "RENKEI_SECRET_KEY": KEY,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made: list[Checkout] = []
    issue = twin_coupons.issue

    def issued(shop: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        answer = issue(shop, variables)
        made[0].issuing(variables["discount"]["code"])
        return answer

    monkeypatch.setattr(twin_coupons, "issue", issued)
    assert VENDOR.twin is not None
    registry = Registry({VENDOR.name: VENDOR})
    async with (
        VENDOR.twin(StageContext(tmp_path)) as twin,
        open_hub(Settings(), registry=registry) as hub,
    ):
        since = utcnow() - timedelta(days=1)
        await hub.connecting.connect(VENDOR, "shop", twin.settings(), since)
        made.append(Checkout(hub, twin, environment))
        yield made[0]
        await made[0].stop()


async def comes(look: Callable[[], Awaitable[int]], wanted: int = 1) -> None:
    """Wait until it is so."""
    assert (await watch(look, wanted, PATIENCE)).shown == wanted


@pytest.mark.timeout(240)
async def test_points_are_used_by_code_once_whatever_dies_meanwhile(checkout: Checkout) -> None:
    twin, shop = checkout.twin, checkout.twin.twin.shop
    goods = list(await twin.catalogue())[:2]
    customer = await twin.register(Shopper("hanako@example.jp", "山田", "花子"))
    bought = shop.place(shop.customers[int(customer)], goods)
    shop.pay(bought)
    await checkout.start()
    await comes(checkout.balance, EARNED)

    checkout.kills = 1
    hold = await checkout.hold(customer, "k1")
    assert checkout.worker is not None
    assert await asyncio.wait_for(checkout.worker.wait(), PATIENCE) == -9
    assert await checkout.state(hold, "wanted")() == 1
    await checkout.start()
    await comes(checkout.state(hold, "issued"))
    assert hold.code is not None
    assert checkout.issued == [hold.code]
    assert (await twin.coupon_shown(hold.code))[0] == HELD

    order = shop.place(shop.customers[int(customer)], goods)
    order.lines[0].by_code[hold.code] = HELD
    shop.pay(order)
    await comes(checkout.state(hold, "used"))
    paid = EARNED - 1  # one point for 100 yen: the hundred yen paid in points earn none
    assert await checkout.balance() == EARNED - HELD + paid
    await comes(lambda: _shown(checkout, customer), EARNED - HELD + paid)

    other = await checkout.hold(customer, "k2")
    await comes(checkout.state(other, "issued"))
    await own_cart.release(checkout.hub.till, SITE, other.hold)
    await comes(checkout.state(other, "revoked"))
    assert other.code is not None
    assert await twin.coupon_shown(other.code) is None
    async with checkout.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()
        assert (await conn.execute(text("SELECT kind FROM alert"))).all() == []


@pytest.mark.timeout(240)
async def test_a_shopper_uses_points_on_a_page_of_the_shop(checkout: Checkout) -> None:
    twin, shop = checkout.twin, checkout.twin.twin.shop
    goods = list(await twin.catalogue())[:2]
    customer = await twin.register(Shopper("hanako@example.jp", "山田", "花子"))
    shop.pay(shop.place(shop.customers[int(customer)], goods))
    await checkout.start()
    await comes(checkout.balance, EARNED)
    web = httpx.ASGITransport(build_app(checkout.hub))
    async with httpx.AsyncClient(transport=web, base_url="http://hub") as browser:

        async def ask(method: str, what: str, **asked: str) -> Any:
            """As the shop passes it on."""
            query = twin.passed_on(customer, asked).query
            answer = await browser.request(method, f"/storefront/shop/{what}?{query}")
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert (await ask("GET", "points"))["spendable"] == EARNED
        made = await ask("POST", "holds", points=str(HELD), key="5e0f7a2c-1")

        async def is_so(state: str) -> int:
            return int((await ask("GET", "holds", hold=made["hold"]))["state"] == state)

        await comes(lambda: is_so("issued"))
        assert (await twin.coupon_shown(made["code"]))[0] == made["yen"] == HELD
        order = shop.place(shop.customers[int(customer)], goods)
        order.lines[0].by_code[made["code"]] = HELD
        shop.pay(order)
        await comes(lambda: is_so("used"))
        assert (await ask("GET", "points"))["spendable"] == 2 * EARNED - HELD - 1


async def _shown(checkout: Checkout, customer: str) -> int:
    return await checkout.twin.points_shown(customer) or 0
