"""Holds: set points aside, capture, carry on, release, lapse. Pure.

A hold that takes from several homes has a part in each; ``Taken`` and ``Hold.frozen`` say which
lots. Capture and release end all of its parts; each lapses by itself.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from renkei.ledger.books import Books, Group, Hold, consumption_order
from renkei.ledger.chart import Account as A
from renkei.ledger.lots import Taken, expire_dead, repay_debt, take, usable
from renkei.ledger.transaction import Allocation, Draft

Ending = Literal["captured", "released", "lapsed"]


def place(draft: Draft, amount: int, now: datetime) -> Taken:
    """Freeze ``amount`` of the usable points; the caller has checked that they cover it."""
    taken = take(usable(draft, now), amount)
    moves = [Allocation(ref, available=-part, held=part) for ref, part in taken]
    draft.post("hold.place", A.AVAILABLE, A.HELD, moves)
    return taken


def capture(draft: Draft, parts: Sequence[Hold], amount: int, now: datetime) -> Taken:
    """Turn up to ``amount`` of the hold into a redemption and give the rest back.

    Succeeds even where a frozen lot has expired meanwhile.
    """
    used, _ = carry(draft, parts, amount, 0, now)
    return used


def carry(
    draft: Draft, parts: Sequence[Hold], amount: int, kept: int, now: datetime
) -> tuple[Taken, Taken]:
    """Turn up to ``amount`` of the hold into a redemption and hold ``kept`` of the rest on.

    What is held on stays on its lots even where they have expired meanwhile, and repays no debt:
    it was never given back. Gives what was used, and what is held on.
    """
    used, left = split(frozen_in_order(draft, parts), amount)
    moves = [Allocation(ref, held=-part) for ref, part in used]
    draft.post("hold.capture", A.HELD, A.REDEEMED, moves)
    stays, rest = split(left, kept)
    freed = [Allocation(ref, held=-part, available=part) for ref, part in stays]
    draft.post("hold.release", A.HELD, A.AVAILABLE, freed)
    again = [Allocation(ref, held=part, available=-part) for ref, part in stays]
    draft.post("hold.carry", A.AVAILABLE, A.HELD, again)
    _give_back(draft, "hold.release", rest, now, now)
    return used, stays


def release(draft: Draft, parts: Sequence[Hold], now: datetime) -> None:
    """Give the whole hold back."""
    _give_back(draft, "hold.release", frozen_in_order(draft, parts), now, now)


def lapse(draft: Draft, parts: Sequence[Hold], now: datetime) -> None:
    """Give these parts of a hold back because their time is over.

    They came back when it was over: what was alive then repays debt, whenever that is booked.
    """
    _give_back(draft, "hold.lapse", frozen_in_order(draft, parts), parts[0].lapses_at, now)


def frozen_in_order(draft: Draft, parts: Sequence[Hold]) -> Taken:
    """What the parts froze together, in the order in which points are used."""
    frozen = [taken for part in parts for taken in part.frozen]
    if len(parts) < 2:
        return tuple(frozen)
    return tuple(
        sorted(frozen, key=lambda taken: consumption_order(draft.lots[taken[0]], draft.first))
    )


def split(frozen: Taken, amount: int) -> tuple[Taken, Taken]:
    """The first ``amount`` of what is frozen, and the rest."""
    used, rest = [], []
    for ref, held in frozen:
        part = min(held, amount)
        amount -= part
        used += [(ref, part)] if part else []
        rest += [(ref, held - part)] if held > part else []
    return tuple(used), tuple(rest)


def in_home(taken: Taken, home: str) -> int:
    """How much of it lies in this home."""
    return sum(amount for ref, amount in taken if ref[0] == home)


def lapsed(holds: Iterable[Hold], now: datetime) -> list[Hold]:
    """The open parts whose time is over, in the order in which they ended."""
    over = [hold for hold in holds if hold.lapses_at <= now]
    return sorted(over, key=lambda hold: (hold.lapses_at, hold.home, hold.version))


def as_if_lapsed(group: Group, now: datetime) -> Group:
    """The group as it counts now: what has lapsed has come back, booked or not."""
    return group.with_books(_without_lapsed(books, now) for books in group.homes)


def _without_lapsed(books: Books, now: datetime) -> Books:
    over = lapsed(books.holds, now)
    if not over:
        return books
    draft = Draft(Group.alone(books), books.member, now)
    for hold in over:
        lapse(draft, [hold], now)
    return books._replace(lots=tuple(draft.lots.values()), debt=draft.debts[books.member])


def _give_back(draft: Draft, rule: str, frozen: Taken, at: datetime, now: datetime) -> None:
    """What was over at that instant expires; what was alive repays debt first."""
    moves = [Allocation(ref, held=-part, available=part) for ref, part in frozen]
    draft.post(rule, A.HELD, A.AVAILABLE, moves)
    refs = [ref for ref, _ in frozen]
    expire_dead(draft, refs, at)
    repay_debt(draft, frozen)
    expire_dead(draft, refs, now)
