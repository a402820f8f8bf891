"""Verify finds what was changed behind the ledger's back, and names it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from booked_history import History, book
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from tamperings import (
    ADDED,
    BALANCE,
    COUNTERS,
    GUARD,
    MOVED,
    ONCE,
    PROGRAM,
    SETTLED,
    TAMPERINGS,
    Case,
    set_value,
)

from renkei.ledger.guards import FROZEN_TABLES
from renkei.ledger.invariants import (
    CLOCK,
    INVARIANTS,
    REPLAYED,
)
from renkei.ledger.verify import verify
from renkei.storage.engine import APP_ROLE


@pytest.fixture(scope="module")
def history(server: Any, booking_on: Any) -> Iterator[History]:
    """A booked history in a database of its own; its tests roll back what they change."""
    name = f"h_{uuid4().hex[:12]}"
    admin = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE renkei_template STRATEGY file_copy"))
        booked = History(server.url(database=name))
        asyncio.run(book(booked, server.url(APP_ROLE, name), booking_on))
        yield booked
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
async def behind(history: History) -> AsyncIterator[AsyncConnection]:
    """The owner, with every guard taken down, in a transaction that is rolled back."""
    engine = create_async_engine(history.owner_url)
    async with engine.connect() as conn:
        yield conn
        await conn.rollback()
    await engine.dispose()


async def change(conn: AsyncConnection, *statements: str, **names: str) -> int:
    """Change rows behind the ledger's back: no guard sees it, and all are up again after it.

    Gives how many rows the last statement changed.
    """
    changed = 0
    guarded = [one for one in FROZEN_TABLES if any(one in statement for statement in statements)]
    await conn.execute(text("SET LOCAL session_replication_role = replica"))
    for table in guarded:
        await conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER frozen"))
    for statement in statements:
        asked = text(statement)
        values = {name: names[name] for name in asked._bindparams}
        changed = (await conn.execute(asked, values)).rowcount
    for table in guarded:
        await conn.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER frozen"))
    await conn.execute(text("SET LOCAL session_replication_role = origin"))
    return changed


async def test_nothing_is_found_in_what_was_booked(behind: AsyncConnection) -> None:
    report = await verify(behind)
    assert report.findings == ()
    assert (report.members, report.transactions) == (4, 36)


BOOKS = {
    "member": {"created_at"},
    "txn": set(),
    "txn_note": set(),
    "chain": set(),
    "posting": set(),
    "allocation": {"n"},
    "lot": set(),
    "hold": {"for_member"},
    "hold_extension": set(),
    "hold_end": set(),
    "settled": set(),
    "quota": {"limit"},
    "quota_claim": set(),
    "request_key": {"recorded_at"},
    "orders": {"digest", "total", "apart", "spent"},
    "order_revision": {"recorded_at"},
    "period": set(),
    "member_merge": set(),
    "feed": set(),
    "feed_head": set(),
}
"""The tables that carry the books, with the columns of which nothing else tells the value."""

FREE_TO_GO = {"hold_extension", "txn_note"}
"""An extension stands for itself; a note goes when a person is erased, and its digest stays."""

CHANGED = {
    "int2": "{0} + 1",
    "int4": "{0} + 1",
    "int8": "{0} + 1",
    "text": "{0} || 'x'",
    "_text": "{0} || ARRAY['x']",
    "bytea": "{0} || decode('00', 'hex')",
    "timestamptz": "{0} + interval '1 hour'",
    "json": "json_build_object('other', 1)",
    "bool": "NOT {0}",
}
"""How a value of each type is changed."""

COLUMNS = """
SELECT column_name, udt_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = :table ORDER BY ordinal_position"""


@pytest.mark.parametrize("table", BOOKS)
async def test_a_changed_value_is_found_in_every_column(
    behind: AsyncConnection, table: str
) -> None:
    """In the last row that has one; what the database itself refuses cannot be changed."""
    unseen = set()
    for column, kind in (await behind.execute(text(COLUMNS), {"table": table})).all():
        name = f'"{column}"'
        row = f"(SELECT max(ctid) FROM {table} WHERE {name} IS NOT NULL)"
        other = f"UPDATE {table} SET {name} = {CHANGED[kind].format(name)} WHERE ctid = {row}"
        if await unseen_after(behind, other):
            unseen.add(column)
    assert unseen == BOOKS[table]


MADE = {
    "program_version": "",
    "refund": "",
    "member_merge": "",
    "hold_extension": "",
    "quota_claim": "",
    "activity": "(:hanako, now())",
    "same_as": "('cart', 'o1', 'cart', 'o2', 'natural key', now())",
    "tier_reached": "(:hanako, 'gold', 'ever', now(), now())",
    "coupon": "('28', :hanako, 'default', 1, 'c', 'o', 'app', 'r', 5, now(), now(), now())",
    "coupon_move": "('28', 1, 'captured', NULL, NULL, 'cart', 'o1', now())",
    "allowance": "('a', 'trm_1', 'k', :hanako, 'pos', 5, now(), now() + interval '1 day',"
    " now() + interval '2 days')",
    "allowance_use": "('a', 1, 1, 'o1', 5, now())",
}
"""A row for each table whose rows have digests; empty: the history has some."""


@pytest.mark.parametrize("table", MADE)
async def test_a_row_that_was_added_is_found_where_any_of_it_was_changed(
    behind: AsyncConnection, history: History, table: str
) -> None:
    if MADE[table]:
        made = text(f"INSERT INTO {table} VALUES {MADE[table]}")
        await behind.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        await behind.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER digested"))
        await behind.execute(made, {name: vars(history)[name] for name in made._bindparams})
    assert not await changed_rows(behind, table)
    columns = (await behind.execute(text(COLUMNS), {"table": table})).all()
    seen = [await seen_where_changed(behind, table, *column) for column in columns]
    assert all(seen), columns


async def seen_where_changed(conn: AsyncConnection, table: str, column: str, kind: str) -> bool:
    """Whether verify finds a change of this column, or the database refuses it."""
    undone = await conn.begin_nested()
    last = f'SELECT max(ctid) FROM {table} WHERE "{column}" IS NOT NULL'
    other = f'"{column}" = ' + CHANGED[kind].format(f'"{column}"')
    try:
        changed = await change(conn, f"UPDATE {table} SET {other} WHERE ctid = ({last})")
        return not changed or bool(await changed_rows(conn, table))
    except IntegrityError:
        return True
    finally:
        await undone.rollback()


async def changed_rows(conn: AsyncConnection, table: str) -> set[str]:
    """The rows of a table that verify finds changed."""
    found = (await verify(conn)).findings
    return {
        one.subject for one in found if (one.invariant, one.subject.split()[0]) == (ADDED, table)
    }


@pytest.mark.parametrize(
    ("table", "digest"), [("order_revision", "digest"), ("request_key", "answer_digest")]
)
async def test_a_digest_that_was_emptied_is_found(
    behind: AsyncConnection, table: str, digest: str
) -> None:
    row = f"(SELECT max(ctid) FROM {table} WHERE {digest} IS NOT NULL)"
    assert not await unseen_after(behind, f"UPDATE {table} SET {digest} = NULL WHERE ctid = {row}")


@pytest.mark.parametrize("table", sorted(BOOKS.keys() - FREE_TO_GO))
async def test_a_deleted_row_is_found(behind: AsyncConnection, table: str) -> None:
    """Tried with a handful from all over the table."""
    rows = (await behind.execute(text(f"SELECT ctid::text FROM {table}"))).scalars().all()
    assert rows
    for row in rows[:: 1 + len(rows) // 6]:
        assert not await unseen_after(behind, f"DELETE FROM {table} WHERE ctid = '{row}'")


async def unseen_after(conn: AsyncConnection, statement: str) -> bool:
    """Whether verify finds nothing after a change, which is undone."""
    undone = await conn.begin_nested()
    try:
        changed = await change(conn, statement)
        return changed > 0 and (await verify(conn)).findings == ()
    except IntegrityError:
        return False
    finally:
        await undone.rollback()


@pytest.mark.parametrize("case", TAMPERINGS, ids=lambda case: case.name)
async def test_a_tampering_is_found_and_named(
    behind: AsyncConnection, history: History, case: Case
) -> None:
    await change(behind, *case.statements, **vars(history))
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    feed = (await behind.execute(text("SELECT seq FROM feed_head"))).scalar_one()
    subject = case.subject.format(feed=feed, **vars(history))
    assert (case.invariant, subject) in found


AMOUNTS = {
    "posting": ("amount",),
    "allocation": ("d_pending", "d_available", "d_held", "d_debt"),
    "lot": ("granted", "pending", "available", "held", "expired", "netted"),
    "member": ("pending", "available", "held", "debt"),
    "settled": ("earned", "redeemed"),
}
"""Every amount whose sums are compared."""


async def test_amounts_of_any_size_are_summed_exactly(
    behind: AsyncConnection, history: History
) -> None:
    """A billion times as much breaks other invariants, but no sum; one point more breaks one."""
    for table, columns in AMOUNTS.items():
        values = ", ".join(f"{column} = {column} * 1000000000" for column in columns)
        await change(behind, f"UPDATE {table} SET {values}")
    sums = {PROGRAM, MOVED, COUNTERS, BALANCE, SETTLED}
    assert not sums & {one.invariant for one in (await verify(behind)).findings}
    await change(behind, *set_value("lot", "expired = expired + 1", "lot = 3"), **vars(history))
    found = [one for one in (await verify(behind)).findings if one.invariant in sums]
    assert [(one.invariant, one.subject) for one in found] == [
        (COUNTERS, f"{history.hanako} lot 3")
    ]


async def test_a_clock_that_went_back_is_found_even_where_the_chain_was_forged(
    behind: AsyncConnection, history: History
) -> None:
    back = "UPDATE txn SET recorded_at = recorded_at - interval '1 day' WHERE version = 5"
    await change(behind, back)
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    assert (CLOCK, f"{history.hanako} transaction 5") in found


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE posting DISABLE TRIGGER frozen",
        "ALTER TABLE posting ENABLE TRIGGER frozen",
        "DROP TRIGGER frozen ON posting",
        "CREATE OR REPLACE TRIGGER frozen BEFORE DELETE ON posting"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        "CREATE OR REPLACE TRIGGER frozen BEFORE DELETE ON posting"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();"
        "ALTER TABLE posting ENABLE ALWAYS TRIGGER frozen",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN IF false THEN RAISE EXCEPTION 'no'; END IF; RETURN NULL; END $$",
    ],
)
async def test_a_guard_that_was_taken_down_is_found(
    behind: AsyncConnection, statement: str
) -> None:
    await behind.execute(text(statement))
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    assert (GUARD, "table posting trigger frozen") in found


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE delivery DISABLE TRIGGER emptied",
        "ALTER TABLE delivery ENABLE TRIGGER emptied",
        "DROP TRIGGER emptied ON delivery",
        "CREATE OR REPLACE TRIGGER emptied BEFORE UPDATE OF body ON delivery"
        " FOR EACH ROW EXECUTE FUNCTION only_empty();"
        "ALTER TABLE delivery ENABLE ALWAYS TRIGGER emptied",
        "CREATE OR REPLACE FUNCTION only_empty() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN new; END $$",
        "CREATE OR REPLACE FUNCTION only_empty() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN IF false THEN RAISE EXCEPTION 'no'; END IF; RETURN new; END $$",
        "CREATE OR REPLACE TRIGGER emptied BEFORE UPDATE OF headers, tries ON delivery"
        " FOR EACH ROW EXECUTE FUNCTION only_empty();"
        "ALTER TABLE delivery ENABLE ALWAYS TRIGGER emptied",
    ],
)
async def test_the_guard_of_deliveries_bytes_that_was_taken_down_is_found(
    behind: AsyncConnection, statement: str
) -> None:
    await behind.execute(text(statement))
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    assert (GUARD, "table delivery trigger emptied") in found


async def test_a_guard_of_other_columns_is_found(behind: AsyncConnection) -> None:
    """As many of them, but what a lot was granted is free to change."""
    facts = (
        "member_id, lot, version, origin, connection_id, order_ref, parent_lot, open, granted_at,"
        " grant_year, net_base, yen_value, company_id, store, usable_from, expires_at, point_type,"
        " only_at, slides_months"
    )
    await behind.execute(
        text(
            f"CREATE OR REPLACE TRIGGER frozen BEFORE UPDATE OF {facts}"
            " OR DELETE OR TRUNCATE ON lot"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();"
            "ALTER TABLE lot ENABLE ALWAYS TRIGGER frozen"
        )
    )
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    assert (GUARD, "table lot trigger frozen") in found


MORE = (
    "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
    "CREATE TRIGGER more BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION more()"
)


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        (MORE.format("request_key"), "table request_key trigger more"),
        (MORE.format("member"), "table member trigger more"),
        ("CREATE RULE no AS ON UPDATE TO settled DO INSTEAD NOTHING", "table settled rule no"),
        ("ALTER TABLE member ENABLE ROW LEVEL SECURITY", "table member row security"),
    ],
)
async def test_what_else_acts_on_the_books_is_found(
    behind: AsyncConnection, statement: str, subject: str
) -> None:
    await behind.execute(text(statement))
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    assert (GUARD, subject) in found


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("ALTER TABLE request_key DROP CONSTRAINT request_key_pkey", "request_key key scope key"),
        ("ALTER TABLE coupon_move DROP CONSTRAINT coupon_move_pkey", "coupon_move key code n"),
        ("DROP INDEX identity_proven", "identity key kind scope blind"),
        (
            "DROP INDEX identity_proven;"
            "CREATE INDEX identity_proven ON identity (kind, scope, blind)",
            "identity key kind scope blind",
        ),
    ],
)
async def test_a_key_without_its_unique_index_is_found(
    behind: AsyncConnection, statement: str, subject: str
) -> None:
    await behind.execute(text(statement))
    found = {(one.invariant, one.subject) for one in (await verify(behind)).findings}
    assert (ONCE, f"table {subject}") in found


async def test_every_invariant_is_broken_by_some_tampering() -> None:
    broken = {case.invariant for case in TAMPERINGS} | {CLOCK, GUARD, ONCE}
    known = {one.name for one in INVARIANTS} | set(REPLAYED)
    assert known - broken == set()


async def test_one_member_can_be_verified_alone(behind: AsyncConnection, history: History) -> None:
    change_of_hanako = set_value("lot", "available = available - 1", "lot = 3")
    await change(behind, *change_of_hanako, **vars(history))
    assert (await verify(behind, history.taro)).findings == ()
    report = await verify(behind, history.hanako)
    assert {one.subject for one in report.findings} == {
        f"{history.hanako} lot 3",
        f"{history.hanako} balance",
    }
    assert (report.members, report.transactions) == (1, 13)
