"""``renkei simulate``: seeded traffic on the real ledger and a scratch database, then a verdict."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from renkei.cli.screen import as_json, say, table, working

if TYPE_CHECKING:
    from renkei.simulation.run import Result
    from renkei.simulation.stage import Stage
    from renkei.simulation.traffic import Scenario

SHOWN = 20
"""Violations that are shown; the rest are counted."""


def simulate(
    seed: Annotated[int, typer.Option(help="the same seed gives the same traffic")] = 1,
    events: Annotated[int, typer.Option(min=1, help="what happens in the shops")] = 1_000,
    members: Annotated[int, typer.Option(min=1, max=100_000)] = 30,
    workers: Annotated[int, typer.Option(min=1, max=16, help="processes")] = 2,
    traffic: Annotated[
        Literal["all", "facts"], typer.Option(help="facts: nothing that could be refused")
    ] = "all",
    order: Annotated[
        Literal["disorder", "clean"], typer.Option(help="clean: each fact once, in order")
    ] = "disorder",
    faults: Annotated[bool, typer.Option("--faults", help="kill workers in the middle")] = False,
    record: Annotated[Path | None, typer.Option(help="write what was committed, in order")] = None,
    replay: Annotated[Path | None, typer.Option(help="play a record again and compare")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="an empty database instead of a scratch one")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Play shops on a scratch database with kills, repetitions and disorder; judge the books."""
    from renkei.errors import ConfigInvalid
    from renkei.simulation.conductor import Conduct
    from renkei.simulation.run import record as write_record
    from renkei.simulation.run import recorded_scenario, simulate
    from renkei.simulation.run import replay as play
    from renkei.simulation.traffic import Scenario

    if order == "clean" and (traffic != "facts" or faults):
        raise ConfigInvalid("--order clean is for --traffic facts and without --faults")
    if record is not None:
        _require_room(record)
    scenario = recorded_scenario(replay) if replay else Scenario(seed, events, members, traffic)
    how = Conduct(1 if order == "clean" else workers, order, faults)
    with _stage(scenario, database_url, durable=faults) as stage, working("simulating"):
        result = play(stage, replay) if replay else simulate(stage, scenario, how)
    if record is not None:
        write_record(result, record)
    _show(result, json=json, again=replay is not None)
    raise typer.Exit(1 if result.findings else 0)


@contextmanager
def _stage(scenario: "Scenario", database_url: str | None, *, durable: bool) -> "Iterator[Stage]":
    """The database given, or one in a temporary folder that is removed afterwards."""
    from renkei.simulation.stage import prepare, scratch_stage
    from renkei.storage.schema import migrate
    from renkei.storage.scratch import scratch

    if database_url is not None:
        url = _reachable(database_url)
        migrate(url)
        yield prepare(url, url, scenario.program())
        return
    with scratch(durable=durable) as server, scratch_stage(server, scenario.program()) as stage:
        yield stage


def _require_room(record: Path) -> None:
    """Raise ConfigInvalid where no record could be written; found after it, the run was in vain."""
    from renkei.errors import ConfigInvalid

    if not record.absolute().parent.is_dir():
        raise ConfigInvalid(f"{record.parent} is no folder; the record would be lost")
    try:
        record.open("a").close()
    except OSError as error:
        raise ConfigInvalid(f"the record {record} cannot be written: {error.strerror}") from error


def _reachable(url: str) -> str:
    """The address as the hub uses it; raises BadParameter or DatabaseUnreachable."""
    from renkei.cli.running import run_async
    from renkei.config import driven
    from renkei.storage.engine import open_database, require_reachable

    try:
        database = open_database(driven(url))
    except ValueError as error:
        raise typer.BadParameter(f"--database-url {error}") from None

    async def look() -> None:
        try:
            await require_reachable(database, "--database-url")
        finally:
            await database.close()

    run_async(look())
    return driven(url)


def _show(result: "Result", *, json: bool, again: bool) -> None:
    found = [(one.invariant, one.subject, one.detail) for one in result.findings]
    if json:
        as_json(
            {
                "seed": result.scenario.seed,
                "events": result.events,
                "delivered": result.delivered,
                "kills": dict(result.kills),
                "violations": [list(one) for one in found],
                "state_hash": result.hash,
            }
        )
        return
    kills = ", ".join(f"{name} {count}" for name, count in sorted(result.kills.items()))
    say(f"seed: {result.scenario.seed}")
    if again:
        say(f"events: {result.events}, of which {result.delivered} commits are played again")
    else:
        say(f"events: {result.events}, told {result.delivered} times")
        say(f"kills: {kills or 'none'}")
    say(f"violations: {len(found)}")
    if found:
        table("", ("what must hold", "where", "what"), found[:SHOWN])
    say(f"state hash: {result.hash}")
