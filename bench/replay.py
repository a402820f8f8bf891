"""A back-test of so many stored orders, filled in by SQL as settlement would have kept them."""

import time
from datetime import UTC, datetime

from sqlalchemy import text

from bench.ground import Ground
from bench.programs import LINE_CONDITIONS, ORDER_CONDITIONS
from renkei.loyalty.program import Program
from renkei.services.setup.backtest import back_test

NAME, SHOP = "replay", "replay"
SHOPS = {SHOP: 1_000}
ORDERS = 100_000
SINCE = datetime(2026, 1, 1, tzinfo=UTC)

PROGRAM = Program.model_validate(
    {
        "id": SHOP,
        "campaigns": [
            {"name": f"c{n}", "percent": 110 + n, "when": when, "lines": lines}
            for n, (when, lines) in enumerate(zip(ORDER_CONDITIONS, LINE_CONDITIONS, strict=True))
        ]
        + [{"name": "budget", "percent": 200, "budget": 100_000, "per_member": 500}],
    }
)

FILL = """
INSERT INTO orders (connection_id, order_ref, revision, clock, digest, placed_at, customer_id,
                    member_id, program_id, program_version, document, total)
SELECT :shop, n::text, 1, placed, sha256(n::text::bytea), placed, m, m, :shop, 1,
    json_build_object(
        'ref', json_build_object('connection', :shop, 'id', n::text),
        'changed_at', placed, 'placed_at', placed, 'state', 'fulfilled',
        'customer', json_build_object('connection', :shop, 'id', m),
        'lines', (SELECT json_agg(json_build_object(
            'id', l::text, 'sku', 'SKU-' || (n + l) % 9, 'title', '緑茶',
            'jan', '49' || lpad((n % 997)::text, 11, '0'), 'quantity', l,
            'amount', 100 + (n * l * 37) % 9000,
            'tax_rate', CASE (n + l) % 2 WHEN 0 THEN 800 ELSE 1000 END))
            FROM generate_series(1, 1 + n % 5) l),
        'tenders', json_build_array(json_build_object('kind', 'card', 'amount', 1))),
    100 + n % 9000
FROM (SELECT n, CAST(:since AS timestamptz) + n * interval '4 minutes' AS placed,
             'mem_' || :shop || lpad((1 + n % 1000)::text, 24, '0') AS m
      FROM generate_series(1, :count) n) one"""
"""One to five lines each, over nine months; nothing is booked for them."""


async def prepare(ground: Ground) -> None:
    """A database with the orders."""
    database = await ground.database(NAME, SHOPS)

    async def act() -> None:
        async with database.begin() as conn:
            await conn.execute(text(FILL), {"shop": SHOP, "since": SINCE, "count": ORDERS})
        await ground.analyze(NAME)

    await ground.once(NAME, act)


async def replay(ground: Ground) -> float:
    """Seconds of a back-test of all of them against six campaigns, one with limits."""
    database = await ground.database(NAME, SHOPS)
    started = time.perf_counter()
    found = await back_test(database, PROGRAM, SINCE)
    elapsed = time.perf_counter() - started
    assert found.orders == ORDERS
    assert found.draft > 0
    return elapsed
