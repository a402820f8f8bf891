"""Taking from lots and giving to them. Pure; amounts are whole points, instants UTC."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from renkei.ledger.chart import Account as A
from renkei.ledger.transaction import DEBT_LOT, Allocation, Draft, Lot

Taken = tuple[tuple[int, int], ...]
"""(lot, amount) in the order of use; lot 0 is debt."""


def take(lots: Iterable[Lot], amount: int) -> Taken:
    """Up to ``amount`` from the available points of these lots, in the order given."""
    taken: list[tuple[int, int]] = []
    for lot in lots:
        part = min(lot.available, amount)
        if part > 0:
            taken.append((lot.number, part))
            amount -= part
    return tuple(taken)


def total(taken: Iterable[tuple[int, int]]) -> int:
    """The sum of the amounts."""
    return sum(amount for _, amount in taken)


def spendable(lots: Iterable[Lot], debt: int, now: datetime) -> int:
    """What a request may use now: usable, unexpired points less debt, never below zero."""
    return max(0, sum(lot.available for lot in lots if lot.alive(now)) + debt)


def usable(draft: Draft, now: datetime) -> list[Lot]:
    """The lots a request may take from, in consumption order."""
    return [lot for lot in draft.sorted_lots() if lot.alive(now)]


def redeem_as_fact(draft: Draft, amount: int, now: datetime) -> Taken:
    """Book a use that has happened: lots alive then, then lots alive now, then debt.

    Points that were alive then and whose expiry was booked since come back for it first.
    """
    late = [lot for lot in draft.sorted_lots() if lot.expired and lot.alive(draft.event_at)]
    then = [lot for lot in draft.sorted_lots() if lot.alive(draft.event_at)]
    revive(draft, late, amount - sum(lot.available for lot in then))
    then = [lot for lot in draft.sorted_lots() if lot.alive(draft.event_at)]
    since = [lot for lot in usable(draft, now) if not lot.alive(draft.event_at)]
    taken = take([*then, *since], amount)
    draft.post("redeem", A.AVAILABLE, A.REDEEMED, _from_available(taken))
    short = amount - total(taken)
    if short:
        draft.post("debt.take", A.DEBT, A.REDEEMED, [Allocation(DEBT_LOT, debt=-short)])
        taken = (*taken, (DEBT_LOT, short))
    return taken


def repay_debt(draft: Draft, numbers: Sequence[int]) -> None:
    """Every inflow to available repays debt first, also before it is usable."""
    for number in numbers:
        part = min(draft.lots[number].available, -draft.debt)
        if part > 0:
            moves = [Allocation(number, available=-part), Allocation(DEBT_LOT, debt=part)]
            draft.post("debt.repay", A.AVAILABLE, A.DEBT, moves)


def expire_dead(draft: Draft, numbers: Iterable[int], now: datetime) -> int:
    """Book the expiry of these lots where their time is over; gives how many points ended."""
    dead = [draft.lots[number] for number in numbers if draft.lots[number].dead(now)]
    moves = [Allocation(lot.number, available=-lot.available) for lot in dead]
    return draft.post("expire", A.AVAILABLE, A.EXPIRED, moves)


def revive(draft: Draft, lots: Iterable[Lot], amount: int) -> int:
    """Undo the booked expiry of up to ``amount`` points of these lots; gives how many came back."""
    back: list[tuple[int, int]] = []
    for lot in lots:
        part = min(lot.expired, amount - total(back))
        back += [(lot.number, part)] if part > 0 else []
    moves = [Allocation(number, available=part) for number, part in back]
    return draft.post("expire.undo", A.EXPIRED, A.AVAILABLE, moves)


def _from_available(taken: Taken) -> list[Allocation]:
    return [Allocation(number, available=-amount) for number, amount in taken]
