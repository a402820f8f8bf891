"""A sale, online or at a till, restated as a whole each time it changes."""

from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from renkei_contracts.base import MAX_AMOUNT, Canonical, Day, Instant, Key, Points, Text, Yen
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Identity

TaxRate = Annotated[int, Field(strict=True, ge=0, le=10_000)]
"""Consumption tax in basis points: 1000 is 10 %, 800 the reduced 8 %."""

Quantity = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
"""Pieces; weighed goods are one piece with its price."""


class OrderState(StrEnum):
    """How far the sale has come. ``CANCELLED`` also stands for voided."""

    PLACED = "placed"
    PAID = "paid"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


LONGEST_TILL_KEY = 190
"""Characters of a natural key as one text: with a little beside it, it is still a Key."""


class TillKey(Canonical):
    """The natural key of a sale at a till: receipt numbers restart after each settlement (精算).

    ``business_date`` is the store's day, which may end after midnight. As one text, as orders and
    refunds are named by it, it has at most 190 characters.
    """

    store: Key
    till: Key
    business_date: Day
    settlement_count: Annotated[int, Field(strict=True, ge=0, le=999)] = 0
    receipt_number: Key
    company: Text = ""

    @model_validator(mode="after")
    def _names_an_order(self) -> Self:
        if len(str(self)) > LONGEST_TILL_KEY:
            raise ValueError(f"as one text it has more than {LONGEST_TILL_KEY} characters")
        return self

    def __str__(self) -> str:
        return _as_text(
            self.company,
            self.store,
            self.till,
            self.business_date,
            self.settlement_count,
            self.receipt_number,
        )


@lru_cache(maxsize=4_096)
def _as_text(company: str, store: str, till: str, day: date, count: int, receipt: str) -> str:
    """A natural key as one text: whoever books a sale asks for it a dozen times."""
    return "|".join(map(quoted, (company, store, till, day.isoformat(), str(count), receipt)))


def quoted(part: str) -> str:
    """A part of a natural key as it stands in its text."""
    return part.replace("%", "%25").replace("|", "%7C")


def unquoted(part: str) -> str:
    """The part again."""
    return part.replace("%7C", "|").replace("%25", "%")


class LineItem(Canonical):
    """One product line, as sold and as far as it was given back.

    ``amount`` is what the buyer owes for ``quantity`` pieces, in yen, after every discount but
    before points; ``tax_included`` says whether tax is in it. ``returned_amount`` is the part of
    ``amount`` given back so far.
    """

    id: Key
    sku: Text = ""
    jan: Text = ""
    title: Text = ""
    quantity: Quantity
    amount: Yen
    tax_rate: TaxRate
    tax_included: StrictBool = True
    returned_quantity: Quantity = 0
    returned_amount: Yen = 0
    earns: StrictBool = True

    @model_validator(mode="after")
    def _returns_fit(self) -> Self:
        if self.returned_quantity > self.quantity or self.returned_amount > self.amount:
            raise ValueError("more was returned than sold")
        return self


def _one_sale(lines: tuple[LineItem, ...]) -> tuple[LineItem, ...]:
    """Ids are distinct; with tax on top, at 100 % at most, the sum must still be an amount."""
    ids = [line.id for line in lines]
    if len(ids) != len(set(ids)):
        raise ValueError("two lines share an id")
    if sum(line.amount for line in lines) > MAX_AMOUNT // 2:
        raise ValueError(f"the lines together must not exceed {MAX_AMOUNT // 2} yen")
    return lines


Lines = Annotated[tuple[LineItem, ...], Field(max_length=5_000), AfterValidator(_one_sale)]
"""The lines of a sale: at most 5,000 with distinct ids, whose sum is an amount, too."""


class Tender(Canonical):
    """One means of payment and its amount in yen."""

    kind: Text
    amount: Yen


def _once(codes: tuple[str, ...]) -> tuple[str, ...]:
    """A code that is scanned twice is one coupon."""
    return tuple(dict.fromkeys(codes))


CouponCodes = Annotated[tuple[Key, ...], Field(max_length=20), AfterValidator(_once)]
"""Codes of coupons of ours that one sale uses, each once however often it is named."""


def _none(told: object) -> bool:
    return not told


def _unsaid(told: object) -> bool:
    return told is None


class Order(Canonical):
    """A sale as it is now, as of the vendor's clock ``changed_at``.

    ``placed_at`` is when it happened in the shop. ``points_used`` are points paid with, as the
    sale is now (a return that gives points back lowers it), ``points_value`` their worth in yen.
    ``hold_codes`` name holds of ours that this sale claims, or are the codes that stand for them,
    whose points are not in ``points_used``; ``coupons`` are coupons of ours that it uses: the
    amounts of the lines are before them, as they are before points. ``till`` is the
    natural key of a till sale; ``same_as`` names the same sale at other vendors, where the vendor
    itself says so. ``pickup``: ordered online, collected in a store. ``earned_printed`` is what
    the register has computed and printed that it earns, where it does so by itself: that counts.
    """

    ref: ExternalRef
    changed_at: Instant
    placed_at: Instant
    state: OrderState
    number: Text = ""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "JPY"
    customer: ExternalRef | None = None
    identities: tuple[Identity, ...] = ()
    lines: Lines
    shipping: Yen = 0
    points_used: Points = 0
    points_value: Yen = 0
    hold_codes: tuple[Key, ...] = ()
    coupons: CouponCodes = Field(default=(), exclude_if=_none)
    pickup: StrictBool = Field(default=False, exclude_if=_none)
    tenders: tuple[Tender, ...] = ()
    till: TillKey | None = None
    same_as: tuple[ExternalRef, ...] = ()
    location: Text = ""
    test: StrictBool = False
    earned_printed: Points | None = Field(default=None, exclude_if=_unsaid)


class RefundLine(Canonical):
    """What was given back of one line: its id in the order, pieces, and yen of its ``amount``."""

    id: Key
    quantity: Quantity = 0
    amount: Yen


class Refund(Canonical):
    """A refund that a vendor tells apart from its order, and perhaps before it.

    ``order`` is the order it is about; at a till its id is the text of the sale's ``TillKey``.
    ``points_returned`` of the points used go back to the member, worth ``value_returned`` yen.
    ``shares_points``: instead, as large a share of the points goes back as of the goods' amount.
    ``whole``: everything that is still there is given back.
    """

    ref: ExternalRef
    order: ExternalRef
    occurred_at: Instant
    lines: Annotated[tuple[RefundLine, ...], Field(max_length=5_000)] = ()
    points_returned: Points = 0
    value_returned: Yen = 0
    shares_points: StrictBool = Field(default=False, exclude_if=_none)
    whole: StrictBool = False
