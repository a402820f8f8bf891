"""A real plugin's webhooks from the way in to points posted and mirror rows written, end to end.

The shop is WooCommerce's; its deliveries hold whole orders as its twin makes them, 10 rules decide
what they earn, and nothing waits any more when the clock stops. The shop itself is away: what
calling it costs is the network's, and the rows that say what it is to show wait.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import text

from bench.fill import RING, SINCE, member_id
from bench.ground import Ground
from bench.sender import request, send
from bench.served import FOUND_BY, SECRET, Served, give_settings, start, until_settled
from renkei.loyalty.program import Program
from renkei.storage.engine import Database
from renkei_contracts.stage import Shopper
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_woocommerce.plugin import VENDOR
from renkei_woocommerce.twin_shop import TwinShop
from renkei_woocommerce.webhooks import SIGNATURE, TOPIC

NAME, SHOP = "sustained", "woo"
MEMBERS = 5_000
DELIVERIES = 3_000
WARM_UP = 1_000
CONNECTIONS = 32
SEED = 1

RULES = (
    {"name": "gold", "percent": 150, "when": "member.tier == 'gold'"},
    {"name": "tens", "percent": 200, "when": "today.day in [10, 20, 30]"},
    {"name": "sunday", "percent": 150, "when": "today.weekday == 7"},
    {"name": "large", "fixed": 50, "when": "order.total >= 10000"},
    {"name": "birthday", "percent": 200, "when": "member.birthday_today"},
    {"name": "store", "fixed": 10, "when": "order.store == 'shibuya'"},
    {"name": "tea", "percent": 300, "lines": "line.sku in ['CHA-01', 'CHA-03']"},
    {"name": "pots", "percent": 120, "lines": "line.title.startsWith('急須')"},
    {"name": "food", "percent": 110, "lines": "line.tax_rate == 800"},
    {"name": "many", "fixed": 5, "lines": "line.quantity > 2"},
)

PROGRAM = f"""
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES ('{SHOP}', 2, '{SINCE}', CAST(:document AS json))"""

IS_WOOCOMMERCE = f"""
UPDATE connection SET vendor = '{VENDOR.name}', open_until = now() + interval '1 day'
WHERE connection_id = '{SHOP}'"""

# Deliveries that were given up or left out, sales that are booked, and balances to be shown.
COUNTS = f"""
SELECT (SELECT count(*) FROM delivery WHERE state IN ('dead', 'ignored')),
       (SELECT count(*) FROM txn WHERE order_ref IS NOT NULL),
       (SELECT count(*) FROM mirror WHERE connection_id = '{SHOP}'
                                      AND wanted_version > written_version)"""


class Shop:
    """WooCommerce's twin, as far as it makes orders."""

    def __init__(self) -> None:
        self._rows = TwinShop(lambda: datetime.now(UTC) - timedelta(minutes=5), (), SEED)
        people = (Shopper(f"kaimono{n}@example.jp", "山田", "花子") for n in range(MEMBERS))
        self.customers = [int(self._rows.register(one)["id"]) for one in people]

    def deliveries(self, count: int) -> list[bytes]:
        """So many paid orders of customers drawn at random, as they go over the wire."""
        return [self._delivery(random.choice(self.customers)) for _ in range(count)]  # noqa: S311

    def _delivery(self, customer: int) -> bytes:
        order = self._rows.place(customer, self._rows.items[:2])
        self._rows.move(order, "processing")
        body = json.dumps(order).encode()
        headers = {
            "Content-Type": "application/json",
            TOPIC: "order.updated",
            SIGNATURE: hmac_sha256_base64(SECRET, body),
        }
        return request(f"/webhooks/{SHOP}", headers, body)


async def prepare(ground: Ground) -> None:
    """The hub, and what its tables hold after a while."""

    async def act() -> None:
        await _settled(ground, WARM_UP)
        await ground.analyze(NAME)

    await ground.once(NAME, act)


async def end_to_end(ground: Ground) -> float:
    """Deliveries per second, from the first one sent until nothing waits any more."""
    return await _settled(ground, DELIVERIES)


async def _settled(ground: Ground, count: int) -> float:
    hub = await ground.kept(NAME, partial(_started, ground))
    shop = await ground.kept(f"{NAME} shop", _shop)
    requests = shop.deliveries(count)
    (gone, booked, _), before = await _counts(hub), await hub.cpu()
    begun = time.perf_counter()
    await send(hub.url, requests, CONNECTIONS)
    acknowledged = time.perf_counter() - begun
    await until_settled(hub)
    elapsed = time.perf_counter() - begun
    gone_now, booked_now, mirrored = await _counts(hub)
    assert (gone_now - gone, booked_now - booked) == (0, count)
    assert mirrored > 0
    used = (await hub.cpu()).since(before)
    sys.stderr.write(
        f"  CPU of a delivery, end to end: {used.of(count)}; "
        f"acknowledged after {acknowledged:.1f} of {elapsed:.1f} s\n"
    )
    return count / elapsed


async def _shop() -> Shop:
    return Shop()


async def _counts(hub: Served) -> Sequence[int]:
    async with hub.database.begin() as conn:
        return tuple((await conn.execute(text(COUNTS))).one())


async def _started(ground: Ground) -> Served:
    database = await ground.database(NAME, {SHOP: MEMBERS})
    shop = await ground.kept(f"{NAME} shop", _shop)
    settings = {
        "base_url": "http://127.0.0.1:9",
        "consumer_key": "ck_bench",
        "consumer_secret": SECRET,
        "webhook_secret": SECRET,
    }
    await give_settings(database, SHOP, settings)
    await asyncio.to_thread(ground.server.execute, NAME, IS_WOOCOMMERCE)
    await _let_in(database, shop.customers)
    return await start(ground, database, NAME)


async def _let_in(database: Database, customers: Sequence[int]) -> None:
    """The program's rules, and the shop's customers as its orders name them."""
    program = Program.model_validate({"id": SHOP, "campaigns": RULES})
    blinds = [
        {
            "member": member_id(SHOP, number),
            "blind": RING.blind("vendor_customer", SHOP, str(customer)),
        }
        for number, customer in enumerate(customers, 1)
    ]
    async with database.begin() as conn:
        await conn.execute(text(PROGRAM), {"document": program.model_dump_json()})
        await conn.execute(text(FOUND_BY), blinds)
