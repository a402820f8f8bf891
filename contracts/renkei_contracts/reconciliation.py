"""A till's day against the hub's: totals by settlement, and the till's Z-report (精算レポート)."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from renkei_contracts.base import Canonical, Day, Instant, Key, Points, Text, Yen
from renkei_contracts.order import TillKey

Count = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]
"""How many receipts."""

Sum = Annotated[int, Field(strict=True, ge=0)]
"""What many receipts come to, each of which is bounded."""

SettlementCount = Annotated[int, Field(strict=True, ge=0, le=999)]

Counted = Literal["sales", "voids", "yen", "earned", "used", "refunds", "refund_yen"]
"""What both sides count."""


class TillTotals(Canonical):
    """What one till sold between two settlements, as the hub has it now.

    ``sales`` are receipts that are not voided, ``voids`` those that are. ``yen`` is what the sales
    came to, tax included, before coupons and points, whatever came back later. ``earned`` and
    ``used`` are the points booked for them now, after their refunds. ``refunds`` are receipts on
    which this till took goods back, of whatever sale, ``refund_yen`` the amounts of their lines.
    """

    sales: Sum = 0
    voids: Sum = 0
    yen: Sum = 0
    earned: Sum = 0
    used: Sum = 0
    refunds: Sum = 0
    refund_yen: Sum = 0


class ZReport(Canonical):
    """What a till counted between two settlements; what it does not count stays None.

    ``first_receipt`` and ``last_receipt`` only where the till tells the hub of every receipt: those
    between them that the hub has not are named. A higher ``revision`` restates the report.
    """

    store: Key
    till: Key
    business_date: Day
    settlement_count: SettlementCount = 0
    company: Text = ""
    revision: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    closed_at: Instant
    sales: Count | None = None
    voids: Count | None = None
    yen: Yen | None = None
    earned: Points | None = None
    used: Points | None = None
    refunds: Count | None = None
    refund_yen: Yen | None = None
    first_receipt: Key | None = None
    last_receipt: Key | None = None

    @model_validator(mode="after")
    def _names_receipts(self) -> Self:
        for number in (self.first_receipt, self.last_receipt):
            if number is not None:
                self.receipt(number)
        return self

    def receipt(self, number: str) -> TillKey:
        """The natural key of a receipt of this shift."""
        return TillKey(
            store=self.store,
            till=self.till,
            business_date=self.business_date,
            settlement_count=self.settlement_count,
            receipt_number=number,
            company=self.company,
        )


class Difference(Canonical):
    """One total that the two sides count differently."""

    total: Counted
    till: int
    hub: int


class Reconciled(Canonical):
    """A Z-report against the hub's totals of the moment at which it came.

    ``missing`` are receipt numbers that the hub has not, the first thousand of ``missing_count``.
    ``numbered``: whether the numbers count up, so that a missing one shows.
    """

    revision: int
    agrees: StrictBool
    totals: TillTotals
    differences: tuple[Difference, ...]
    numbered: StrictBool
    missing: Annotated[tuple[Key, ...], Field(max_length=1_000)]
    missing_count: Count
    as_of: Instant


class TillDay(Canonical):
    """One till between two settlements: the hub's totals now, and its newest report, if one came.

    ``differences`` are those of that report against the totals of now.
    """

    till: Key
    settlement_count: SettlementCount
    totals: TillTotals
    reported: Reconciled | None = None
    differences: tuple[Difference, ...] = ()


class StoreDay(Canonical):
    """A store's business day, by till and settlement count."""

    store: Key
    business_date: date
    tills: tuple[TillDay, ...]
    as_of: Instant
