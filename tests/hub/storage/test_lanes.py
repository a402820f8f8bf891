"""Lanes side by side, and several statements in one round trip."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from renkei.storage import committer
from renkei.storage.committer import GroupCommitter, Lanes, sqlstate
from renkei.storage.engine import Database
from renkei.storage.trip import Statement, travel


async def test_what_is_about_the_same_shares_a_lane_and_lanes_run_side_by_side(
    database: Database,
) -> None:
    busy: set[int] = set()
    seen: dict[str, set[int]] = {}
    both = asyncio.Event()

    def lane(number: int) -> GroupCommitter[str, str]:
        async def run(_: Database, commands: Sequence[str]) -> Sequence[str]:
            busy.add(number)
            if len(busy) == 2:
                both.set()
            await asyncio.wait_for(both.wait(), 10)
            for command in commands:
                seen.setdefault(command[0], set()).add(number)
            return commands

        return GroupCommitter(database, run)

    commands = [f"{who}{n}" for n in range(5) for who in "abcdefgh"]
    async with Lanes([lane(0), lane(1)], lane(2), about=lambda command: command[0]) as lanes:
        assert await asyncio.gather(*map(lanes.submit, commands)) == commands
    assert {len(numbers) for numbers in seen.values()} == {1}
    assert set.union(*seen.values()) == {0, 1}


async def test_what_somebody_waits_for_is_not_behind_a_batch_of_what_can_wait(
    database: Database,
) -> None:
    goes_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(_: Database, commands: Sequence[str]) -> Sequence[str]:
        begun.set()
        await asyncio.wait_for(goes_on.wait(), 10)
        return commands

    async def quick(_: Database, commands: Sequence[str]) -> Sequence[str]:
        return commands

    slow_lane, first = GroupCommitter(database, slow), GroupCommitter(database, quick)
    async with Lanes([slow_lane], first, about=lambda command: command) as lanes:
        webhook = asyncio.create_task(lanes.submit("webhook"))
        await begun.wait()
        assert await lanes.submit_first("register") == "register"
        assert not webhook.done()
        goes_on.set()
        assert await webhook == "webhook"


async def test_what_has_time_goes_with_what_comes_a_little_later(database: Database) -> None:
    batches: list[Sequence[str]] = []

    async def run(_: Database, commands: Sequence[str]) -> Sequence[str]:
        batches.append(commands)
        return commands

    async with GroupCommitter(database, run, linger=0.2) as lane:
        first = asyncio.create_task(lane.submit("first"))
        for _ in range(5):  # the committer has seen that there is something
            await asyncio.sleep(0)
        assert await lane.submit("second") == "second"
        assert await first == "first"
    assert batches == [["first", "second"]]


async def test_whoever_waits_for_what_was_taken_waits_for_callers_that_left(
    database: Database,
) -> None:
    goes_on, done = asyncio.Event(), []

    async def run(_: Database, commands: Sequence[str]) -> Sequence[str]:
        await asyncio.wait_for(goes_on.wait(), 10)
        done.extend(commands)
        return commands

    one, other, first = (GroupCommitter(database, run) for _ in range(3))
    lanes = Lanes([one, other], first, about=lambda command: command)
    async with lanes:
        calls = [asyncio.create_task(lanes.submit(name)) for name in "abcdefgh"]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        waiting = asyncio.create_task(lanes.settled())
        await asyncio.sleep(0)
        goes_on.set()
        await waiting
        assert sorted(done) == list("abcdefgh")


async def test_statements_of_a_trip_answer_in_order_with_the_rows_they_changed(
    database: Database,
) -> None:
    asked: list[Any] = [
        Statement("CREATE TEMP TABLE t (n int)"),
        Statement("INSERT INTO t SELECT generate_series(1, CAST(:n AS int))", {"n": 3}),
        Statement("SELECT n, '5%'::text FROM t WHERE n < :n AND n > :n - 2", {"n": 3}),
    ]
    async with database.begin() as conn:
        answers = await travel(conn, asked)
    assert answers[1].count == 3
    assert answers[2].rows == [(2, "5%")]


async def test_a_failing_statement_names_its_state_and_keeps_the_values_to_itself(
    database: Database,
) -> None:
    bad = Statement("SELECT 1 / length(:v || '') - 1 / 0", {"v": "a secret"})
    with pytest.raises(DBAPIError) as failed:
        async with database.begin() as conn:
            await travel(conn, [Statement("SELECT 1"), bad, Statement("SELECT 2")])
    assert sqlstate(failed.value) == "22012"
    assert "secret" not in str(failed.value)
    async with database.begin() as conn:
        assert (await conn.execute(text("SELECT 3"))).scalar_one() == 3


async def test_a_trip_outlives_the_rollback_of_statements_that_went_by_the_driver(
    database: Database,
) -> None:
    asked = [Statement("SELECT CAST(:n AS int)", {"n": 1})]
    async with database.batches.connect() as conn:
        await travel(conn, asked)
        for _ in range(9):  # the driver would prepare it by now
            await conn.execute(text("SELECT 2"))
        await conn.rollback()
        assert (await travel(conn, asked))[0].rows == [(1,)]


async def test_a_batch_takes_the_connection_of_the_one_before_and_leaves_nothing_open(
    database: Database,
) -> None:
    pids = []
    for _ in range(2):
        async with database.begin_batch() as conn:
            found = await travel(conn, [Statement("SELECT pg_backend_pid()")])
            pids.append(found[0].rows[0][0])
    async with database.begin() as conn:
        state = text("SELECT state FROM pg_stat_activity WHERE pid = :pid")
        assert (await conn.execute(state, {"pid": pids[0]})).scalar_one() == "idle"
    assert pids[0] == pids[1]


async def test_what_a_failed_batch_wrote_is_gone_before_the_next_one(database: Database) -> None:
    alert = Statement(
        """INSERT INTO alert (alert_id, kind, message, raised_at)
           VALUES ('alr_1', 'test', 'm', now())"""
    )

    async def fail() -> None:
        async with database.begin_batch() as conn:
            await travel(conn, [alert])
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await fail()
    async with database.begin_batch() as conn:
        (found,) = await travel(conn, [Statement("SELECT count(*) FROM alert")])
    assert found.rows == [(0,)]


async def test_senders_take_turns_so_that_a_flood_delays_no_other(database: Database) -> None:
    goes_on, batches = asyncio.Event(), list[Sequence[str]]()

    async def run(_: Database, commands: Sequence[str]) -> Sequence[str]:
        await goes_on.wait()
        batches.append(commands)
        return commands

    sent = [f"flood{n}" for n in range(50)] + ["a1", "a2", "b1"]
    async with GroupCommitter(database, run, batch=10, whose=lambda one: one[0]) as lane:
        calls = [asyncio.create_task(lane.submit(one)) for one in sent]
        await asyncio.sleep(0)
        goes_on.set()
        assert await asyncio.gather(*calls) == sent
    assert batches[0][:5] == ["flood0", "a1", "b1", "flood1", "a2"]
    assert [one for batch in batches for one in batch if one[0] == "f"] == sent[:50]


async def test_a_server_without_room_refuses_nobody_for_good(database: Database) -> None:
    """Each command could be the one that a batch is split for; none of them is at fault."""
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    tries = 0

    async def run(_: Database, commands: Sequence[str]) -> Sequence[str]:
        nonlocal tries
        tries += 1
        if tries < 3:
            async with database.begin_batch() as conn:
                await travel(conn, [Statement(full)])
        return commands

    async with GroupCommitter(database, run) as lane:
        assert await asyncio.gather(*map(lane.submit, "abc")) == list("abc")


async def test_a_server_that_stays_in_trouble_is_tried_until_nobody_waits_for_an_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "PATIENCE", 0.0)
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    raced = "DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$"
    tries: list[Sequence[str]] = []

    async def run(_: Database, commands: Sequence[str]) -> Sequence[str]:
        tries.append(commands)
        if len(tries) < 6:
            async with database.begin_batch() as conn:
                await travel(conn, [Statement(full if commands == ["in trouble"] else raced)])
        return commands

    async with GroupCommitter(database, run) as lane:
        with pytest.raises(DBAPIError) as failed:
            await lane.submit("in trouble")
        assert await lane.submit("in a race") == "in a race"
    assert sqlstate(failed.value) == "53100"
    assert tries == [["in trouble"], *[["in a race"]] * 5]
