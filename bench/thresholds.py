"""The one table: every figure, what must be reached (gate) and what is wanted (aim)."""

from dataclasses import dataclass, replace
from typing import Literal

Sense = Literal["at least", "at most"]


@dataclass(frozen=True)
class Figure:
    """A figure of the report: the sample ``of``, divided by the sample ``by`` of the same round.

    Without ``by`` the sample itself is the figure. ``row`` is what --rows chooses it by.
    """

    row: str
    says: str
    of: str
    by: str | None
    unit: str
    sense: Sense
    gate: float
    aim: float | None = None
    ci: float | None = None
    """The gate on the machines of CI; None: not asked there."""

    @property
    def group(self) -> str:
        """The row whose run this figure is of, too."""
        return self.row.partition("-")[0]

    def meets(self, value: float, wanted: float) -> bool:
        """Whether ``value`` is as good as ``wanted`` or better."""
        return value >= wanted if self.sense == "at least" else value <= wanted


FIGURES = (
    Figure(
        row="ack",
        says="acknowledged signed 2 kB webhooks, 64 connections / the same server without a store",
        of="ack",
        by="ack_no_store",
        unit="x",
        sense="at least",
        gate=0.40,
        ci=0.33,
    ),
    Figure(
        row="ack-each",
        says="acknowledged webhooks / the same application, one transaction per request",
        of="ack",
        by="ack_each",
        unit="x",
        sense="at least",
        gate=2.5,
        ci=2.0,
    ),
    Figure(
        row="ack-p99",
        says="p99 of an acknowledgement / its p99 with one transaction per request",
        of="ack_p99",
        by="ack_each_p99",
        unit="x",
        sense="at most",
        gate=0.6,
    ),
    Figure(
        row="ack-cpu",
        says="CPU of an acknowledgement / of a request without a store",
        of="ack_cpu",
        by="ack_no_store_cpu",
        unit="x",
        sense="at most",
        gate=3.0,
    ),
    Figure(
        row="event",
        says="stored delivery + whole settlement / pgbench's best 5-statement transaction",
        of="event",
        by="pgbench_5",
        unit="x",
        sense="at least",
        gate=1.3,
        aim=2.0,
        ci=0.8,
    ),
    Figure(
        row="batching",
        says="stored delivery + whole settlement / the same code, one command per transaction",
        of="event",
        by="event_alone",
        unit="x",
        sense="at least",
        gate=6.0,
    ),
    Figure(
        row="hold",
        says="one hold in flight, p50 / a single-CTE pgbench transaction, p50",
        of="hold",
        by="pgbench_cte",
        unit="x",
        sense="at most",
        gate=5.0,
        aim=3.0,
    ),
    Figure(
        row="capture",
        says="one capture in flight, p50 / a single-CTE pgbench transaction, p50",
        of="capture",
        by="pgbench_cte",
        unit="x",
        sense="at most",
        gate=5.0,
        aim=3.0,
    ),
    Figure(
        row="program",
        says="all events on one program / spread over twenty",
        of="event",
        by="programs",
        unit="x",
        sense="at least",
        gate=0.8,
    ),
    Figure(
        row="member",
        says="all events on one member with at most 100 open lots / spread over many",
        of="one_member",
        by="many_members",
        unit="x",
        sense="at least",
        gate=0.8,
    ),
    Figure(
        row="growth",
        says="posting with 1,000,000 members / with 10,000",
        of="million",
        by="ten_thousand",
        unit="x",
        sense="at least",
        gate=0.85,
        ci=0.75,
    ),
    Figure(
        row="explain",
        says="statement and explanation of a member with 10,000 entries",
        of="explain",
        by=None,
        unit="ms",
        sense="at most",
        gate=100.0,
    ),
    Figure(
        row="verify",
        says="verify, one process",
        of="verify",
        by=None,
        unit="postings/s",
        sense="at least",
        gate=50_000.0,
    ),
    Figure(
        row="campaigns",
        says="an order of 20 lines against 30 campaigns with conditions over the order, CPU",
        of="order_conditions",
        by=None,
        unit="ms",
        sense="at most",
        gate=1.0,
    ),
    Figure(
        row="lines",
        says="the same with conditions over each line / the engine alone, CPU",
        of="line_conditions",
        by="engine",
        unit="x",
        sense="at most",
        gate=2.0,
    ),
    Figure(
        row="backtest",
        says="a back-test of 100,000 stored orders against six campaigns",
        of="replay",
        by=None,
        unit="s",
        sense="at most",
        gate=60.0,
    ),
    Figure(
        row="hostile",
        says="the worst of hostile conditions, checked and evaluated, CPU",
        of="hostile",
        by=None,
        unit="ms",
        sense="at most",
        gate=100.0,
    ),
    Figure(
        row="feed",
        says="8,000 tills polling every 30 s beside traffic: share answered within a second",
        of="feed",
        by=None,
        unit="of 1",
        sense="at least",
        gate=0.999,
        aim=1.0,
    ),
    Figure(
        row="feed-p99",
        says="the same polls, p99",
        of="feed_p99",
        by=None,
        unit="ms",
        sense="at most",
        gate=500.0,
        aim=100.0,
    ),
    Figure(
        row="feed-cpu",
        says="a signed poll that is 304, CPU of the hub and PostgreSQL",
        of="feed_cpu",
        by=None,
        unit="ms",
        sense="at most",
        gate=1.5,
        aim=1.0,
    ),
    Figure(
        row="commit",
        says="commit over HTTP, one connection, p50 / the same writes as one pgbench statement",
        of="commit",
        by="same_writes",
        unit="x",
        sense="at most",
        gate=5.0,
        aim=3.0,
    ),
    Figure(
        row="commit-busy",
        says="commit's p99 beside webhooks at half capacity / its p99 alone",
        of="commit_beside",
        by="commit_p99",
        unit="x",
        sense="at most",
        gate=3.0,
    ),
    Figure(
        row="pgledger",
        says="stored delivery + whole settlement / pgledger's bare transfers, one per transaction",
        of="event",
        by="pgledger",
        unit="x",
        sense="at least",
        gate=2.0,
    ),
    Figure(
        row="pgledger-100",
        says="the same / its transfers, a hundred per call",
        of="event",
        by="pgledger_100",
        unit="x",
        sense="at least",
        gate=0.8,
    ),
    Figure(
        row="sustained",
        says="webhook in -> points posted, mirror row written; real plugin, 10 rules / pgbench's 5",
        of="sustained",
        by="pgbench_5",
        unit="x",
        sense="at least",
        gate=0.8,
        aim=1.3,
    ),
    Figure(
        row="visible",
        says="200 commits/s at tills -> shown by each of two shops' twins, p99",
        of="visible",
        by=None,
        unit="ms",
        sense="at most",
        gate=500.0,
    ),
    Figure(
        row="visible-p999",
        says="the same commits, p99.9",
        of="visible_p999",
        by=None,
        unit="ms",
        sense="at most",
        gate=2_000.0,
    ),
    Figure(
        row="visible-throttled",
        says="by a shop that takes 100 writes/s: longest wait beyond what was before it / 100",
        of="visible_beyond",
        by=None,
        unit="s",
        sense="at most",
        gate=1.0,
    ),
    Figure(
        row="visible-published",
        says="the lag that /metrics tells then / the longest wait there is",
        of="visible_published",
        by=None,
        unit="x",
        sense="at least",
        gate=0.9,
    ),
    Figure(
        row="jobs",
        says="background jobs, enqueued -> done / procrastinate's on the same server",
        of="jobs",
        by="procrastinate",
        unit="x",
        sense="at least",
        gate=8.0,
    ),
)

NOISE = {"cpu": 0.10, "pgbench_5": 0.20}
"""The largest spread (statistics.spread) over the rounds at which a run still says something.

``cpu`` is a fixed loop in one process, ``pgbench_5`` the server's own benchmark.
"""

FEWEST_ROUNDS = 5


def figures_of(rows: list[str]) -> tuple[Figure, ...]:
    """The figures of these rows, all of them for none; raises ValueError for an unknown row.

    A row brings those of its group with it: ``feed`` is ``feed-p99``, too.
    """
    known = {figure.row for figure in FIGURES}
    if unknown := sorted(set(rows) - known):
        raise ValueError(f"no row {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return tuple(figure for figure in FIGURES if not rows or set(rows) & {figure.row, figure.group})


def ci_figures() -> tuple[Figure, ...]:
    """What is asked of the machines of CI, judged by the gates that hold there; no aims."""
    return tuple(
        replace(figure, gate=figure.ci, aim=None) for figure in FIGURES if figure.ci is not None
    )


def samples_of(figures: tuple[Figure, ...]) -> tuple[str, ...]:
    """What has to be sampled each round for these figures and for the noise, each once."""
    wanted = dict.fromkeys(NOISE)
    for figure in figures:
        wanted[figure.of] = None
        if figure.by is not None:
            wanted[figure.by] = None
    return tuple(wanted)
