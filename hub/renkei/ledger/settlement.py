"""Settlement: post the difference between what an order should have and what is posted.

Pure. Edits, voids, refunds, late links and confirmations are all the same: a new target.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from renkei.ledger.books import BASE, DEBT_LOT, Hold, Lot, LotRef
from renkei.ledger.chart import Account as A
from renkei.ledger.holds import carry
from renkei.ledger.lots import Taken, expire_dead, overdraw, repay_debt, revive, total, use
from renkei.ledger.target import OrderName, Settled, Target
from renkei.ledger.transaction import Allocation, Draft


@dataclass
class Settlement:
    """One settlement under way: the draft, and what will be posted for the order after it."""

    draft: Draft
    settled: Settled
    order: OrderName
    target: Target
    now: datetime
    used_at: datetime
    captured: Taken = field(default=())
    keeps: bool = False
    kept: Taken = field(default=())

    def own(self) -> list[LotRef]:
        """The lots this order made, oldest first."""
        return [(self.draft.member, number) for number in self.settled.lots]

    def own_of(self, point_type: str) -> list[LotRef]:
        """Those of this point type."""
        if not self.settled.typed and point_type == BASE:
            return self.own()
        return [ref for ref in self.own() if self.draft.lots[ref].point_type == point_type]

    def earned_more(self, point_type: str, amount: int) -> Settled:
        """What is posted once so many more points of this type were earned."""
        done = self.settled._replace(earned=self.settled.earned + amount)
        if point_type == BASE:
            return done
        typed = dict(done.typed)
        typed[point_type] = typed.get(point_type, 0) + amount
        return done._replace(typed=tuple(sorted(one for one in typed.items() if one[1])))


def settle(
    draft: Draft,
    settled: Settled,
    order: OrderName,
    target: Target,
    now: datetime,
    hold: Sequence[Hold],
    used_at: datetime | None = None,
    *,
    keeps: bool = False,
) -> Settlement:
    """Book the difference into the draft. Zero difference books nothing.

    What is given back comes before what is taken, and a new earn comes last, so that an order
    never pays with its own points. Points are used at ``used_at``; None: when the event happened.
    ``keeps``: what is left of the hold stays held, for the next sale.
    """
    work = Settlement(draft, settled, order, target, now, used_at or draft.event_at, keeps=keeps)
    _restore(work, settled.redeemed - target.redeemed)
    changes = _changes(settled, target)
    for point_type, change in changes:
        _take_back(work, -change, point_type)
    _redeem(work, target.redeemed - settled.redeemed, hold)
    for point_type, change in changes:
        _earn(work, change, point_type)
    _confirm(work)
    expire_dead(draft, sorted(draft.fresh), now)
    return work


def _changes(settled: Settled, target: Target) -> list[tuple[str, int]]:
    """How much more, or less, is earned of each point type; ordinary points first."""
    whole = target.earned - settled.earned
    if not settled.typed and not target.typed:
        return [(BASE, whole)]
    was, is_now = dict(settled.typed), {one.point_type: one.earned for one in target.typed}
    typed = [(kind, is_now.get(kind, 0) - was.get(kind, 0)) for kind in sorted({*was, *is_now})]
    return [(BASE, whole - sum(change for _, change in typed)), *typed]


def _redeem(work: Settlement, amount: int, hold: Sequence[Hold]) -> None:
    """Out of the hold first; what it was not needed for is released, or held on."""
    if amount <= 0 and not hold:
        return
    used: Taken = ()
    if hold:
        used = work.captured = _capture(work, hold, max(0, amount))
    short = max(0, amount) - total(used)
    if short:
        used = (*used, *_use(work, short))
    done = work.settled
    work.settled = done._replace(redeemed=done.redeemed + total(used), used=(*done.used, *used))


def _capture(work: Settlement, hold: Sequence[Hold], amount: int) -> Taken:
    left = sum(part.amount for part in hold) if work.keeps else 0
    used, work.kept = carry(work.draft, hold, amount, left, work.now)
    return used


def _use(work: Settlement, amount: int) -> Taken:
    return use(work.draft, "redeem", A.REDEEMED, amount, work.used_at, work.now)


def _restore(work: Settlement, amount: int) -> None:
    """Give redeemed points back to the lots they came from, last used first."""
    if amount <= 0:
        return
    stack = list(work.settled.used)
    left = amount
    while left:
        ref, used = stack.pop()
        part = min(used, left)
        left -= part
        if used > part:
            stack.append((ref, used - part))
        _give_back(work, ref, part)
    work.settled = work.settled._replace(redeemed=work.settled.redeemed - amount, used=tuple(stack))


def _give_back(work: Settlement, ref: LotRef, part: int) -> None:
    if ref[1] != DEBT_LOT:
        _to_lot(work, ref, part)
        return
    owed = min(part, -work.draft.debts[ref[0]])
    work.draft.post("refund.restore", A.REDEEMED, A.DEBT, [Allocation(ref, debt=owed)])
    _to_netting_lots(work, ref, part - owed)


def _to_netting_lots(work: Settlement, debt: LotRef, part: int) -> None:
    """A debt that later points repaid goes back to those points, the last that repaid first."""
    paid = [lot for lot in work.draft.lots.values() if lot.netted and lot.home == debt[0]]
    for lot in sorted(paid, key=lambda one: -one.number):
        back = min(lot.netted, part)
        if back:
            part -= back
            work.draft.unnet(lot.ref, back)
            _to_lot(work, lot.ref, back)
    if part:
        _to_lot(work, debt, part)


def _to_lot(work: Settlement, ref: LotRef, part: int) -> None:
    """Give points back to their lot, or to a new one where its time is over."""
    draft = work.draft
    if ref[1] == DEBT_LOT or draft.lots[ref].dead(work.now):
        ref = _restore_lot(work, ref, part)
    draft.post("refund.restore", A.REDEEMED, A.AVAILABLE, [Allocation(ref, available=part)])
    repay_debt(draft, [(ref, part)])


def _restore_lot(work: Settlement, parent: LotRef, granted: int) -> LotRef:
    """A new lot for points whose own lot is over (or for a debt that was written off)."""
    old = work.draft.lots.get(parent)
    new = Lot(
        number=0,
        origin="restore",
        granted=granted,
        granted_at=work.target.event_at,
        usable_from=work.now,
        expires_at=work.target.restored_until,
        connection=work.order.connection,
        order=work.order.ref,
        parent=parent[1] or None,
        yen_value=granted * work.target.yen_per_point,
        home=parent[0],
    )
    if old is not None:
        new = new._replace(point_type=old.point_type, only_at=old.only_at)
    return work.draft.open_lot(new)


def _take_back(work: Settlement, amount: int, point_type: str) -> None:
    """Take earned points out of the lots this order made; what they lack becomes debt.

    Points of these lots that have expired are taken back as such and cost the member nothing.
    """
    if amount <= 0:
        return
    draft, left = work.draft, amount
    own = list(reversed(work.own_of(point_type)))
    waiting, ready = [], []
    for lot in (draft.lots[ref] for ref in own):
        part = min(lot.pending, left)
        waiting.append(Allocation(lot.ref, pending=-part))
        left -= part
    there = sum(draft.lots[ref].available for ref in own)
    revive(draft, [draft.lots[ref] for ref in own], left - there)
    for lot in (draft.lots[ref] for ref in own):
        part = min(lot.available, left)
        ready.append(Allocation(lot.ref, available=-part))
        left -= part
    draft.post("refund.clawback", A.PENDING, A.ISSUED, waiting)
    draft.post("refund.clawback", A.AVAILABLE, A.ISSUED, ready)
    overdraw(draft, left, A.ISSUED)
    work.settled = work.earned_more(point_type, -amount)


def _earn(work: Settlement, amount: int, point_type: str) -> None:
    if amount <= 0:
        return
    target, draft = work.target, work.draft
    at_once = target.confirmed >= target.earned
    ref = draft.open_lot(_new_lot(work, amount, None, point_type, confirmed=at_once))
    if at_once:
        draft.post("earn", A.ISSUED, A.AVAILABLE, [Allocation(ref, available=amount)])
        repay_debt(draft, [(ref, amount)])
    else:
        draft.post("earn.pending", A.ISSUED, A.PENDING, [Allocation(ref, pending=amount)])
    done = work.earned_more(point_type, amount)
    work.settled = done._replace(lots=(*done.lots, ref[1]))


def _confirm(work: Settlement) -> None:
    """Move pending points whose condition is met into a lot of their own, with its dates."""
    draft = work.draft
    own = [draft.lots[ref] for ref in work.own()]
    waiting = sum(lot.pending for lot in own)
    if not waiting:
        return
    due = work.target.confirmed - (work.settled.earned - waiting)
    for lot in own:
        part = min(lot.pending, due)
        if part <= 0:
            continue
        due -= part
        made = _new_lot(work, part, lot.number, lot.point_type, confirmed=True)
        child = draft.open_lot(made)
        moves = [Allocation(lot.ref, pending=-part), Allocation(child, available=part)]
        draft.post("earn.confirm", A.PENDING, A.AVAILABLE, moves)
        repay_debt(draft, [(child, part)])
        work.settled = work.settled._replace(lots=(*work.settled.lots, child[1]))


def _new_lot(
    work: Settlement, granted: int, parent: int | None, point_type: str, *, confirmed: bool
) -> Lot:
    """An empty lot of this order; one of a point type has that type's life and places."""
    target = work.target
    made = Lot(
        number=0,
        origin="purchase",
        granted=granted,
        granted_at=target.event_at,
        usable_from=target.usable_from if confirmed else None,
        expires_at=target.expires_at if confirmed else None,
        slides_months=target.slides_months if confirmed else None,
        connection=work.order.connection,
        order=work.order.ref,
        parent=parent,
        net_base=target.net_base,
        yen_value=granted * target.yen_per_point,
        company=target.company,
        store=target.store,
    )
    if point_type == BASE:
        return made
    typed = next(one for one in target.typed if one.point_type == point_type)
    return made._replace(
        point_type=point_type,
        only_at=typed.only_at,
        expires_at=typed.expires_at if confirmed else None,
        slides_months=typed.slides_months if confirmed else None,
    )
