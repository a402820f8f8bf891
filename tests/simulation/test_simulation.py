"""Simulations: many seeds that hold, and broken ledgers that are found."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renkei.simulation.conductor import Conduct
from renkei.simulation.recording import read_file, write_file
from renkei.simulation.run import Result, record, replay, simulate
from renkei.simulation.stage import scratch_stage
from renkei.simulation.traffic import Scenario, Traffic
from renkei.storage.scratch import Scratch

EVENTS, MEMBERS = 1_000, 30
CLEAN = Conduct(workers=1, order="clean")
DISORDER = Conduct(faults=True)

# Read here: a running test sees no setting of ours.
SOAK_SECONDS = float(os.environ.get("RENKEI_SOAK_SECONDS", "600"))
SOAK_SEED = int(os.environ.get("RENKEI_SOAK_SEED", "1000"))


def played(playground: Scratch, scenario: Scenario, how: Conduct = DISORDER) -> Result:
    with scratch_stage(playground, scenario.program()) as stage:
        return simulate(stage, scenario, how)


def assert_holds(playground: Scratch, seed: int, traffic: Traffic = "all") -> None:
    """Facts, told in disorder with kills, must end where they end when told in order."""
    scenario = Scenario(seed, EVENTS, MEMBERS, traffic)
    result = played(playground, scenario)
    assert result.findings == ()
    assert result.events >= EVENTS
    assert result.kills
    if traffic == "facts":
        clean = played(playground, scenario, CLEAN)
        assert clean.findings == ()
        assert clean.ending.states == result.ending.states


def seeds(first: int, last: int) -> list[Any]:
    """The first one by default; the others are part of the proof that CI runs (tox -e proof)."""
    others = range(first + 1, last + 1)
    return [first, *(pytest.param(seed, marks=pytest.mark.proof) for seed in others)]


@pytest.mark.parametrize("seed", seeds(1, 16))
def test_shops_with_repetitions_disorder_and_kills_leave_books_that_hold(
    playground: Scratch, seed: int
) -> None:
    assert_holds(playground, seed)


@pytest.mark.parametrize("seed", seeds(17, 20))
def test_facts_told_in_disorder_end_in_the_state_of_those_told_in_order(
    playground: Scratch, seed: int
) -> None:
    assert_holds(playground, seed, "facts")


def test_a_record_is_replayed_to_the_same_rows(playground: Scratch, tmp_path: Path) -> None:
    result = played(playground, Scenario(21, 150, 6))
    record(result, tmp_path / "record.jsonl")
    with scratch_stage(playground, result.scenario.program()) as stage:
        again = replay(stage, tmp_path / "record.jsonl")
    assert again.findings == ()
    assert again.hash == result.hash
    assert again.delivered == len(result.ending.log)


def test_a_replay_that_ends_otherwise_says_where(playground: Scratch, tmp_path: Path) -> None:
    file, scenario = tmp_path / "record.jsonl", Scenario(21, 80, 4, "facts")
    record(played(playground, scenario, Conduct()), file)
    header, lines = read_file(file)
    acts = list(lines)
    changed = next(n for n, act in enumerate(acts) if act["do"] == "Adjust")
    acts[changed]["command"]["ask"]["points"] += 1
    write_file(file, header, acts)
    with scratch_stage(playground, scenario.program()) as stage:
        found = replay(stage, file).findings
    assert f"act {changed + 1}, Adjust" in [one.subject for one in found]
    assert {"a replay writes the same rows", "a replay ends in the same state"} <= {
        one.invariant for one in found
    }


BROKEN = {
    "forgets_requests": "a request has one answer for ever",
    "forgets_what_is_posted": "an order stands at its newest state's target",
    "believes_what_is_older": "an order stands at its newest state's target",
    "forgets_debt": "a request takes what is there, and no more",
    "is_mean": "a request takes what is there, and no more",
    "does_not_count_claims": "a quota gives what is claimed, up to its limit",
}


@pytest.mark.proof
@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.usefixtures("broken_ledgers")
def test_a_broken_ledger_is_found_and_named(playground: Scratch, fault: str) -> None:
    """Within a few seeds: what meets what depends on how fast the workers happen to be."""
    how = Conduct(worker=broken(fault))
    runs = (played(playground, Scenario(seed, 400, 4), how) for seed in range(22, 34))
    assert any(BROKEN[fault] in {one.invariant for one in run.findings} for run in runs)


@pytest.mark.proof
@pytest.mark.usefixtures("broken_ledgers")
def test_a_batch_that_is_written_in_two_transactions_is_found_by_the_kills(
    playground: Scratch,
) -> None:
    how = Conduct(faults=True, worker=broken("commits_in_the_middle"))
    assert played(playground, Scenario(23, 400, 10), how).findings


def broken(fault: str) -> Callable[..., None]:
    import broken_ledgers  # the worker processes import it by this name, too

    worker: Callable[..., None] = getattr(broken_ledgers, fault)
    return worker


@pytest.mark.soak
def test_as_many_seeds_as_time_allows(playground: Scratch) -> None:
    seed, end = SOAK_SEED, time.monotonic() + SOAK_SECONDS
    while time.monotonic() < end:
        assert_holds(playground, seed, "facts" if seed % 2 else "all")
        seed += 1
