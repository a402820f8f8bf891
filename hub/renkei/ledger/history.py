"""A balance as of any instant, on both clocks. Pure.

Two questions look alike and differ. What had *happened* by an instant is asked of event time;
what we *knew* by an instant, of recorded time. Together: what we now, or then, believe the balance
was at that instant. Expiry is never asked of its postings, which are booked when a job gets to it,
but of the lots' dates; so is the end of a hold.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from renkei.ledger.books import DEBT_LOT, Books, Group, Hold, Lot, LotRef
from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.transaction import EXPIRY_RULES


@dataclass(frozen=True, slots=True)
class Moved:
    """One allocation of the log, with its transaction, both of its times and its rule."""

    ref: LotRef
    version: int
    rule: str
    event_at: datetime
    recorded_at: datetime
    pending: int
    available: int
    held: int
    debt: int


@dataclass(frozen=True, slots=True)
class HoldPart:
    """The part of a hold that lies in one home, named by the transaction that placed it.

    ``ended_by`` is the transaction that ended it.
    """

    home: str
    version: int
    lapses_at: datetime
    ended_by: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The accounts of a member or a group at an instant; ``spendable`` is never below zero."""

    at: datetime
    known_at: datetime
    pending: int
    available: int
    held: int
    debt: int
    spendable: int


def balance_at(
    lots: Iterable[Lot],
    moves: Iterable[Moved],
    parts: Iterable[HoldPart],
    at: datetime,
    known_at: datetime,
) -> Standing:
    """What there was at ``at``, as far as it was recorded by ``known_at``.

    ``available`` counts points whose time was not over; ``lots`` are their immutable facts,
    ``parts`` every hold there has been.
    """
    counted = [move for move in moves if move.event_at <= at and move.recorded_at <= known_at]
    then = as_if_lapsed(_group(list(lots), counted, parts), at)
    there = [lot for lot in then.lots if not lot.dead(at)]
    ready = sum(lot.available for lot in there if lot.alive(at))
    return Standing(
        at=at,
        known_at=known_at,
        pending=sum(lot.pending for lot in then.lots),
        available=sum(lot.available for lot in there),
        held=sum(lot.held for lot in then.lots),
        debt=then.debt,
        spendable=max(0, ready + then.debt),
    )


def _group(lots: list[Lot], moves: list[Moved], parts: Iterable[HoldPart]) -> Group:
    """The books as these movements left them, were no expiry ever booked."""
    sums: Counter[tuple[LotRef, str]] = Counter()
    for move in moves:
        sums[move.ref, "pending"] += move.pending
        sums[move.ref, "held"] += move.held
        sums[move.ref, "available"] += 0 if move.rule in EXPIRY_RULES else move.available
        sums[move.ref, "debt"] += move.debt
    counted = [
        lot._replace(
            pending=sums[lot.ref, "pending"],
            available=sums[lot.ref, "available"],
            held=sums[lot.ref, "held"],
            expired=0,
            netted=0,
        )
        for lot in lots
    ]
    holds = _open_holds(moves, parts)
    homes = sorted({lot.home for lot in lots} | {move.ref[0] for move in moves})
    books = (
        Books(
            member=home,
            program="",
            version=0,
            lots_made=0,
            chain=b"",
            debt=sums[(home, DEBT_LOT), "debt"],
            lots=tuple(lot for lot in counted if lot.home == home),
            holds=tuple(hold for hold in holds if hold.home == home),
        )
        for home in homes
    )
    return Group(homes[0] if homes else "", tuple(books))


def _open_holds(moves: list[Moved], parts: Iterable[HoldPart]) -> list[Hold]:
    """The holds that had been placed and not been ended by these movements."""
    placed: dict[tuple[str, int], list[tuple[LotRef, int]]] = {}
    for move in moves:
        if move.rule in ("hold.place", "hold.carry"):
            placed.setdefault((move.ref[0], move.version), []).append((move.ref, move.held))
    known = {(move.ref[0], move.version) for move in moves}
    return [
        Hold(
            version=part.version,
            key="",
            amount=sum(held for _, held in frozen),
            lapses_at=part.lapses_at,
            frozen=tuple(frozen),
            home=part.home,
        )
        for part in parts
        if (frozen := placed.get((part.home, part.version)))
        and (part.home, part.ended_by) not in known
    ]
