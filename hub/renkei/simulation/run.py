"""One simulation from its seed to its verdict, and a recorded one played again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.invariants import Finding
from renkei.ledger.statehash import MemberState, load_states, state_hash
from renkei.ledger.verify import verify
from renkei.services.batch import run_batch
from renkei.simulation.conductor import Conduct, conduct
from renkei.simulation.evidence import read_evidence
from renkei.simulation.judge import judge
from renkei.simulation.people import member_id
from renkei.simulation.recording import (
    Act,
    RecordedDatabase,
    as_read,
    read_file,
    read_log,
    restored,
    write_file,
)
from renkei.simulation.rounds import end
from renkei.simulation.stage import Stage
from renkei.simulation.traffic import Scenario, plan
from renkei.storage.engine import Database, open_database

T = TypeVar("T")

ROWS = """
SELECT member_id, md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT member_id, concat_ws('|', 't', version, kind, key, connection_id, order_ref, event_at,
                                recorded_at, period, content) AS line FROM txn
    UNION ALL SELECT member_id, CAST(p AS text) FROM posting p
    UNION ALL SELECT member_id, CAST(a AS text) FROM allocation a
    UNION ALL SELECT member_id, CAST(l AS text) FROM lot l
    UNION ALL SELECT member_id, CAST(h AS text) FROM hold_end h
    UNION ALL SELECT member_id, CAST(s AS text) FROM settled s
) AS lines GROUP BY 1 ORDER BY 1"""
"""All of a member's rows but the sealed notes, whose digests no replay can repeat."""


@dataclass(frozen=True)
class Ending:
    """How the books stand at the end, and every act in the order of the commits.

    ``rows`` is a digest of each member's rows.
    """

    states: tuple[MemberState, ...]
    rows: Mapping[str, str]
    findings: tuple[Finding, ...]
    log: Sequence[Mapping[str, Any]]

    @property
    def hash(self) -> str:
        """The state hash (ledger/statehash.py)."""
        return state_hash(self.states)


@dataclass(frozen=True)
class Result:
    """One simulation: how it ended, what was delivered, which processes were killed where."""

    scenario: Scenario
    events: int
    delivered: int
    kills: Mapping[str, int]
    ending: Ending

    @property
    def hash(self) -> str:
        """The state hash."""
        return self.ending.hash

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every violation."""
        return self.ending.findings


def simulate(stage: Stage, scenario: Scenario, how: Conduct) -> Result:
    """Run the scenario on an empty stage and judge it."""
    traffic = plan(scenario)
    heard = conduct(stage, traffic, how)

    async def look(conn: AsyncConnection) -> Ending:
        log = await read_log(conn)
        faults = [Finding("an errand ends as foreseen", *fault) for fault in heard.faults]
        found = judge(traffic, heard.answers, log, await read_evidence(conn))
        return await _ending(conn, scenario, log, [*faults, *found])

    ending = asyncio.run(_looking(stage, look))
    return Result(scenario, traffic.events, heard.delivered, heard.kills, ending)


def record(result: Result, path: Path) -> None:
    """Write what was committed, in the order of the commits, with how it ended."""
    scenario = result.scenario
    header = {
        "seed": scenario.seed,
        "events": scenario.events,
        "members": scenario.members,
        "traffic": scenario.traffic,
        "state_hash": result.hash,
        "rows": result.ending.rows,
    }
    write_file(path, header, result.ending.log)


def recorded_scenario(path: Path) -> Scenario:
    """The scenario of a record; raises ConfigInvalid where it is none."""
    header, _ = read_file(path)
    return Scenario(header["seed"], header["events"], header["members"], header["traffic"])


def replay(stage: Stage, path: Path) -> Result:
    """Play a record's acts one after another, each at the instant it saw, and compare the ends."""
    header, acts = read_file(path)
    scenario = recorded_scenario(path)
    differences: list[Finding] = []

    async def look(conn: AsyncConnection) -> Ending:
        log = await read_log(conn)
        ending = await _ending(conn, scenario, log, differences)
        found = [*ending.findings, *_compared(header, ending)]
        return Ending(ending.states, ending.rows, tuple(found), log)

    async def play(database: Database) -> int:
        count = 0
        for count, act in enumerate(acts, 1):
            differences.extend(await _played(database, count, act))
        return count

    played = asyncio.run(_with_database(stage, play))
    return Result(scenario, scenario.events, played, {}, asyncio.run(_looking(stage, look)))


async def _played(database: Database, number: int, recorded: Mapping[str, Any]) -> list[Finding]:
    act = Act(restored(recorded["do"], recorded["command"]), given=recorded["known"])
    await run_batch(
        RecordedDatabase(database.engine, database.batches, [act], recorded["now"]), [act]
    )
    if as_read(act.outcome) == recorded["outcome"]:
        return []
    detail = f"{act.outcome} instead of {recorded['outcome']}"
    where = f"act {number}, {recorded['do']}"
    return [Finding("a replayed act ends as it ended", where, detail)]


def _compared(header: Mapping[str, Any], ending: Ending) -> list[Finding]:
    """The replayed books against the recorded ones: the state, and every member's rows."""
    found = [
        Finding("a replay writes the same rows", member, "other rows")
        for member in sorted({*header["rows"], *ending.rows})
        if header["rows"].get(member) != ending.rows.get(member)
    ]
    if header["state_hash"] != ending.hash:
        found.append(Finding("a replay ends in the same state", "state hash", ending.hash))
    return found


async def _ending(
    conn: AsyncConnection,
    scenario: Scenario,
    log: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
) -> Ending:
    every = {member_id(number): str(number) for number in range(scenario.members)}
    enrolled = (await conn.execute(text("SELECT member_id FROM member"))).scalars()
    aliases = {member: every[member] for member in enrolled if member in every}
    rows = {row[0]: row[1] for row in (await conn.execute(text(ROWS))).all()}
    report = await verify(conn)
    states = await load_states(conn, aliases, end())
    return Ending(tuple(states), rows, (*findings, *report.findings), log)


async def _looking(stage: Stage, look: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Look at the books in one consistent view."""

    async def looked(database: Database) -> T:
        async with database.engine.connect() as conn:
            await conn.execution_options(isolation_level="REPEATABLE READ")
            return await look(conn)

    return await _with_database(stage, looked)


async def _with_database(stage: Stage, work: Callable[[Database], Awaitable[T]]) -> T:
    database = open_database(stage.app)
    try:
        return await work(database)
    finally:
        await database.close()
