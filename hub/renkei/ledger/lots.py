"""Taking from lots and giving to them. Pure; amounts are whole points, instants UTC."""

from collections.abc import Iterable
from datetime import datetime

from renkei.ledger.books import DEBT_LOT, Channel, Lot, LotRef
from renkei.ledger.chart import Account as A
from renkei.ledger.transaction import Allocation, Draft

Taken = tuple[tuple[LotRef, int], ...]
"""(lot, amount) in the order of use; lot number 0 is debt."""


def take(lots: Iterable[Lot], amount: int) -> Taken:
    """Up to ``amount`` from the available points of these lots, in the order given."""
    taken: list[tuple[LotRef, int]] = []
    for lot in lots:
        part = min(lot.available, amount)
        if part > 0:
            taken.append((lot.ref, part))
            amount -= part
    return tuple(taken)


def total(taken: Iterable[tuple[LotRef, int]]) -> int:
    """The sum of the amounts."""
    return sum(amount for _, amount in taken)


def spendable(lots: Iterable[Lot], debt: int, now: datetime, channel: Channel | None = None) -> int:
    """What a request may use now: usable, unexpired points less debt, never below zero."""
    ready = (lot for lot in lots if lot.alive(now) and lot.counts_at(channel))
    return max(0, sum(lot.available for lot in ready) + debt)


def usable(draft: Draft, now: datetime) -> list[Lot]:
    """The lots a request may take from, in consumption order."""
    return [lot for lot in draft.sorted_lots() if lot.alive(now)]


def use(draft: Draft, rule: str, destination: A, amount: int, at: datetime, now: datetime) -> Taken:
    """Book a use that happened at that instant: lots alive then, lots alive now, then debt.

    What was alive then counts as if its expiry had not been booked since: whether a job has run
    must not change which points are used.
    """
    _undo_expiry(draft, amount, at)
    then = [lot for lot in draft.sorted_lots() if lot.alive(at)]
    since = [lot for lot in usable(draft, now) if not lot.alive(at)]
    taken = take([*then, *since], amount)
    draft.post(rule, A.AVAILABLE, destination, from_available(taken))
    return (*taken, *overdraw(draft, amount - total(taken), destination))


def overdraw(draft: Draft, short: int, destination: A) -> Taken:
    """What no lot covers becomes the acting member's debt."""
    if short <= 0:
        return ()
    debt = (draft.member, DEBT_LOT)
    draft.post("debt.take", A.DEBT, destination, [Allocation(debt, debt=-short)])
    return ((debt, short),)


def _undo_expiry(draft: Draft, amount: int, at: datetime) -> None:
    """Undo the booked expiry of what a use of ``amount`` at that instant takes."""
    back: list[Allocation] = []
    for lot in draft.sorted_lots():
        if lot.alive(at):
            part = min(lot.available + lot.expired, amount)
            amount -= part
            back.append(Allocation(lot.ref, available=max(0, part - lot.available)))
    draft.post("expire.undo", A.EXPIRED, A.AVAILABLE, back)


def repay_debt(draft: Draft, inflow: Iterable[tuple[LotRef, int]]) -> None:
    """Every inflow to available repays its own home's debt first, also before it is usable.

    Only what came in repays, not what was in the same lot before.
    """
    for ref, came in inflow:
        home = ref[0]
        part = min(came, draft.lots[ref].available, -draft.debts[home])
        if part > 0:
            moves = [Allocation(ref, available=-part), Allocation((home, DEBT_LOT), debt=part)]
            draft.post("debt.repay", A.AVAILABLE, A.DEBT, moves)


def expire_dead(draft: Draft, refs: Iterable[LotRef], now: datetime) -> int:
    """Book the expiry of these lots where their time is over; gives how many points ended."""
    dead = [draft.lots[ref] for ref in refs if draft.lots[ref].dead(now)]
    if not dead:
        return 0
    moves = [Allocation(lot.ref, available=-lot.available) for lot in dead]
    return draft.post("expire", A.AVAILABLE, A.EXPIRED, moves)


def revive(draft: Draft, lots: Iterable[Lot], amount: int) -> int:
    """Undo the booked expiry of up to ``amount`` points of these lots; gives how many came back."""
    back: list[tuple[LotRef, int]] = []
    for lot in lots:
        part = min(lot.expired, amount - total(back))
        back += [(lot.ref, part)] if part > 0 else []
    moves = [Allocation(ref, available=part) for ref, part in back]
    return draft.post("expire.undo", A.EXPIRED, A.AVAILABLE, moves)


def catch_up_with_slides(draft: Draft, now: datetime) -> None:
    """Book what activities, told late perhaps, have come to mean for sliding points.

    What they show to be alive comes back; what had ended before them is booked as expired.
    """
    if not any(lot.slides_months for lot in draft.lots.values()):
        return
    sliding = [lot for lot in draft.sorted_lots() if lot.slides_months]
    alive = [lot for lot in sliding if lot.alive(now)]
    revive(draft, alive, sum(lot.expired for lot in alive))
    expire_dead(draft, [lot.ref for lot in sliding], now)
    repay_debt(draft, [(lot.ref, lot.expired) for lot in alive])


def from_available(taken: Taken) -> list[Allocation]:
    """The allocations that take these points out of what is available."""
    return [Allocation(ref, available=-amount) for ref, amount in taken]
