"""pgbench writing what a register's commit writes, in one statement, to copies of the hub's tables.

The rows are those of a commit, found by the number of its transaction; member and receipt are
others each time. The copies have the columns, checks and indexes of the tables, no foreign keys
and no triggers.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import create_engine, text

from bench.caller import Line
from bench.fill import member_id
from bench.ground import Ground
from bench.served import MEMBERS, NAME, SHOP, served
from bench.tills import tills

SECONDS = 4
MEMBER = 1
SCRIPT = "same_writes.sql"

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
TRANSACTION = "SELECT CAST(xmin AS text) FROM orders WHERE order_ref = :sale"

UPDATED = {
    "feed_head": """feed_head AS (
  UPDATE same.feed_head SET seq = seq + 1 WHERE lane = 0 RETURNING seq)""",
    "member": f"""member AS (
  UPDATE same.member SET version = version + 1, lots = lots + 1, available = available + 50
  WHERE member_id = '{member_id(SHOP, 0)[:-4]}' || lpad(CAST(:m AS text), 4, '0'))""",
}
"""Rows that a commit finds and changes; every other one is new."""

FEED = """INSERT INTO same.feed (lane, feed_seq, kind, object_id, version)
SELECT 0, seq, 'balance', 'mem_shop' || CAST(:n AS text), 1 FROM feed_head;
"""

Rows = Mapping[str, list[dict[str, Any]]]


async def prepare(ground: Ground) -> None:
    """The copies, and the statement."""
    await served(ground)
    await ground.once("same writes", lambda: _prepare(ground))


async def one_statement(ground: Ground) -> float:
    """The median of such a transaction, one client, in milliseconds."""
    options = ("--no-vacuum", "--client=1", "--protocol=prepared", f"--time={SECONDS}")
    return await asyncio.to_thread(ground.server.median_latency, NAME, *options, f"--file={SCRIPT}")


async def _prepare(ground: Ground) -> None:
    hub, till = await served(ground), (await tills(ground))[1]
    async with Line(hub.url) as line:
        await till.commit(line, till.sale(MEMBER))
        answer = await till.commit(line, till.sale(MEMBER))
    rows = await asyncio.to_thread(_written, ground, json.loads(answer.body)["sale"])
    copies = [f"CREATE TABLE same.{name} (LIKE {name} INCLUDING ALL)" for name in rows]
    filled = [f"INSERT INTO same.{name} SELECT * FROM {name}" for name in UPDATED]
    statements = ["CREATE SCHEMA same", *copies, *filled]
    await asyncio.to_thread(ground.server.execute, NAME, *statements)
    (ground.server.folder / SCRIPT).write_text(_script(rows, json.loads(answer.body)["sale"]))


def _written(ground: Ground, sale: str) -> Rows:
    """What the transaction that booked this sale wrote, by table."""
    engine = create_engine(ground.server.embedded.url(database=NAME))
    with engine.connect() as conn:
        number = conn.execute(text(TRANSACTION), {"sale": sale}).scalar_one()
        found = {
            name: conn.execute(
                text(f"SELECT row_to_json(t) FROM {name} t WHERE CAST(xmin AS text) = :number"),
                {"number": number},
            ).scalars()
            for name in conn.execute(text(TABLES)).scalars().all()
        }
        rows = {name: list(one) for name, one in found.items()}
    engine.dispose()
    return {name: one for name, one in rows.items() if one}


def _script(rows: Rows, sale: str) -> str:
    parts = [UPDATED[name] for name in UPDATED]
    parts += [_insert(name, rows[name], sale) for name in rows if name not in (*UPDATED, "feed")]
    draws = f"\\set n random(100000000000, 999999999999)\n\\set m random(1, {MEMBERS})\n"
    return "".join([draws, "WITH ", ",\n".join(parts), "\n", FEED])


def _insert(name: str, rows: list[dict[str, Any]], sale: str) -> str:
    """The rows with a number drawn anew wherever they name the sale or the member."""
    said = json.dumps(rows, ensure_ascii=False).replace("'", "''")
    said = said.replace(member_id(SHOP, MEMBER), "mem_shop000000000000@").replace(sale, f"{sale}@")
    receipt = sale.rpartition("|")[2]
    said = said.replace(f'"{receipt}"', f'"{receipt}@"')
    document = f"CAST(replace('{said}', '@', CAST(:n AS text)) AS json)"
    return f"""{name} AS (
  INSERT INTO same.{name} SELECT * FROM json_populate_recordset(NULL::same.{name}, {document}))"""
