"""The queues as `renkei doctor` sees them: what is late, refused or given up, and what to do."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from renkei.cli.doctor_checks import Finding, judged
from renkei.messaging import queues
from renkei.messaging.queues import RECENT_MINUTES, Dead, Poll, Queues, Shop, Waiting

LATE = 60.0
"""Seconds after which work that is only the hub's own is late."""

LATE_AT_VENDORS = 300.0
"""The same for what is done at a vendor, who may be slow."""

POLLS_LATE = 3600.0
"""The same for what polls have read; a window of fifteen minutes is usual."""

POLLED = ("order", "member")
"""Kinds that are read all the time: facts are once a day, and a back-fill takes its time."""

OWN = ("delivery", "expiry", "lapse", "tier")
"""Queues in which no vendor is waited for."""

FEWEST = 10
"""Deliveries of which a share says something."""

LOWEST = 0.9
"""The share of genuine ones below which somebody should look."""

NAMES = {
    "delivery": "deliveries",
    "changed_object": "readings",
    "mirror": "balances",
    "hold_code": "codes of holds",
    "poll": "polls",
    "expiry": "expired lots",
    "lapse": "holds that are over",
    "tier": "tiers",
}

LOOK = "SELECT connection_id, delivery_key, reason FROM delivery WHERE state = 'dead' LIMIT 3"


def watched(conn: Connection) -> list[Finding]:
    """One finding for each of what /metrics shows."""
    found = queues.told([conn.execute(text(one)).all() for one in queues.EVERY])
    given_up = [f"{row[0]}/{row[1]}: {row[2]}" for row in conn.execute(text(LOOK))]
    return [
        lags(found),
        circuits(found.shops),
        accept_rates(found.shops),
        poll_lags(found.polls, {one.connection for one in found.shops if one.state == "active"}),
        dead_letters(found.dead, given_up),
    ]


def lags(found: Queues) -> Finding:
    """Whether anything waits for longer than it should."""
    late = [one for one in found.waiting if one.seconds > _allowed(one.queue)]
    wrong = [
        f"{one.number} {NAMES[one.queue]}{f' of {one.connection}' * bool(one.connection)} wait, "
        f"the first for {_span(one.seconds)}"
        for one in late
    ]
    well = ", ".join(f"{number} {NAMES[queue]}" for queue, number in _sums(found.waiting).items())
    well = f"{well} on their way" if well else "nothing waits"
    return judged("queues", wrong, _mend(late, found.shops), well)


def _allowed(queue: str) -> float:
    return LATE if queue in OWN else LATE_AT_VENDORS


def _sums(waiting: Iterable[Waiting]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for one in waiting:
        sums[one.queue] += one.number
    return sums


def _mend(late: Sequence[Waiting], shops: Sequence[Shop]) -> str:
    resting = {one.connection for one in shops if one.rests > 0 or one.state != "active"}
    if all(one.connection in resting for one in late):
        return "they go on by themselves once the vendor answers: see the circuits below"
    return (
        "look whether a `renkei serve` works (not --no-workers), and in its log for lane_rests "
        "and worker_turn_failed with their reasons"
    )


def circuits(shops: Sequence[Shop]) -> Finding:
    """Whether every vendor can be called."""
    resting = [
        f"{one.connection} is left alone for {_span(one.rests)} after {one.failures} failures "
        f"({one.last_error})"
        for one in shops
        if one.rests > 0
    ]
    mend = "wait, and ask the vendor if it lasts: what waits is kept, and goes on by itself"
    return judged("circuits", resting, mend, "every vendor is called")


def accept_rates(shops: Sequence[Shop]) -> Finding:
    """Whether the deliveries of the last minutes were genuine."""
    poor = [
        f"{one.connection}: {one.accepted} of {one.accepted + one.refused} were genuine"
        for one in shops
        if one.accepted + one.refused >= FEWEST
        and one.accept_rate is not None
        and one.accept_rate < LOWEST
    ]
    mend = (
        "compare the secret with the vendor's: `renkei connect <vendor> --id <connection> "
        "--replace`; if its own still come, a stranger calls the address"
    )
    well = f"{sum(one.accepted for one in shops)} genuine in {RECENT_MINUTES} minutes"
    return judged("accept rates", poor, mend, well)


def poll_lags(polls: Sequence[Poll], active: set[str]) -> Finding:
    """Whether polls have read what changed lately."""
    late = [
        f"{one.connection} has read its {one.kind}s up to {_span(one.behind)} ago "
        f"({one.failures} failures)"
        for one in polls
        if one.connection in active and one.kind in POLLED and one.behind > POLLS_LATE
    ]
    mend = "look in the log for poll_failed with its reason, and whether a `renkei serve` works"
    return judged("polls", late, mend, "read what changed lately")


def dead_letters(dead: Sequence[Dead], given_up: Sequence[str] = ()) -> Finding:
    """Whether anything was given up."""
    if not dead:
        return Finding("dead letters", True, "none")
    counts = ", ".join(f"{one.number} {NAMES[one.queue]} of {one.connection}" for one in dead)
    said = f"given up: {counts}" + (f" ({'; '.join(given_up)})" if given_up else "")
    mend = (
        "`renkei queue --dead` says which and why; once that is mended, `renkei replay`, "
        "or `renkei dismiss` what is never needed"
    )
    return Finding("dead letters", False, said, mend)


def _span(seconds: float) -> str:
    """A stretch of time in the unit a person would take."""
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
