"""What the running hub's role may do, and what nobody may: every table of the schema is listed."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from renkei.ledger.guards import FROZEN_TABLES, STATE
from renkei.storage.engine import APP_ROLE, Database

MUTABLE = {
    "program": "a title and a zone, told once; the rules are in program_version",
    "company": "a title",
    "store": "a title and a zone",
    "connection": "state and settings of a connection; its program and vendor never change",
    "connection_token": "the newest token replaces the one before",
    "poll": "how far reading has come",
    "terminal": "a label, and whether it is disabled",
    "terminal_credential": "until when it is valid",
    "terminal_nonce": "forgotten when it is too old to be used again",
    "qr_used": "forgotten when the code is too old to be shown again",
    "member": "the head: balances, version, chain, and into whom the member is merged",
    "member_key": "destroyed when a person is erased",
    "member_profile": "names change, under the member's key; a birthday without its year",
    "tier_due": "whose tiers must be looked at: work that is done is gone",
    "customer_told": "what a vendor told last of a customer",
    "identity": "until when it is valid, and how well it is proven",
    "period": "is sealed once",
    "quota": "how much of it is used",
    "orders": "the newest state; every state is kept in order_revision",
    "order_key": "only added to",
    "settled": "what is posted for an order now; the log has how it came to that",
    "changed_object": "what waits to be read",
    "pace": "how far turns at a vendor are taken",
    "job": "who does it, and until when",
    "mirror": "what each channel shows",
    "feed_head": "the feed's last number",
    "delivery_count": "processes add to it; what is old says nothing about what is usual",
    "drift": "where a vendor and the books differ, as the newest comparison found it",
    "reconciliation": "how far a comparison is, and what it counted",
    "sale_pair": "how far apart two sightings of a sale may lie",
    "alert": "is closed by a person; of missing or refused deliveries, when they are back",
    "alembic_version": "the schema's own revision",
}
"""The tables whose rows may change, and why; every other one refuses it."""

DELETED = {
    "connection_token",
    "poll",
    "changed_object",
    "mirror",
    "terminal_nonce",
    "qr_used",
    "member_key",
    "tier_due",
    "delivery_count",
    "drift",
    "reconciliation",
}
"""Whose rows the running role may delete: work that is done, secrets and counts that are over."""


COLUMNS = """
SELECT a.attrelid::regclass::text, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0
  AND NOT a.attisdropped ORDER BY 1, a.attnum"""


@pytest.fixture
async def running(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection of the running hub."""
    async with database.engine.connect() as conn:
        yield conn


@pytest.fixture
async def owner(owner_engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the database's owner."""
    async with owner_engine.connect() as conn:
        yield conn


async def columns(owner: AsyncConnection) -> dict[str, list[str]]:
    """Every table of the schema with its columns."""
    tables: dict[str, list[str]] = {}
    for table, column in (await owner.execute(text(COLUMNS))).all():
        tables.setdefault(table, []).append(column)
    return tables


async def facts(owner: AsyncConnection, table: str) -> list[str]:
    """The columns of a frozen table that are no state."""
    return [one for one in (await columns(owner))[table] if one not in STATE.get(table, ())]


async def refused(conn: AsyncConnection, statement: str) -> str:
    """What the database says to a statement that it must refuse."""
    attempt = await conn.begin_nested()
    with pytest.raises(DBAPIError) as refusal:
        await conn.execute(text(statement))
    await attempt.rollback()
    return str(refusal.value.orig)


async def test_every_table_is_frozen_or_has_a_reason_to_change(owner: AsyncConnection) -> None:
    assert set(await columns(owner)) == set(FROZEN_TABLES) | MUTABLE.keys()
    assert not set(FROZEN_TABLES) & MUTABLE.keys()


@pytest.mark.parametrize("table", FROZEN_TABLES)
async def test_the_running_role_may_not_change_what_is_posted(
    running: AsyncConnection, owner: AsyncConnection, table: str
) -> None:
    for column in await facts(owner, table):
        said = await refused(running, f'UPDATE {table} SET "{column}" = "{column}"')
        assert "permission denied" in said
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        assert "permission denied" in await refused(running, statement)


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("table", FROZEN_TABLES)
async def test_the_owner_may_not_change_it_either(
    owner: AsyncConnection, table: str, role: str
) -> None:
    """Nor while triggers are told to rest, as a restore or a replication does."""
    await owner.execute(text(f"SET LOCAL session_replication_role = {role}"))
    for column in await facts(owner, table):
        said = await refused(owner, f'UPDATE {table} SET "{column}" = "{column}"')
        assert "what is posted is never changed" in said
    assert "is refused" in await refused(owner, f"TRUNCATE {table} CASCADE")
    if table != "delivery":
        assert "is refused" in await refused(owner, f"DELETE FROM {table}")


async def test_the_running_role_deletes_only_what_may_go(
    running: AsyncConnection, owner: AsyncConnection
) -> None:
    tables = await columns(owner)
    for table in tables.keys() - DELETED:
        assert "permission denied" in await refused(running, f"DELETE FROM {table}")
    for table in tables:
        assert "permission denied" in await refused(running, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE posting DISABLE TRIGGER frozen",
        "ALTER TABLE lot ENABLE TRIGGER frozen",
        "DROP TRIGGER frozen ON txn",
        "DROP TABLE posting",
        "ALTER TABLE posting DROP CONSTRAINT posting_amount_check",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$",
        "SET ROLE renkei_owner",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (n int)",
        "ALTER ROLE renkei_app SUPERUSER",
    ],
)
async def test_the_running_role_may_not_take_the_guards_down(
    running: AsyncConnection, statement: str
) -> None:
    said = await refused(running, statement)
    assert "must be owner" in said or "permission denied" in said


async def test_the_running_role_may_not_give_itself_rights(running: AsyncConnection) -> None:
    await running.execute(text("GRANT UPDATE ON posting TO renkei_app"))  # a mere warning
    assert "permission denied" in await refused(running, "UPDATE posting SET amount = 1")


async def test_the_running_role_is_nobody_special(running: AsyncConnection) -> None:
    ask = text(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
        " (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r"
        " WHERE rolname = current_user AND rolname = :role"
    )
    assert (await running.execute(ask, {"role": APP_ROLE})).one() == (False, 0)
