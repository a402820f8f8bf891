"""What the doctor says of queues, circuits, accept rates, polls and dead letters."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.cli.doctor_checks import Finding
from renkei.cli.doctor_queues import FEWEST, watched
from renkei.storage.embedded import EmbeddedServer

SHOPS = """
INSERT INTO program VALUES ('default', 'p', 'Asia/Tokyo');
INSERT INTO company VALUES ('default', 'c');
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
SELECT id, 'acme', 'default', 'default', '', now(), 'hub', false, 'active', now()
FROM unnest(ARRAY['cart', 'shop']) AS id;
INSERT INTO member (member_id, program_id, created_at) VALUES ('mem_1', 'default', now())"""


@pytest.fixture
def conn(server: EmbeddedServer, database_name: str) -> Iterator[Connection]:
    engine = create_engine(server.url(database=database_name))
    with engine.connect() as conn:
        do(conn, SHOPS)
        yield conn
    engine.dispose()


def do(conn: Connection, statements: str) -> None:
    for statement in statements.split(";"):
        conn.execute(text(statement))


def found(conn: Connection, check: str) -> Finding:
    (finding,) = [one for one in watched(conn) if one.check == check]
    return finding


def delivery(age: str, state: str = "new") -> str:
    return f"""INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body, due,
                                     state, reason)
               VALUES ('cart', 'd1', now() - interval '{age}', '', '', now(), '{state}',
                       'broken')"""


def balance(age: str) -> str:
    return f"""INSERT INTO mirror (connection_id, member_id, wanted_version, due, wanted_since)
               VALUES ('cart', 'mem_1', 3, now(), now() - interval '{age}')"""


def test_what_has_come_just_now_is_on_its_way(conn: Connection) -> None:
    do(conn, delivery("5 s"))
    do(conn, balance("5 s"))
    finding = found(conn, "queues")
    assert finding.ok
    assert finding.said == "1 deliveries, 1 balances on their way"


def test_deliveries_that_nobody_reads_need_a_worker(conn: Connection) -> None:
    do(conn, delivery("10 min"))
    finding = found(conn, "queues")
    assert not finding.ok
    assert finding.said == "1 deliveries of cart wait, the first for 10 minutes"
    assert "renkei serve" in finding.mend


def test_balances_of_a_vendor_that_rests_go_on_by_themselves(conn: Connection) -> None:
    do(conn, balance("3 h"))
    assert "renkei serve" in found(conn, "queues").mend
    do(
        conn,
        "UPDATE connection SET failures = 9, open_until = now() + interval '150 s',"
        " last_error = 'too many calls' WHERE connection_id = 'cart'",
    )
    assert "by themselves" in found(conn, "queues").mend
    finding = found(conn, "circuits")
    assert not finding.ok
    assert finding.said == "cart is left alone for 2 minutes after 9 failures (too many calls)"


def test_refused_deliveries_are_found_from_a_number_on_that_says_something(
    conn: Connection,
) -> None:
    def count(connection: str, accepted: int, refused: int) -> None:
        do(
            conn,
            "INSERT INTO delivery_count VALUES"
            f" ('{connection}', now() - interval '2 min', {accepted}, {refused})",
        )

    count("shop", 0, FEWEST - 1)
    assert found(conn, "accept rates").ok
    count("cart", 5, FEWEST)
    finding = found(conn, "accept rates")
    assert not finding.ok
    assert finding.said == f"cart: 5 of {FEWEST + 5} were genuine"
    assert "--replace" in finding.mend


def test_polls_that_have_not_come_far_are_found_and_a_back_fill_is_not(conn: Connection) -> None:
    do(
        conn,
        "INSERT INTO poll (connection_id, kind, since, due, began, ends) VALUES"
        " ('shop', 'order_history', now() - interval '3 years', now(),"
        "  now() - interval '3 years', now()), ('shop', 'order', now() - interval '15 min', now(),"
        "  NULL, NULL)",
    )
    assert found(conn, "polls").ok
    do(conn, "UPDATE poll SET since = now() - interval '5 h', failures = 4 WHERE kind = 'order'")
    finding = found(conn, "polls")
    assert finding.said == "shop has read its orders up to 5 hours ago (4 failures)"
    assert "poll_failed" in finding.mend
    do(conn, "UPDATE connection SET state = 'paused'")
    assert found(conn, "polls").ok


def test_what_was_given_up_is_named_with_its_reason(conn: Connection) -> None:
    do(conn, delivery("1 h", "dead"))
    do(conn, balance("1 h") + "; UPDATE mirror SET parked = true")
    finding = found(conn, "dead letters")
    assert finding.said == "given up: 1 deliveries of cart, 1 balances of cart (cart/d1: broken)"
    assert "renkei queue --dead" in finding.mend


def test_holds_that_nobody_ends_need_a_worker(conn: Connection) -> None:
    do(
        conn,
        "SET session_replication_role = replica; INSERT INTO hold (member_id, version, scope, key,"
        " connection_id, amount, lapses_at, lead_member, lead_version, for_member) SELECT"
        " 'mem_1', n, 's', 'k', 'pos', 1, now() - n * interval '5 min', 'mem_1', n, 'mem_1'"
        " FROM generate_series(1, 3) AS n; INSERT INTO hold_end VALUES ('mem_1', 3, 4, 'lapsed',"
        " 0);"
        " INSERT INTO hold_extension VALUES ('mem_1', 2, 1, now() + interval '5 min', now())",
    )
    finding = found(conn, "queues")
    assert not finding.ok
    assert finding.said == "1 holds that are over wait, the first for 5 minutes"
