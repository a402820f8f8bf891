"""What lets the tables be spread over several machines: docs/scaling.md, growing past one server.

A table that is spread by a column needs that column in its primary key and in everything else that
is unique; a foreign key must stay on the machine, or lead to a table that every machine has.
"""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

PAGE = Path(__file__).parents[3] / "docs" / "scaling.md"

BY_MEMBER = {
    "activity",
    "allocation",
    "chain",
    "hold",
    "hold_end",
    "hold_extension",
    "lot",
    "member",
    "member_key",
    "member_merge",
    "member_profile",
    "posting",
    "settled",
    "tier_due",
    "tier_reached",
    "txn",
    "txn_note",
}
"""Spread by member_id: the ledger, and what belongs to a member."""

BY_CONNECTION = {
    "changed_object",
    "connection_token",
    "customer_told",
    "delivery",
    "delivery_count",
    "drift",
    "mirror",
    "order_key",
    "order_revision",
    "orders",
    "pace",
    "poll",
    "reconciliation",
    "refund",
    "same_as",
    "store_setting",
    "z_report",
}
"""Spread by connection_id: what comes from a vendor and goes to it."""

ON_EVERY_MACHINE = {
    "program": "a few, and everything refers to them",
    "program_version": "a few for each program",
    "company": "a few",
    "store": "a few hundred",
    "connection": "a few, and everything refers to them",
    "period": "one a month, and every transaction refers to it",
    "sale_pair": "at most one for two connections",
    "product": "a table of the merchant's, read by every settlement",
    "fact": "a few a day, read by every settlement",
    "terminal": "one for each till",
    "terminal_credential": "a few for each till",
    "job": "one row for each job",
    "alembic_version": "one row",
}
"""Small, or read by all and seldom written: a reference table, with any primary key."""

EXEMPT = {
    "identity": "found by its digest while the member is not known yet",
    "coupon": "found by its code while the member is not known yet",
    "coupon_move": "numbered for each code",
    "hold_code": "found by its code, which a vendor's order names",
    "allowance": "found by its id, which a till that was offline names",
    "allowance_use": "numbered for each allowance",
    "request_key": "its scope names a till, connection or program inside a text",
    "quota": "one counter that members of all machines draw from",
    "quota_claim": "counted against that counter",
    "feed": "one order of all changes",
    "feed_head": "the last number of that order",
    "alert": "numbered as they come, for a person",
    "lookup": "a log without a primary key",
    "qr_used": "found by the code's id; forgotten within minutes",
    "terminal_nonce": "found by the credential; forgotten within minutes",
}
"""Neither in their primary key: what would have to change, or stay on one machine."""

CROSSING = {
    "member.merged_into": "member",
    "member_merge.merged_into": "member",
    "mirror.member_id": "member",
    "orders.member_id": "member",
}
"""Foreign keys of spread tables that may lead to another machine: they would have to be dropped."""

TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = CAST('public' AS regnamespace)"""

UNIQUE = """
SELECT indrelid::regclass::text, indisprimary,
       array(SELECT attname::text FROM pg_attribute
             WHERE attrelid = indrelid AND attnum = ANY (indkey))
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE indisunique AND relnamespace = CAST('public' AS regnamespace)"""

FOREIGN = """
SELECT conrelid::regclass::text, confrelid::regclass::text,
       array(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k (n, at)
             JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY at),
       array(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k (n, at)
             JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY at)
FROM pg_constraint WHERE contype = 'f'"""


def spread_by(table: str) -> str | None:
    if table in BY_MEMBER:
        return "member_id"
    return "connection_id" if table in BY_CONNECTION else None


async def test_every_table_is_spread_or_says_why_not(owner_engine: AsyncEngine) -> None:
    async with owner_engine.connect() as conn:
        tables = sorted((await conn.execute(text(TABLES))).scalars())
    assert sorted([*BY_MEMBER, *BY_CONNECTION, *ON_EVERY_MACHINE, *EXEMPT]) == tables


async def test_what_is_spread_has_its_column_in_everything_that_is_unique(
    owner_engine: AsyncEngine,
) -> None:
    async with owner_engine.connect() as conn:
        found = (await conn.execute(text(UNIQUE))).all()
    spread = [row for row in found if spread_by(row[0])]
    assert {row[0] for row in spread if row[1]} == BY_MEMBER | BY_CONNECTION
    assert [row for row in spread if spread_by(row[0]) not in row[2]] == []


async def test_an_exemption_ends_when_the_column_is_there(owner_engine: AsyncEngine) -> None:
    async with owner_engine.connect() as conn:
        found = (await conn.execute(text(UNIQUE))).all()
    able = {
        table
        for table, primary, columns in found
        if primary and {"member_id", "connection_id"} & {*columns}
    }
    assert able & EXEMPT.keys() == set()


async def test_foreign_keys_of_what_is_spread_stay_on_the_machine(
    owner_engine: AsyncEngine,
) -> None:
    async with owner_engine.connect() as conn:
        found = (await conn.execute(text(FOREIGN))).all()
    crossing = {}
    for table, other, columns, others in found:
        by = spread_by(table)
        if by is None or other in ON_EVERY_MACHINE:
            continue
        together = by == spread_by(other) and (by, by) in zip(columns, others, strict=True)
        if not together:
            crossing[f"{table}.{','.join(columns)}"] = other
    assert crossing == CROSSING


def test_the_page_names_every_table_that_stands_in_the_way() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [name for name in [*EXEMPT, *CROSSING] if f"`{name}`" not in page]
    assert missing == []
