"""Settlement: post the difference between what an order should have and what is posted.

Pure. Edits, voids, refunds, late links and confirmations are all the same: a new target.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from renkei.ledger.chart import Account as A
from renkei.ledger.holds import capture
from renkei.ledger.lots import Taken, expire_dead, redeem_as_fact, repay_debt, revive, total
from renkei.ledger.transaction import DEBT_LOT, Allocation, Draft, Hold, Lot


@dataclass(frozen=True, slots=True)
class Target:
    """What an order, as it is now, should have earned and redeemed, in whole points.

    ``confirmed`` is the part of ``earned`` whose condition is met; the rest stays pending.
    ``usable_from`` and ``expires_at`` are for what is confirmed now; ``restored_until`` for points
    given back to a lot whose time is over. ``net_base`` is yen, net of tax.
    """

    earned: int
    confirmed: int
    redeemed: int
    event_at: datetime
    usable_from: datetime
    expires_at: datetime | None
    restored_until: datetime | None
    net_base: int = 0
    yen_per_point: int = 1
    store: str | None = None
    company: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """What is posted for one order and member: sums, lots made, and the stack of what was used."""

    earned: int = 0
    redeemed: int = 0
    lots: tuple[int, ...] = ()
    used: Taken = ()


@dataclass(frozen=True, slots=True)
class OrderName:
    """The order a settlement is for: (connection, order)."""

    connection: str
    ref: str


@dataclass
class Settlement:
    """One settlement under way: the draft, and what will be posted for the order after it."""

    draft: Draft
    settled: Settled
    order: OrderName
    target: Target
    now: datetime
    captured: tuple[Hold, int] | None = field(default=None)


def settle(
    draft: Draft,
    settled: Settled,
    order: OrderName,
    target: Target,
    now: datetime,
    hold: Hold | None,
) -> Settlement:
    """Book the difference into the draft. Zero difference books nothing.

    What is given back comes before what is taken, and a new earn comes last, so that an order
    never pays with its own points.
    """
    work = Settlement(draft, settled, order, target, now)
    _restore(work, settled.redeemed - target.redeemed)
    _take_back(work, settled.earned - target.earned)
    _redeem(work, target.redeemed - settled.redeemed, hold)
    _earn(work, target.earned - settled.earned)
    _confirm(work)
    expire_dead(draft, sorted(draft.fresh), now)
    return work


def _redeem(work: Settlement, amount: int, hold: Hold | None) -> None:
    if amount <= 0 and hold is None:
        return
    used: Taken = ()
    if hold is not None:
        used = capture(work.draft, hold, max(0, amount), work.now)
        work.captured = (hold, total(used))
    short = max(0, amount) - total(used)
    if short:
        used = (*used, *redeem_as_fact(work.draft, short, work.now))
    done = work.settled
    work.settled = replace(done, redeemed=done.redeemed + total(used), used=(*done.used, *used))


def _restore(work: Settlement, amount: int) -> None:
    """Give redeemed points back to the lots they came from, last used first."""
    if amount <= 0:
        return
    stack = list(work.settled.used)
    left = amount
    while left:
        lot, used = stack.pop()
        part = min(used, left)
        left -= part
        if used > part:
            stack.append((lot, used - part))
        _give_back(work, lot, part)
    work.settled = replace(work.settled, redeemed=work.settled.redeemed - amount, used=tuple(stack))


def _give_back(work: Settlement, lot: int, part: int) -> None:
    if lot != DEBT_LOT:
        _to_lot(work, lot, part)
        return
    owed = min(part, -work.draft.debt)
    work.draft.post("refund.restore", A.REDEEMED, A.DEBT, [Allocation(DEBT_LOT, debt=owed)])
    _to_netting_lots(work, part - owed)


def _to_netting_lots(work: Settlement, part: int) -> None:
    """A debt that later points repaid goes back to those points, the last that repaid first."""
    paid = [lot for lot in work.draft.lots.values() if lot.netted]
    for lot in sorted(paid, key=lambda one: -one.number):
        back = min(lot.netted, part)
        if back:
            part -= back
            work.draft.unnet(lot.number, back)
            _to_lot(work, lot.number, back)
    if part:
        _to_lot(work, DEBT_LOT, part)


def _to_lot(work: Settlement, lot: int, part: int) -> None:
    """Give points back to their lot, or to a new one where its time is over."""
    draft = work.draft
    if lot == DEBT_LOT or draft.lots[lot].dead(work.now):
        lot = _restore_lot(work, lot, part)
    draft.post("refund.restore", A.REDEEMED, A.AVAILABLE, [Allocation(lot, available=part)])
    repay_debt(draft, [lot])


def _restore_lot(work: Settlement, parent: int, granted: int) -> int:
    """A new lot for points whose own lot is over (or for a debt that was written off)."""
    return work.draft.open_lot(
        Lot(
            number=0,
            origin="restore",
            granted=granted,
            granted_at=work.target.event_at,
            usable_from=work.now,
            expires_at=work.target.restored_until,
            connection=work.order.connection,
            order=work.order.ref,
            parent=parent or None,
            yen_value=granted * work.target.yen_per_point,
        )
    )


def _take_back(work: Settlement, amount: int) -> None:
    """Take earned points out of the lots this order made; what they lack becomes debt.

    Points of these lots that have expired are taken back as such and cost the member nothing.
    """
    if amount <= 0:
        return
    draft, left = work.draft, amount
    own = list(reversed(work.settled.lots))
    waiting, ready = [], []
    for lot in (draft.lots[number] for number in own):
        part = min(lot.pending, left)
        waiting.append(Allocation(lot.number, pending=-part))
        left -= part
    there = sum(draft.lots[number].available for number in own)
    revive(draft, [draft.lots[number] for number in own], left - there)
    for lot in (draft.lots[number] for number in own):
        part = min(lot.available, left)
        ready.append(Allocation(lot.number, available=-part))
        left -= part
    draft.post("refund.clawback", A.PENDING, A.ISSUED, waiting)
    draft.post("refund.clawback", A.AVAILABLE, A.ISSUED, ready)
    draft.post("debt.take", A.DEBT, A.ISSUED, [Allocation(DEBT_LOT, debt=-left)])
    work.settled = replace(work.settled, earned=work.settled.earned - amount)


def _earn(work: Settlement, amount: int) -> None:
    if amount <= 0:
        return
    target, draft = work.target, work.draft
    at_once = target.confirmed >= target.earned
    number = draft.open_lot(_new_lot(work, amount, None, confirmed=at_once))
    if at_once:
        draft.post("earn", A.ISSUED, A.AVAILABLE, [Allocation(number, available=amount)])
        repay_debt(draft, [number])
    else:
        draft.post("earn.pending", A.ISSUED, A.PENDING, [Allocation(number, pending=amount)])
    done = work.settled
    work.settled = replace(done, earned=done.earned + amount, lots=(*done.lots, number))


def _confirm(work: Settlement) -> None:
    """Move pending points whose condition is met into a lot of their own, with its dates."""
    draft = work.draft
    own = [draft.lots[number] for number in work.settled.lots if number in draft.lots]
    waiting = sum(lot.pending for lot in own)
    due = work.target.confirmed - (work.settled.earned - waiting)
    for lot in own:
        part = min(lot.pending, due)
        if part <= 0:
            continue
        due -= part
        child = draft.open_lot(_new_lot(work, part, lot.number, confirmed=True))
        moves = [Allocation(lot.number, pending=-part), Allocation(child, available=part)]
        draft.post("earn.confirm", A.PENDING, A.AVAILABLE, moves)
        repay_debt(draft, [child])
        work.settled = replace(work.settled, lots=(*work.settled.lots, child))


def _new_lot(work: Settlement, granted: int, parent: int | None, *, confirmed: bool) -> Lot:
    target = work.target
    return Lot(
        number=0,
        origin="purchase",
        granted=granted,
        granted_at=target.event_at,
        usable_from=target.usable_from if confirmed else None,
        expires_at=target.expires_at if confirmed else None,
        connection=work.order.connection,
        order=work.order.ref,
        parent=parent,
        net_base=target.net_base,
        yen_value=granted * target.yen_per_point,
        company=target.company,
        store=target.store,
    )
