"""What happened to an order, step by step, in words for a person. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

from renkei.messaging.kept import Kept
from renkei.tracing import Origin
from renkei_contracts.toolkit.japanese import JST

What = Literal[
    "received", "waits", "given_up", "ignored", "seen", "booked", "shown", "to_show", "not_shown"
]

LAST = datetime.max.replace(tzinfo=UTC)


class Step(NamedTuple):
    """``at`` None: it has not happened yet. ``trace`` is of the delivery, or of the order."""

    at: datetime | None
    what: What
    where: str
    said: str
    trace: str | None = None


@dataclass(frozen=True)
class Standing:
    """How the order stands in the books; ``known`` False: no state of it was seen."""

    known: bool = False
    member: str | None = None
    customer: str | None = None
    same: str | None = None
    doubt: str | None = None
    history: bool = False
    earned: int = 0
    redeemed: int = 0

    @classmethod
    def of(cls, row: Any) -> "Standing":
        """From the order's row (order_trace.ORDER), None: there is none."""
        if row is None:
            return cls()
        same = f"{row[2]}/{row[3]}" if row[2] else None
        doubt = f"{row[4]}/{row[5]}" if row[4] else None
        return cls(True, row[0], row[1], same, doubt, row[6], int(row[7]), int(row[8]))


def moment(step: Step) -> datetime:
    """What is still to happen comes last."""
    return step.at or LAST


def received(told: Sequence[tuple[Kept, bool]]) -> Iterator[Step]:
    """Each delivery, and what became of it; only genuine ones are stored, and each once."""
    for one, sure in told:
        origin = Origin(one.sealed.connection, one.key)
        words = "genuine, stored once" if sure else "genuine, stored; it may tell of this order"
        words += "; its body is not kept any more" if one.sealed.gone else ""
        where = f"{origin.connection} {one.key}"
        yield Step(one.sealed.received_at, "received", where, words, origin.trace)
        if one.state == "new":
            tried = f", after {one.sealed.tries} tries: {one.reason}" if one.reason else ""
            yield Step(None, "waits", where, f"to be read from {_at(one.due)}{tried}", origin.trace)
        elif one.state == "dead":
            yield Step(one.due, "given_up", where, one.reason or "", origin.trace)
        elif one.state == "ignored":
            yield Step(one.due, "ignored", where, one.reason or "", origin.trace)


def seen(connection: str, order: str, revisions: Sequence[Any]) -> Iterator[Step]:
    """Each state of the order that was kept."""
    for recorded_at, revision, key, state in revisions:
        by = f"told by delivery {key}" if key else "read, or told by a till or an application"
        trace = Origin(connection, key, order).trace
        yield Step(recorded_at, "seen", connection, f"state {revision}: {state}, {by}", trace)


def booked(connection: str, order: str, postings: Sequence[Any]) -> Iterator[Step]:
    """Each transaction with its reasons."""
    for recorded_at, member, version, key, legs, reasons in postings:
        why = "; ".join(orjson.loads(reasons or "[]"))
        trace = Origin(connection, key, order).trace
        said = f"transaction {version}: {legs}" + (f" ({why})" if why else "")
        yield Step(recorded_at, "booked", member, said, trace)


def hinted(connection: str, order: str, row: Any) -> Iterator[Step]:
    """A read of the order that is still to be made, or was given up."""
    if row is None:
        return
    changed_at, due, tries, dead, error, key = row
    trace = Origin(connection, key, order).trace
    if dead:
        said = f"cannot be read at the vendor: {error}"
        yield Step(changed_at, "given_up", connection, said, trace)
        return
    tried = f", after {tries} tries: {error}" if error else ""
    said = f"to be read at the vendor from {_at(due)}{tried}"
    yield Step(None, "waits", connection, said, trace)


def shown(channels: Sequence[Any], newest: int | None) -> Iterator[Step]:
    """Each channel's balance: shown with this order in it, or why not yet."""
    for row in channels:
        connection, points, at, up_to_date, since, parked, error, *more = row
        state, rests_until, led, written, unknown = more
        if up_to_date or (newest is not None and written >= newest):
            yield Step(at, "shown", connection, f"shows {points} points")
        elif parked:
            yield Step(since, "not_shown", connection, f"given up: {error}")
        elif led:
            why = [f"waits since {_at(since)}"] if since else []
            why += ["the member is not created there yet"] if unknown else []
            why += [f"the connection is {state}"] if state != "active" else []
            why += [f"the vendor is left alone until {_at(rests_until)}"] if rests_until else []
            why += [error] if error else []
            yield Step(None, "to_show", connection, "; ".join(why))


def answer(standing: Standing, steps: Sequence[Step]) -> str:
    """The one sentence."""
    if not standing.known:
        return _of_none(steps)
    if standing.same:
        return f"the same sale as {standing.same}, and counted there"
    if standing.doubt:
        return f"perhaps the same sale as {standing.doubt}: a person must decide"
    if standing.history:
        return "kept as history: it was placed before the connection's orders count"
    if standing.member is None:
        whom = "its customer is no member yet" if standing.customer else "it names no customer"
        return f"kept, and gives no points: {whom}"
    given = f"earned {standing.earned} and used {standing.redeemed} points of {standing.member}"
    lost = [f"given up at {one.where}: {one.said}" for one in steps if one.what == "given_up"]
    return "; ".join([given, *_where(steps), *lost])


def _of_none(steps: Sequence[Step]) -> str:
    for what in ("given_up", "waits", "ignored"):
        if found := [step for step in steps if step.what == what]:
            last = found[-1]
            return f"not booked, {WORDS[what]} at {last.where}: {last.said}"
    return "not booked: it was told, and no state of it is kept"


def _where(steps: Sequence[Step]) -> list[str]:
    """In which channels the balance is shown, and in which not."""
    every = {
        what: [step.where for step in steps if step.what == what]
        for what in ("shown", "to_show", "not_shown")
    }
    parts = [f"{WORDS[what]} {', '.join(names)}" for what, names in every.items() if names]
    return parts or ["no channel shows the balance"]


WORDS = {
    "given_up": "given up",
    "waits": "waiting",
    "ignored": "nothing came of it",
    "shown": "shown in",
    "to_show": "not shown yet in",
    "not_shown": "given up in",
}


def _at(at: datetime) -> str:
    return at.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S JST")
