"""Coupons as they were issued, and every change of one, in order. Pure.

Nothing of it is ever changed: a coupon's state is its newest move, whose number is its place. Two
tills that move one coupon at once would write the same number, and one of them runs again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Occasion = tuple[str, str, str]
"""(member, kind of coupon, occasion): for each, at most one coupon is issued."""

CouponName = str | Occasion
"""A coupon by its code, or by what it was issued for."""

What = Literal["held", "released", "captured", "given_back", "taken_back", "issued_again"]


@dataclass(frozen=True, slots=True)
class CouponMove:
    """The ``n``th change of a coupon.

    ``holder`` is the till that set it aside, until ``lapses_at``. ``sale`` is the order,
    (connection, order), that captured it or gave it back.
    """

    code: str
    n: int
    what: What
    holder: str | None = None
    lapses_at: datetime | None = None
    sale: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class IssuedCoupon:
    """One coupon of a member, with its newest move.

    ``kind`` names its terms in that version of the program. ``source`` is the order or exchange
    that gave it; ``points`` is what it was exchanged for. It ends at ``usable_until``; None: never.
    """

    code: str
    member: str
    program: str
    program_version: int
    kind: str
    occasion: str
    usable_from: datetime
    usable_until: datetime | None
    source: tuple[str, str] | None = None
    points: int = 0
    last: CouponMove | None = None

    @property
    def named(self) -> Occasion:
        """For whom, what and why it was issued."""
        return (self.member, self.kind, self.occasion)

    @property
    def what(self) -> str:
        """Its newest move; ``issued`` if it never moved."""
        return self.last.what if self.last else "issued"

    @property
    def used_at(self) -> tuple[str, str] | None:
        """The order that has used it."""
        return self.last.sale if self.last and self.last.what == "captured" else None

    @property
    def is_taken_back(self) -> bool:
        """Whether it was taken away again."""
        return self.what == "taken_back"

    def holder_at(self, now: datetime) -> str | None:
        """The till that has it set aside then; a hold whose time is over is none."""
        last = self.last
        if last is None or last.what != "held":
            return None
        return last.holder if last.lapses_at is not None and last.lapses_at > now else None

    def is_free(self, now: datetime) -> bool:
        """Whether it is neither used, taken back nor set aside."""
        return self.used_at is None and not self.is_taken_back and self.holder_at(now) is None

    def moved(
        self,
        what: What,
        holder: str | None = None,
        lapses_at: datetime | None = None,
        sale: tuple[str, str] | None = None,
    ) -> "IssuedCoupon":
        """The coupon after its next move."""
        n = (self.last.n if self.last else 0) + 1
        return replace(self, last=CouponMove(self.code, n, what, holder, lapses_at, sale))


def coupon_of(row: Any) -> IssuedCoupon:
    """A row of the statements that read coupons (ledger/queries.py)."""
    source = (row[8], row[9]) if row[9] is not None else None
    last = None
    if row[11] is not None:
        sale = (row[15], row[16]) if row[16] is not None else None
        last = CouponMove(row[0], row[11], row[12], row[13], row[14], sale)
    return replace(IssuedCoupon(*row[:8]), source=source, points=row[10], last=last)


def coupon_rows(issued: Iterable[IssuedCoupon], at: datetime) -> list[dict[str, Any]]:
    """New coupons for the journal."""
    return [
        {
            "code": one.code,
            "m": one.member,
            "program": one.program,
            "pv": one.program_version,
            "kind": one.kind,
            "occasion": one.occasion,
            "from": one.usable_from.isoformat(),
            "until": one.usable_until.isoformat() if one.usable_until else None,
            "c": one.source[0] if one.source else None,
            "r": one.source[1] if one.source else None,
            "points": one.points,
            "at": at.isoformat(),
        }
        for one in issued
    ]


def move_rows(moves: Iterable[CouponMove], at: datetime) -> list[dict[str, Any]]:
    """New moves for the journal."""
    return [
        {
            "code": one.code,
            "n": one.n,
            "what": one.what,
            "holder": one.holder,
            "lapses_at": one.lapses_at.isoformat() if one.lapses_at else None,
            "c": one.sale[0] if one.sale else None,
            "r": one.sale[1] if one.sale else None,
            "at": at.isoformat(),
        }
        for one in moves
    ]
