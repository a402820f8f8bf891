"""Movements that no order causes: adjustments, imports, exchanges, write-offs. Pure."""

from datetime import datetime

from renkei.ledger.books import DEBT_LOT, Lot
from renkei.ledger.chart import Account as A
from renkei.ledger.lots import expire_dead, from_available, repay_debt, take, usable
from renkei.ledger.transaction import Allocation, Draft


def grant(draft: Draft, rule: str, source: A, lot: Lot, now: datetime) -> None:
    """Give a new lot's points; they repay debt first, and a lot born expired expires at once."""
    ref = draft.open_lot(lot)
    draft.post(rule, source, A.AVAILABLE, [Allocation(ref, available=lot.granted)])
    repay_debt(draft, [(ref, lot.granted)])
    expire_dead(draft, [ref], now)


def withdraw(draft: Draft, rule: str, destination: A, amount: int, now: datetime) -> None:
    """Take spendable points; the caller has checked that they cover it."""
    taken = take(usable(draft, now), amount)
    draft.post(rule, A.AVAILABLE, destination, from_available(taken))


def write_off(draft: Draft, amount: int) -> None:
    """Forgive this much of the member's own debt."""
    debt = (draft.member, DEBT_LOT)
    draft.post("write_off", A.ADJUSTED, A.DEBT, [Allocation(debt, debt=amount)])
