"""The server's own benchmark, pgbench: what the hub's figures are divided by."""

import asyncio

from bench.ground import Ground

DATABASE = "pgbench"
SCALE = 20
"""Branches: more than clients, so that they seldom wait for one another's branch."""

CLIENTS = (4, 16)
SECONDS = 4
ONE_STATEMENT = f"""\\set aid random(1, 100000 * {SCALE})
\\set bid random(1, {SCALE})
\\set tid random(1, 10 * {SCALE})
\\set delta random(-5000, 5000)
WITH a AS (UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid),
     t AS (UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid),
     b AS (UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid)
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)
VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
"""
"""TPC-B's writes in a single statement."""


async def prepare(ground: Ground) -> None:
    """pgbench's tables, once."""
    await ground.once("pgbench", lambda: _prepare(ground))


async def _prepare(ground: Ground) -> None:
    server = ground.server
    await asyncio.to_thread(server.execute, "postgres", f"CREATE DATABASE {DATABASE}")
    await asyncio.to_thread(server.pgbench, DATABASE, "--initialize", "--quiet", f"--scale={SCALE}")
    (server.folder / "one.sql").write_text(ONE_STATEMENT)


async def five_statements(ground: Ground) -> float:
    """pgbench's own five-statement transaction, per second: the best of few and many clients."""
    return max([await asyncio.to_thread(_rate, ground, clients) for clients in CLIENTS])


def _rate(ground: Ground, clients: int) -> float:
    options = ("--no-vacuum", "--jobs=2", f"--client={clients}", f"--time={SECONDS}")
    return ground.server.rate(DATABASE, *options)


async def one_statement(ground: Ground) -> float:
    """The median of a transaction that is one statement, one client, in milliseconds."""
    options = ("--no-vacuum", "--client=1", f"--time={SECONDS}", "--file=one.sql")
    return await asyncio.to_thread(ground.server.median_latency, DATABASE, *options)
