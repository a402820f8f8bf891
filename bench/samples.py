"""What is measured once in every round."""

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bench import (
    acknowledge,
    commit,
    feed,
    jobs,
    ledger,
    pgledger,
    postgres,
    programs,
    replay,
    same_writes,
    sustained,
    visible,
)
from bench.ground import Ground

CPU_LOOPS = 300_000
"""About a second of one core."""


async def _nothing(ground: Ground) -> None:
    """No preparation."""


@dataclass(frozen=True)
class Sample:
    """One value a round; ``prepare`` is called once, before the first."""

    take: Callable[[Ground], Awaitable[float]]
    prepare: Callable[[Ground], Awaitable[None]] = _nothing


async def cpu(ground: Ground) -> float:
    """Seconds of a fixed loop in one process: a busy machine makes them differ."""
    started, digest = time.perf_counter(), b""
    for _ in range(CPU_LOOPS):
        digest = hashlib.sha256(digest).digest()
    return time.perf_counter() - started


def _intake(take: Callable[..., Awaitable[float]], name: str) -> Sample:
    return Sample(partial(take, intake=name), partial(acknowledge.prepare, intake=name))


SAMPLES = {
    "cpu": Sample(cpu),
    "pgbench_5": Sample(postgres.five_statements, postgres.prepare),
    "pgbench_cte": Sample(postgres.one_statement, postgres.prepare),
    "ack": _intake(acknowledge.rate, "own"),
    "ack_no_store": _intake(acknowledge.rate, "none"),
    "ack_each": _intake(acknowledge.rate, "each"),
    "ack_p99": _intake(acknowledge.p99, "own"),
    "ack_each_p99": _intake(acknowledge.p99, "each"),
    "ack_cpu": _intake(acknowledge.cpu, "own"),
    "ack_no_store_cpu": _intake(acknowledge.cpu, "none"),
    "event": Sample(ledger.events, ledger.prepare),
    "event_alone": Sample(ledger.events_one_by_one, ledger.prepare),
    "hold": Sample(ledger.holds, ledger.prepare_tills),
    "capture": Sample(ledger.captures, ledger.prepare_tills),
    "programs": Sample(ledger.events_of_many_programs, ledger.prepare),
    "one_member": Sample(ledger.events_of_one_member, ledger.prepare),
    "many_members": Sample(ledger.events_of_many_members, ledger.prepare),
    "ten_thousand": Sample(ledger.events_among_ten_thousand, ledger.prepare_ten_thousand),
    "million": Sample(ledger.events_among_a_million, ledger.prepare_million),
    "explain": Sample(ledger.explanation, ledger.prepare_long_statement),
    "verify": Sample(ledger.verification, ledger.prepare),
    "order_conditions": Sample(programs.order_conditions),
    "line_conditions": Sample(programs.line_conditions),
    "engine": Sample(programs.engine),
    "replay": Sample(replay.replay, replay.prepare),
    "hostile": Sample(programs.hostile),
    "feed": Sample(feed.in_time, feed.prepare),
    "feed_p99": Sample(feed.p99, feed.prepare),
    "feed_cpu": Sample(feed.cpu, feed.prepare),
    "same_writes": Sample(same_writes.one_statement, same_writes.prepare),
    "commit": Sample(commit.p50, commit.prepare),
    "commit_p99": Sample(commit.p99, commit.prepare),
    "commit_beside": Sample(commit.p99_beside_webhooks, commit.prepare),
    "pgledger": Sample(pgledger.transfers, pgledger.prepare),
    "pgledger_100": Sample(pgledger.transfers_by_hundreds, pgledger.prepare),
    "sustained": Sample(sustained.end_to_end, sustained.prepare),
    "visible": Sample(visible.p99, visible.prepare),
    "visible_p999": Sample(visible.p999, visible.prepare),
    "visible_beyond": Sample(visible.beyond_limit, visible.prepare),
    "visible_published": Sample(visible.published, visible.prepare),
    "jobs": Sample(jobs.ours, jobs.prepare),
    "procrastinate": Sample(jobs.theirs, jobs.prepare_theirs),
}
"""Every sample by its name in thresholds.FIGURES."""
