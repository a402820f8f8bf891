"""A balance as of any instant, on both clocks. Pure.

Two questions look alike and differ. What had *happened* by an instant is asked of event time;
what we *knew* by an instant, of recorded time. Together: what we now, or then, believe the balance
was at that instant. Expiry is never asked of its postings, which are booked when a job gets to it,
but of the lots' dates; so is the end of a hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from renkei.ledger.books import DEBT_LOT, Lot, LotRef
from renkei.ledger.transaction import EXPIRY_RULES


@dataclass(frozen=True, slots=True)
class Moved:
    """One allocation of the log, with both of its times and its rule."""

    ref: LotRef
    rule: str
    event_at: datetime
    recorded_at: datetime
    pending: int
    available: int
    held: int
    debt: int


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
    lots: Iterable[Lot], moves: Iterable[Moved], at: datetime, known_at: datetime
) -> Standing:
    """What there was at ``at``, as far as it was recorded by ``known_at``.

    ``available`` counts points whose time was not over; ``lots`` are their immutable facts.
    """
    counted = [move for move in moves if move.event_at <= at and move.recorded_at <= known_at]
    there: dict[LotRef, int] = {}
    for move in counted:
        if move.rule not in EXPIRY_RULES and move.ref[1] != DEBT_LOT:
            there[move.ref] = there.get(move.ref, 0) + move.available
    facts = {lot.ref: lot for lot in lots}
    available = {ref: n for ref, n in there.items() if not facts[ref].dead(at)}
    debt = sum(move.debt for move in counted)
    ready = sum(n for ref, n in available.items() if facts[ref].alive(at))
    return Standing(
        at=at,
        known_at=known_at,
        pending=sum(move.pending for move in counted),
        available=sum(available.values()),
        held=sum(move.held for move in counted),
        debt=debt,
        spendable=max(0, ready + debt),
    )
