"""pgledger's bare transfers on the same server: what a ledger of PostgreSQL functions books.

Its SQL is not ours to hand on: whoever runs the bench says where a checkout of it is.
"""

import asyncio
from pathlib import Path

import psycopg

from bench.ground import Ground
from bench.postgres import CLIENTS, SECONDS

DATABASE = "pgledger"
FILES = (
    "vendor/scoville-pgsql-ulid/uuid-to-ulid.sql",
    "vendor/scoville-pgsql-ulid/ulid-to-uuid.sql",
    "pgledger.sql",
)
ACCOUNTS = 20_000
"""As many as the members whom the row ``event`` books for."""

A_CALL = 100

ACCOUNT_TABLE = f"""
CREATE TABLE bench_account AS
SELECT n, (pgledger_create_account('bench ' || n, 'JPY')).id FROM generate_series(1, {ACCOUNTS}) n;
ALTER TABLE bench_account ADD PRIMARY KEY (n);
VACUUM ANALYZE"""

ONE = f"""\\set payer random(1, {ACCOUNTS // 2})
\\set payee random({ACCOUNTS // 2 + 1}, {ACCOUNTS})
SELECT count(*) FROM pgledger_create_transfer(
  (SELECT id FROM bench_account WHERE n = :payer),
  (SELECT id FROM bench_account WHERE n = :payee), 10);
"""
MANY = f"""SELECT count(*) FROM pgledger_create_transfers((
  SELECT array_agg((payer.id, payee.id, 10)::transfer_request)
  FROM (SELECT 1 + floor(random() * {ACCOUNTS // 2})::int AS payer,
               1 + floor(random() * {ACCOUNTS // 2})::int + {ACCOUNTS // 2} AS payee
        FROM generate_series(1, {A_CALL})) drawn
  JOIN bench_account payer ON payer.n = drawn.payer
  JOIN bench_account payee ON payee.n = drawn.payee));
"""


def missing(folder: Path | None) -> str | None:
    """What has to be given before these rows can be measured; None: nothing."""
    if folder is None:
        return "the row pgledger takes --pgledger FOLDER, a checkout of pgr0ss/pgledger"
    absent = [name for name in FILES if not (folder / name).is_file()]
    return (
        f"{folder} is no checkout of pgledger: {', '.join(absent)} is missing" if absent else None
    )


async def prepare(ground: Ground) -> None:
    """Its schema and accounts, once, as warm as ours."""

    async def act() -> None:
        assert ground.pgledger is not None
        await asyncio.to_thread(_prepare, ground, ground.pgledger)
        await transfers(ground)
        await asyncio.to_thread(ground.server.analyze, DATABASE)

    await ground.once(DATABASE, act)


def _prepare(ground: Ground, folder: Path) -> None:
    server = ground.server
    server.execute("postgres", f"CREATE DATABASE {DATABASE}")
    address = server.embedded.libpq_url(database=DATABASE)
    with psycopg.connect(address, autocommit=True) as conn:
        for file in FILES:
            conn.execute((folder / file).read_bytes())
        for statement in ACCOUNT_TABLE.split(";"):
            conn.execute(statement.encode())
    (server.folder / "transfer.sql").write_text(ONE)
    (server.folder / "transfers.sql").write_text(MANY)


async def transfers(ground: Ground) -> float:
    """Transfers per second, each in a transaction: the best of few and many clients."""
    return await _best(ground, "transfer.sql")


async def transfers_by_hundreds(ground: Ground) -> float:
    """The same with so many in one call."""
    return await _best(ground, "transfers.sql") * A_CALL


async def _best(ground: Ground, script: str) -> float:
    return max([await asyncio.to_thread(_rate, ground, script, clients) for clients in CLIENTS])


def _rate(ground: Ground, script: str, clients: int) -> float:
    counts = ("--jobs=2", f"--client={clients}", f"--time={SECONDS}")
    options = ("--no-vacuum", "--protocol=prepared", f"--file={script}", *counts)
    return ground.server.rate(DATABASE, *options)
