"""A program: one points currency with its rules, as a frozen document."""

import re
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, model_validator

from renkei.ledger.target import TypedEarn
from renkei.loyalty.activity import Activity
from renkei.loyalty.calendar import midnight_after
from renkei.loyalty.campaign import Campaign
from renkei.loyalty.coupon import Coupon
from renkei.loyalty.offline import Offline
from renkei.loyalty.override import Override
from renkei.loyalty.reward import Reward
from renkei.loyalty.shipping import Shipping
from renkei.loyalty.terms import Earn, Expiry, PointType, Redeem
from renkei.loyalty.tiers import Tiers
from renkei_contracts.base import Canonical, Slug, Text


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{name!r:.40} is no time zone, such as Asia/Tokyo") from error
    return name


class Program(Canonical):
    """The rules of one version of a program.

    ``spend_first`` are point types in the order in which they are spent before all others;
    ``campaign_cap_percent`` bounds what all campaigns together add to an order's own points.
    """

    id: Slug = "default"
    title: Text = "Points"
    zone: Annotated[Text, AfterValidator(_known_zone)] = "Asia/Tokyo"
    earn: Earn = Earn()
    expiry: Expiry = Expiry()
    redeem: Redeem = Redeem()
    spend_first: tuple[Slug, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    campaign_cap_percent: int | None = None
    activities: tuple[Activity, ...] = ()
    tiers: Tiers = Tiers()
    coupons: tuple[Coupon, ...] = ()
    rewards: tuple[Reward, ...] = ()
    point_types: tuple[PointType, ...] = ()
    shipping: Shipping = Shipping()
    override: Override = Override()
    offline: Offline = Offline()

    @model_validator(mode="before")
    @classmethod
    def _first_format(cls, document: Any) -> Any:
        """Documents that were published before programs had parts are read as they are."""
        return lifted(document) if isinstance(document, dict) else document

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        kinds = [one.name for one in self.activities]
        if len(kinds) != len({*kinds}):
            raise ValueError("two activities share a name")
        names = [*(one.name for one in self.campaigns), *(one.name for one in self.earn.rates)]
        if len(names) != len({*names}):
            raise ValueError("two campaigns or rates share a name")
        return self

    @model_validator(mode="after")
    def _coupons_are_there(self) -> Self:
        names = [one.name for one in self.coupons]
        rewards = [one.name for one in self.rewards]
        if len(names) != len({*names}) or len(rewards) != len({*rewards}):
            raise ValueError("two coupons or two rewards share a name")
        givers = [(f"campaign {one.name}", one.coupon) for one in self.campaigns if one.coupon]
        givers += [(f"reward {one.name}", one.coupon) for one in self.rewards]
        givers += [(f"tier {one.name}", one.coupon) for one in self.tiers.levels if one.coupon]
        for giver, name in givers:
            if name not in names:
                raise ValueError(f"{giver} gives coupon {name}, which the program does not have")
        return self

    @model_validator(mode="after")
    def _point_types_are_there(self) -> Self:
        names = [one.name for one in self.point_types]
        if len(names) != len({*names}):
            raise ValueError("two point types share a name")
        givers = [(one.name, one.point_type) for one in self.campaigns]
        givers += [(one.name, one.point_type) for one in self.activities]
        for giver, name in givers:
            if name is not None and name not in names:
                raise ValueError(f"{giver} gives points of type {name}, which is not there")
        return self

    def point_type(self, name: str) -> PointType:
        """The point type of this name, which the document has."""
        return next(one for one in self.point_types if one.name == name)

    def typed(self, name: str, points: int, at: datetime) -> TypedEarn:
        """So many points of this type, earned at that instant, with the type's own life."""
        kind = self.point_type(name)
        slides = kind.expiry.months if kind.expiry.kind == "sliding" else None
        ends = kind.expiry.end(self._day(at), self.clock)
        return TypedEarn(name, points, ends, slides, kind.only_at)

    def coupon(self, name: str) -> Coupon | None:
        """The kind of coupon of this name."""
        return next((one for one in self.coupons if one.name == name), None)

    @cached_property
    def asks_for_places(self) -> bool:
        """Whether a condition speaks of the store's day or of facts."""
        return self._speaks_of("today", "birthday_today", "facts")

    @cached_property
    def asks_for_products(self) -> bool:
        """Whether a condition or an exclusion speaks of canonical products."""
        return bool(self.earn.barred) or self._speaks_of("classes", "jan", "jans")

    def _speaks_of(self, *names: str) -> bool:
        """Whether one of these words stands anywhere: in a title, too much is loaded, no harm."""
        return re.search(rf"\b({'|'.join(names)})\b", self.model_dump_json()) is not None

    @cached_property
    def asks_of_members(self) -> frozenset[str]:
        """What its conditions ask of a member's past: names of MemberFacts.

        A name that stands in a text and not in a condition is asked for in vain, which is harmless.
        """
        named = {*MEMBER_NAME.findall(self.model_dump_json())}
        asked = {fact for name, fact in MEMBER_FACTS.items() if name in named}
        return frozenset(asked if self.tiers.levels else asked - {"tier"})

    @property
    def clock(self) -> ZoneInfo:
        """The zone of its days and months."""
        return ZoneInfo(self.zone)

    def usable_from(self, at: datetime) -> datetime:
        """When points of a sale at that instant can first be used."""
        if self.earn.usable == "at_once":
            return at
        days = self.earn.usable_days - 1 if self.earn.usable == "days_later" else 0
        return midnight_after(self._day(at) + timedelta(days=days), self.clock)

    @property
    def slides_months(self) -> int | None:
        """How long points live after an activity; None: their end is fixed, or never comes."""
        return self.expiry.months if self.expiry.kind == "sliding" else None

    def expires_at(self, at: datetime) -> datetime | None:
        """The instant at which points of a sale at that instant end, if nothing moves it."""
        return self.expiry.end(self._day(at), self.clock)

    def restored_until(self, now: datetime) -> datetime:
        """The end of points given back today to a lot that is over."""
        return midnight_after(self._day(now) + timedelta(days=self.expiry.restore_days), self.clock)

    def period_of(self, at: datetime) -> str:
        """The month an instant lies in, in the program's zone: ``2026-11``."""
        return self._day(at).isoformat()[:7]

    def year_of(self, at: datetime) -> str:
        """The year an instant lies in, in the program's zone: ``2026``."""
        return self._day(at).isoformat()[:4]

    def day_of(self, at: datetime) -> str:
        """The day an instant lies in, in the program's zone: ``2026-11-26``."""
        return self._day(at).isoformat()

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.clock).date()


MEMBER_NAME = re.compile(r"\bmember\s*\.\s*(\w+)")

MEMBER_FACTS = {
    "tier": "tier",
    "birth_month": "birthday",
    "birthday_today": "birthday",
    "first_purchase": "first_purchase",
}
"""The names of conditions, after ``member.``, that need a member's past, and the fact they need."""


FIRST_FORMAT = {
    "points": ("earn", "points"),
    "per_yen": ("earn", "per_yen"),
    "base": ("earn", "base"),
    "usable": ("earn", "usable"),
    "expires_months": ("expiry", "months"),
    "yen_per_point": ("redeem", "yen_per_point"),
    "restore_days": ("expiry", "restore_days"),
}
"""Where the fields of the first format stand now."""


def lifted(document: dict[str, Any]) -> dict[str, Any]:
    """A document of the first format, or one of today, as one of today."""
    old = {name: document[name] for name in FIRST_FORMAT if name in document}
    if isinstance(document.get("expiry"), str):
        old["expiry"] = document["expiry"]
    if not old:
        return document
    lifted = {name: value for name, value in document.items() if name not in old}
    parts: dict[str, dict[str, Any]] = {"earn": {}, "expiry": {}, "redeem": {}}
    for name, value in old.items():
        if name in FIRST_FORMAT:
            part, field = FIRST_FORMAT[name]
            parts[part][field] = value
    if "expiry" in old:
        parts["expiry"]["kind"] = old["expiry"]
    if old.get("expires_months", 0) is None:
        parts["expiry"] |= {"kind": "never", "months": 0}
    return lifted | {name: part for name, part in parts.items() if part}


DEFAULT = Program()
"""What a new installation starts with: 1 point per ¥100, net of tax; 1 point is ¥1."""
