"""What conditions may speak of: every name with its type and meaning, and its values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from cel_expr_python import cel

from renkei.loyalty.calendar import business_day, days_meant, is_birthday, is_holiday, month_end
from renkei.loyalty.products import codes_of, jan
from renkei_contracts.order import LineItem, Order
from renkei_contracts.toolkit.japanese import fold

if TYPE_CHECKING:
    from renkei.loyalty.coupon import Coupon

T = cel.Type
STRINGS = T.List(T.STRING)


class Name(NamedTuple):
    """A name of the context: its type and what it means."""

    type: Any
    meaning: str


ORDER_NAMES: Mapping[str, Name] = {
    "order.total": Name(
        T.INT, "yen, tax included, as the sale is now, after coupons, before points"
    ),
    "order.quantity": Name(T.INT, "pieces that are still sold"),
    "order.points_used": Name(T.INT, "points this sale is paid with"),
    "order.channel": Name(T.STRING, "the connection the sale was made in"),
    "order.store": Name(T.STRING, "the store, empty online"),
    "order.company": Name(T.STRING, "the company that sells"),
    "order.tenders": Name(STRINGS, "the kinds of payment"),
    "order.classes": Name(STRINGS, "the product classes of all lines"),
    "order.jans": Name(STRINGS, "the JAN codes of all lines"),
    "order.pickup": Name(T.BOOL, "ordered online, collected in a store"),
    "member.known": Name(T.BOOL, "whether the sale has a member"),
    "member.tier": Name(T.STRING, "the member's tier when the sale was first seen, or empty"),
    "member.birth_month": Name(T.INT, "1 to 12, 0 when unknown"),
    "member.birthday_today": Name(T.BOOL, "29 February counts on the 28th of other years"),
    "member.first_purchase": Name(T.BOOL, "no earlier sale of this member"),
    "member.segments": Name(STRINGS, "the segments the member is in"),
    "today.year": Name(T.INT, "of the store's business day, as all of these but the hour"),
    "today.month": Name(T.INT, "1 to 12"),
    "today.day": Name(T.INT, "1 to 31"),
    "today.weekday": Name(T.INT, "Monday is 1, Sunday 7"),
    "today.days": Name(
        T.List(T.INT), "the day; on a month's last one also those the month has not: 30 in February"
    ),
    "today.last_of_month": Name(T.BOOL, "the month's last day"),
    "today.holiday": Name(T.BOOL, "a public holiday of Japan, substitutes included"),
    "today.hour": Name(T.INT, "0 to 23, in the program's zone"),
    "facts": Name(
        T.Map(T.STRING, T.BOOL), 'dated facts, as facts["rain"]; a missing one is unknown'
    ),
}
"""What an order's condition may speak of."""

LINE_NAMES: Mapping[str, Name] = {
    "line.jan": Name(T.STRING, "JAN, 13 or 8 digits, or empty"),
    "line.sku": Name(T.STRING, "the vendor's SKU"),
    "line.title": Name(T.STRING, "as the vendor writes it"),
    "line.classes": Name(STRINGS, "classes of the canonical product"),
    "line.amount": Name(T.INT, "yen of what is still sold"),
    "line.quantity": Name(T.INT, "pieces that are still sold"),
    "line.tax_rate": Name(T.INT, "basis points: 800, 1000"),
}
"""What a line's condition may speak of besides."""


@dataclass(frozen=True)
class MemberFacts:
    """What was known of the member when the order was first evaluated; kept with the order.

    ``birthday`` is in any year. ``segments`` are None while nothing says in which the member is: a
    condition that speaks of them cannot be decided.
    """

    tier: str = ""
    birthday: date | None = None
    first_purchase: bool = False
    segments: tuple[str, ...] | None = None


NOBODY = MemberFacts(segments=())
"""What conditions see of a sale without a member."""


@dataclass(frozen=True)
class Facts:
    """Everything besides the order itself. ``stated`` are dated facts that hold for its place.

    ``sources`` say who stated them. ``classes`` are of canonical products, by JAN or SKU; ``jans``
    the JANs of those that are sold by SKU. ``day_ends`` is how long after midnight the store's day
    ends.
    ``coupons`` are those the order uses, by code, as far as they are known.
    """

    member: MemberFacts | None = None
    company: str = ""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jans: Mapping[str, str] = field(default_factory=dict)
    stated: Mapping[str, bool] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    day_ends: timedelta = timedelta()
    coupons: "Mapping[str, Coupon]" = field(default_factory=dict)

    def classes_of(self, line: LineItem) -> tuple[str, ...]:
        """The classes of the line's canonical product, by JAN, else by SKU."""
        if not self.classes:
            return ()
        found = (self.classes.get(code) for code in codes_of(line))
        return next((classes for classes in found if classes), ())

    def jan_of(self, line: LineItem) -> str:
        """The line's JAN; where the vendor sends none, its canonical product's."""
        if line.jan:
            return jan(line.jan) or line.jan
        return self.jans.get(fold(line.sku), "") if self.jans else ""


def order_values(order: Order, facts: Facts, zone: ZoneInfo, total: int) -> dict[str, Any]:
    """The values of ORDER_NAMES for one order."""
    local = order.placed_at.astimezone(zone)
    day = business_day(order, zone, facts.day_ends)
    classes = {name for line in order.lines for name in facts.classes_of(line)}
    member = facts.member or NOBODY
    segments = {} if member.segments is None else {"member.segments": list(member.segments)}
    return {
        "order.total": total,
        "order.quantity": sum(line.quantity - line.returned_quantity for line in order.lines),
        "order.points_used": order.points_used,
        "order.channel": order.ref.connection,
        "order.store": order.location or (order.till.store if order.till else ""),
        "order.company": facts.company,
        "order.tenders": sorted({tender.kind for tender in order.tenders}),
        "order.classes": sorted(classes),
        "order.jans": sorted({facts.jan_of(line) for line in order.lines} - {""}),
        "order.pickup": order.pickup,
        "member.known": facts.member is not None,
        "member.tier": member.tier,
        "member.birth_month": member.birthday.month if member.birthday else 0,
        "member.birthday_today": is_birthday(member.birthday, day),
        "member.first_purchase": member.first_purchase,
        **segments,
        **_day_values(day),
        "today.hour": local.hour,
        "facts": dict(facts.stated),
    }


@lru_cache(maxsize=64)
def _day_values(day: date) -> Mapping[str, Any]:
    """Made once a day: many sales ask for it."""
    return {
        "today.year": day.year,
        "today.month": day.month,
        "today.day": day.day,
        "today.weekday": day.isoweekday(),
        "today.days": days_meant(day),
        "today.last_of_month": day == month_end(day),
        "today.holiday": is_holiday(day),
    }


def line_values(line: LineItem, facts: Facts) -> dict[str, Any]:
    """The values of LINE_NAMES for one line."""
    return {
        "line.jan": facts.jan_of(line),
        "line.sku": line.sku,
        "line.title": line.title,
        "line.classes": list(facts.classes_of(line)),
        "line.amount": line.amount - line.returned_amount,
        "line.quantity": line.quantity - line.returned_quantity,
        "line.tax_rate": line.tax_rate,
    }
