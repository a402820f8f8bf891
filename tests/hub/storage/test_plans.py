"""What a batch looks for by its key is found by the whole key, whatever the planner knows.

A statement of batches is planned once in a connection's life (storage/engine.py): in a new
database before anything has counted the rows, and what is read in vain then grows with every sale.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from renkei.ledger import queries, statements
from renkei.messaging import changed, codes, dead_letters, inbox, kept, mirror, queues
from renkei.storage.engine import Database
from renkei.storage.trip import PARAMETER

SALE = ("connection_id", "store", "till", "business_date", "settlement_count", "receipt_number")
ORDER = ("connection_id", "order_ref")
PROOF = ("kind", "scope", "blind")

LOOK_UPS = [
    ("a sale by its natural key", queries.SALES, "order_key", SALE),
    ("orders by natural keys", queries.ORDERS, "order_key", SALE),
    ("orders by name", queries.ORDERS, "orders", ORDER),
    ("what is posted, by natural keys", queries.SETTLED, "order_key", SALE),
    ("what is posted, by copies", queries.SETTLED, "orders", ORDER),
    ("what is posted, by name", queries.SETTLED, "settled", ORDER),
    ("refunds of an order", queries.REFUNDS, "refund", ORDER),
    ("sales that may be the same", queries.LOOKALIKES, "orders", ("total", "placed_at")),
    ("members by identity", queries.IDENTITIES, "identity", PROOF),
    ("requests", queries.REQUESTS, "request_key", ("scope", "key")),
    ("an order restated", statements.ORDERS, "orders", ORDER),
    ("an identity that is there", statements.IDENTITIES, "identity", PROOF),
    ("a hold's code that is over", statements.CODES_OVER, "hold_code", ("member_id", "version")),
]


@pytest.mark.parametrize("case", LOOK_UPS, ids=lambda case: case[0])
async def test_a_new_database_finds_it_by_the_whole_key(
    database: Database, case: tuple[str, str, str, tuple[str, ...]]
) -> None:
    _, statement, table, columns = case
    scans = [node for node in await planned(database, statement) if of_table(node, table)]
    assert scans
    for scan in scans:
        assert [one for one in columns if one not in scan.get("Index Cond", "")] == [], scan


async def test_a_new_database_finds_lots_in_play_without_those_that_are_over(
    database: Database,
) -> None:
    found = [node for node in await planned(database, queries.LOTS) if "Index Cond" in node]
    assert {node["Index Name"] for node in found} == {"lot_in_play", "lot_pkey"}
    (named,) = (node["Index Cond"] for node in found if node["Index Name"] == "lot_pkey")
    assert "member_id" in named
    assert "lot = " in named


GIVEN_UP = {
    "changed_object_dead",
    "delivery_dead",
    "hold_code_failed",
    "mirror_parked",
}
"""Indexes of what waits for a person."""


async def test_what_was_given_up_is_counted_without_what_was_not(database: Database) -> None:
    found = await planned(database, queues.DEAD)
    assert {node["Index Name"] for node in found if "Index Name" in node} == GIVEN_UP


async def test_what_was_given_up_is_listed_without_what_was_not(database: Database) -> None:
    found = await planned(database, dead_letters.DEAD)
    assert {node["Index Name"] for node in found if "Index Name" in node} == GIVEN_UP


async def test_all_that_was_given_up_is_gone_through_by_its_keys_without_sorting(
    database: Database,
) -> None:
    found = [
        node for one in dead_letters.BACK.values() for node in await planned(database, one.next)
    ]
    by_key = {node["Index Name"] for node in found if "ROW(" in node.get("Index Cond", "")}
    by_key |= {node["Index Name"] for node in found if " > " in node.get("Index Cond", "")}
    assert by_key == GIVEN_UP


async def test_deliveries_are_claimed_without_reading_those_that_are_over(
    database: Database,
) -> None:
    waits = await waiting_rows(database, inbox.CLAIM)
    suspects = await waiting_rows(database, inbox.SUSPECTS_WAIT)
    assert (waits["Index Name"], suspects["Index Name"]) == ("delivery_waiting", "delivery_lost")
    for scan in (waits, suspects):
        assert "connection_id" in scan["Index Cond"]
        assert "due" in scan["Index Cond"]


@pytest.mark.parametrize(
    ("queue", "index"),
    [
        (changed, "changed_object_lost"),
        (mirror, "mirror_lost"),
        (codes, "hold_code_lost"),
    ],
)
async def test_whether_any_were_lost_is_known_without_reading_the_others(
    database: Database, queue: Any, index: str
) -> None:
    scan = await waiting_rows(database, queue.SUSPECTS_WAIT)
    assert scan["Index Name"] == index
    assert "connection_id" in scan["Index Cond"]


async def waiting_rows(database: Database, statement: str) -> dict[str, Any]:
    """How a statement comes to the deliveries that are due."""
    (scan,) = (
        node for node in await planned(database, statement) if "due" in str(node.get("Index Cond"))
    )
    return scan


async def test_the_newest_deliveries_are_found_without_reading_them_all(database: Database) -> None:
    found = [node for node in await planned(database, kept.LOOK) if of_table(node, "delivery")]
    newest = [node for node in found if node.get("Scan Direction") == "Backward"]
    assert [node["Index Name"] for node in newest] == ["delivery_connection_id_received_at_idx"]


async def test_old_bytes_are_found_without_those_that_are_gone(database: Database) -> None:
    found = await planned(database, inbox.EMPTY)
    assert "delivery_kept" in {node.get("Index Name") for node in found}


async def planned(database: Database, statement: str) -> list[dict[str, Any]]:
    """The nodes of the plan that a connection keeps for its life."""
    names = list(dict.fromkeys(PARAMETER.findall(statement)))
    sql = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    asked = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}"
    async with database.batches.connect() as conn:
        (plan,) = (await conn.exec_driver_sql(asked.replace("%", "%%"))).scalar_one()
    return list(nodes(plan["Plan"]))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


def of_table(node: dict[str, Any], table: str) -> bool:
    return node.get("Relation Name") == table and "Scan" in node["Node Type"]
