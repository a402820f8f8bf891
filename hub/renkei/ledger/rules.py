"""The table of permitted postings. What is not in it cannot be booked."""

from renkei.errors import PostingNotAllowed
from renkei.ledger.chart import Account as A

RULES: dict[str, frozenset[tuple[A, A]]] = {
    "earn.pending": frozenset({(A.ISSUED, A.PENDING)}),
    "earn.confirm": frozenset({(A.PENDING, A.AVAILABLE)}),
    "earn": frozenset({(A.ISSUED, A.AVAILABLE)}),
    "hold.place": frozenset({(A.AVAILABLE, A.HELD)}),
    "hold.carry": frozenset({(A.AVAILABLE, A.HELD)}),
    "hold.capture": frozenset({(A.HELD, A.REDEEMED)}),
    "hold.release": frozenset({(A.HELD, A.AVAILABLE)}),
    "hold.lapse": frozenset({(A.HELD, A.AVAILABLE)}),
    "redeem": frozenset({(A.AVAILABLE, A.REDEEMED)}),
    "refund.clawback": frozenset({(A.AVAILABLE, A.ISSUED), (A.PENDING, A.ISSUED)}),
    "refund.restore": frozenset({(A.REDEEMED, A.AVAILABLE), (A.REDEEMED, A.DEBT)}),
    "debt.take": frozenset({(A.DEBT, A.REDEEMED), (A.DEBT, A.ISSUED), (A.DEBT, A.ADJUSTED)}),
    "debt.repay": frozenset({(A.AVAILABLE, A.DEBT)}),
    "expire": frozenset({(A.AVAILABLE, A.EXPIRED)}),
    "expire.undo": frozenset({(A.EXPIRED, A.AVAILABLE)}),
    "adjust.up": frozenset({(A.ADJUSTED, A.AVAILABLE)}),
    "adjust.down": frozenset({(A.AVAILABLE, A.ADJUSTED)}),
    "import": frozenset({(A.IMPORTED, A.AVAILABLE)}),
    "exchange": frozenset({(A.EXCHANGED, A.AVAILABLE), (A.AVAILABLE, A.EXCHANGED)}),
    "write_off": frozenset({(A.ADJUSTED, A.DEBT)}),
}
"""Rule code → the (source, destination) pairs it may move points between."""


def require_permitted(rule: str, source: A, destination: A) -> None:
    """Raise PostingNotAllowed unless the table has this movement."""
    if (source, destination) not in RULES.get(rule, frozenset()):
        raise PostingNotAllowed(f"{rule}: {source} → {destination} is not a permitted posting")
