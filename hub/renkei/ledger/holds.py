"""Holds: set points aside, capture, release, lapse. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from renkei.ledger.chart import Account as A
from renkei.ledger.lots import Taken, expire_dead, repay_debt, take, usable
from renkei.ledger.transaction import Allocation, Books, Draft, Hold

Ending = Literal["captured", "released", "lapsed"]


def place(draft: Draft, amount: int, now: datetime) -> Taken:
    """Freeze ``amount`` of the usable points; the caller has checked that they cover it."""
    taken = take(usable(draft, now), amount)
    moves = [Allocation(lot, available=-part, held=part) for lot, part in taken]
    draft.post("hold.place", A.AVAILABLE, A.HELD, moves)
    return taken


def capture(draft: Draft, hold: Hold, amount: int, now: datetime) -> Taken:
    """Turn up to ``amount`` of the hold into a redemption and give the rest back.

    Succeeds even where a frozen lot has expired meanwhile.
    """
    used, rest = split(hold.frozen, amount)
    moves = [Allocation(lot, held=-part) for lot, part in used]
    draft.post("hold.capture", A.HELD, A.REDEEMED, moves)
    _give_back(draft, "hold.release", rest, now)
    return used


def release(draft: Draft, hold: Hold, now: datetime) -> None:
    """Give the whole hold back."""
    _give_back(draft, "hold.release", hold.frozen, now)


def lapse(draft: Draft, hold: Hold, now: datetime) -> None:
    """Give the whole hold back because its time is over."""
    _give_back(draft, "hold.lapse", hold.frozen, now)


def split(frozen: Taken, amount: int) -> tuple[Taken, Taken]:
    """The first ``amount`` of what is frozen, and the rest."""
    used: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for lot, held in frozen:
        part = min(held, amount)
        amount -= part
        used += [(lot, part)] if part else []
        rest += [(lot, held - part)] if held > part else []
    return tuple(used), tuple(rest)


def lapsed(books: Books, now: datetime) -> list[Hold]:
    """The open holds whose time is over."""
    return [hold for hold in books.holds if hold.lapses_at <= now]


def as_if_lapsed(books: Books, now: datetime) -> Books:
    """The books as they count now: what a lapsed hold froze is available, booked or not."""
    back: dict[int, int] = {}
    for hold in lapsed(books, now):
        for lot, part in hold.frozen:
            back[lot] = back.get(lot, 0) + part
    lots = tuple(
        replace(
            lot,
            held=lot.held - back.get(lot.number, 0),
            available=lot.available + back.get(lot.number, 0),
        )
        for lot in books.lots
    )
    return replace(books, lots=lots)


def _give_back(draft: Draft, rule: str, frozen: Iterable[tuple[int, int]], now: datetime) -> None:
    parts = list(frozen)
    moves = [Allocation(lot, held=-part, available=part) for lot, part in parts]
    draft.post(rule, A.HELD, A.AVAILABLE, moves)
    numbers = [lot for lot, _ in parts]
    expire_dead(draft, numbers, now)
    repay_debt(draft, numbers)
