"""Coupons: what one gives, where and how long, and what it takes off a basket. Pure.

A coupon's yen are tax-included and divided over the consumption-tax rates of the lines it is about
by the largest remainder (jp-retail-rules §2). They are counted on what was sold; what is given back
takes its share of them along.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StrictBool, model_validator

from renkei.ledger.books import Channel
from renkei.ledger.months import months_later
from renkei.loyalty.basket import gross, sold
from renkei.loyalty.calendar import midnight_after
from renkei.loyalty.condition import LineCondition, Verdict
from renkei.loyalty.named import Named
from renkei.loyalty.rounding import tax_upon
from renkei.loyalty.terms import Whole
from renkei_contracts.base import Slug, Text, Yen
from renkei_contracts.order import LineItem, Order
from renkei_contracts.toolkit.shares import divide

Where = Literal["anywhere", "store", "web"]


class Coupon(Named):
    """A kind of coupon: every one that is issued has a code of its own and counts once.

    The benefit is one of: ``yen`` off, ``percent`` off (at most ``cap_yen``), ``free_shipping``, or
    one piece of the product whose JAN is ``gift``. ``lines`` limits it to some lines, ``minimum``
    to sales of so many yen (of those lines, before coupons). It is usable ``where``, and only in
    ``only_at`` (connections, or connection/store) where that is given; for ``valid_days`` or
    ``valid_months`` after it was issued, or until the end of the day ``valid_until``, else for
    ever. A member gets at most ``per_member`` in all. Coupons share a sale only if each is
    ``combinable``. ``funded_by`` says who pays.
    """

    yen: Whole | None = None
    percent: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    cap_yen: Whole | None = None
    free_shipping: StrictBool = False
    gift: Annotated[str, Field(pattern=r"^[0-9]{8,13}$")] | None = None
    lines: LineCondition | None = None
    minimum: Yen = 0
    where: Where = "anywhere"
    only_at: tuple[Text, ...] = ()
    usable_from: Literal["at_once", "next_day"] = "at_once"
    valid_days: Whole | None = None
    valid_months: Annotated[int, Field(strict=True, ge=1, le=600)] | None = None
    valid_until: date | None = None
    per_member: Whole | None = None
    combinable: StrictBool = False
    funded_by: Slug = "head-office"

    @model_validator(mode="after")
    def _one_benefit_and_one_end(self) -> Self:
        benefits = (self.yen, self.percent, self.free_shipping or None, self.gift)
        if sum(one is not None for one in benefits) != 1:
            raise ValueError(
                f"coupon {self.name}: give exactly one of yen, percent, free_shipping, gift"
            )
        ends = (self.valid_days, self.valid_months, self.valid_until)
        if sum(one is not None for one in ends) > 1:
            raise ValueError(
                f"coupon {self.name}: give one of valid_days, valid_months, valid_until"
            )
        if self.cap_yen is not None and self.percent is None:
            raise ValueError(f"coupon {self.name}: only a percentage has a cap")
        return self

    @property
    def benefit(self) -> str:
        """What it gives, in the words that a cashier and a member read."""
        if self.yen is not None:
            return f"{self.yen:,}円引き"
        if self.percent is not None:
            cap = f"(上限{self.cap_yen:,}円)" if self.cap_yen is not None else ""
            return f"{self.percent}%引き{cap}"
        return "送料無料" if self.free_shipping else f"商品 {self.gift} を1点無料"

    def starts(self, issued: datetime, zone: ZoneInfo) -> datetime:
        """From when one that is issued at that instant can be used."""
        if self.usable_from == "at_once":
            return issued
        return midnight_after(issued.astimezone(zone).date(), zone)

    def ends(self, issued: datetime, zone: ZoneInfo) -> datetime | None:
        """The instant at which it is over; None: never."""
        day = issued.astimezone(zone).date()
        if self.valid_days is not None:
            return midnight_after(day + timedelta(days=self.valid_days), zone)
        if self.valid_months is not None:
            return midnight_after(months_later(day, self.valid_months), zone)
        return midnight_after(self.valid_until, zone) if self.valid_until is not None else None

    def counts_at(self, channel: Channel) -> bool:
        """Whether it may be used in this channel; one with a store is a store, else the web."""
        if self.where != "anywhere" and (self.where == "store") != (channel.store is not None):
            return False
        here = {channel.connection, f"{channel.connection}/{channel.store}"}
        return not self.only_at or not here.isdisjoint(self.only_at)


NO_TERMS: Mapping[str, Coupon] = {}
"""Of a sale without coupons."""


@dataclass(frozen=True, slots=True)
class TakenOff:
    """What one coupon takes off a sale as it was sold: yen per tax rate, and of the shipping."""

    code: str
    coupon: Coupon
    rates: Mapping[int, int] = field(default_factory=dict)
    shipping: int = 0
    why_not: str = ""

    @property
    def yen(self) -> int:
        """All of it."""
        return sum(self.rates.values()) + self.shipping


Fits = Callable[[Coupon, LineItem], Verdict]
"""Whether a line is one of those that a coupon is about."""


def taken_off(order: Order, coupons: Mapping[str, Coupon], fits: Fits) -> tuple[TakenOff, ...]:
    """What these coupons (by code) take off, one after the other, never more than is left.

    Products that are free come first, then percentages, then yen.
    """
    left, shipping = _sold(order.lines), order.shipping
    done = []
    for code, coupon in sorted(coupons.items(), key=lambda one: (_rank(one[1]), one[0])):
        one = _one(code, coupon, order.lines, left, shipping, fits)
        left = {rate: yen - one.rates.get(rate, 0) for rate, yen in left.items()}
        shipping -= one.shipping
        done.append(one)
    return tuple(done)


def per_rate(every: Iterable[TakenOff]) -> dict[int, int]:
    """Yen per tax rate that all of them together take off what was sold."""
    sums: dict[int, int] = {}
    for one in every:
        for rate, yen in one.rates.items():
            sums[rate] = sums.get(rate, 0) + yen
    return sums


def _rank(coupon: Coupon) -> int:
    if coupon.gift is not None:
        return 0
    return 1 if coupon.percent is not None else 2


def _sold(lines: Iterable[LineItem]) -> dict[int, int]:
    """Tax-included yen per rate as it was sold."""
    by_rate: dict[int, list[LineItem]] = {}
    for line in lines:
        by_rate.setdefault(line.tax_rate, []).append(line)
    return {rate: gross(rate, own, sold) for rate, own in sorted(by_rate.items())}


def _one(
    code: str,
    coupon: Coupon,
    lines: Sequence[LineItem],
    left: Mapping[int, int],
    shipping: int,
    fits: Fits,
) -> TakenOff:
    own, fault = _lines_of(coupon, lines, fits)
    if fault is not None:
        return TakenOff(code, coupon, why_not=fault)
    basket = _sold(own)
    if not own or sum(basket.values()) < coupon.minimum:
        needs = f"needs ¥{coupon.minimum:,} of its lines" if own else "none of its lines is here"
        return TakenOff(code, coupon, why_not=needs)
    if coupon.free_shipping:
        return TakenOff(code, coupon, {}, shipping, "" if shipping else "nothing to pay to ship")
    open_yen = {rate: min(yen, left[rate]) for rate, yen in basket.items()}
    whole = _worth(coupon, own, sum(open_yen.values()))
    shares = divide(whole, list(open_yen.values()))
    rates = {rate: share for rate, share in zip(open_yen, shares, strict=True) if share}
    return TakenOff(code, coupon, rates, 0, "" if rates else "nothing is left to take off")


def _lines_of(
    coupon: Coupon, lines: Sequence[LineItem], fits: Fits
) -> tuple[list[LineItem], str | None]:
    """The lines it is about; a line that cannot be judged stops the whole coupon."""
    found = []
    for line in lines:
        verdict = Verdict(True) if coupon.lines is None else fits(coupon, line)
        if verdict.fault:
            return [], f"line {line.id}: {verdict.fault}"
        if verdict.applies and coupon.gift in (None, line.jan):
            found.append(line)
    return found, None


def _worth(coupon: Coupon, lines: Sequence[LineItem], most: int) -> int:
    """Yen it takes off these lines, of which so many are left."""
    if coupon.yen is not None:
        return min(coupon.yen, most)
    if coupon.percent is not None:
        yen = most * coupon.percent // 100
        return yen if coupon.cap_yen is None else min(yen, coupon.cap_yen)
    return min(most, max(_piece(line) for line in lines))


def _piece(line: LineItem) -> int:
    """Tax-included yen of one piece."""
    tax = 0 if line.tax_included else tax_upon(line.amount, line.tax_rate)
    return (line.amount + tax) // max(1, line.quantity)
