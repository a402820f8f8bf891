"""Activity points: points for something other than a purchase, each with its caps. Pure."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from renkei.loyalty.named import Named
from renkei.loyalty.terms import Whole
from renkei_contracts.base import Slug
from renkei_contracts.point import ActivitySeen

Times = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Month = Annotated[int, Field(strict=True, ge=1, le=12)]


class Activity(Named):
    """``points`` each time a member does it, at most so often a day, a month, or at all.

    ``per_object`` bounds how often the same object counts (a product, an article, a store), ever;
    ``per_receipt`` how often it counts for one sale. What names none counts as one and the same.
    The points are ordinary ones unless ``point_type`` names another.
    With ``months`` (1 to 12) it counts in these months of each year only.
    """

    points: Whole
    per_day: Times | None = None
    per_month: Times | None = None
    per_lifetime: Times | None = None
    per_object: Times | None = None
    per_receipt: Times | None = None
    point_type: Slug | None = None
    months: tuple[Month, ...] = ()

    def counts_in(self, month: int) -> bool:
        """Whether it gives something in this month of the year."""
        return not self.months or month in self.months


class Cap(NamedTuple):
    """One cap of an activity for a member: its quota's scope and period, how often, in words."""

    scope: str
    period: str
    times: int
    words: str


def caps_of(activity: Activity, program: str, seen: ActivitySeen, zone: ZoneInfo) -> Iterator[Cap]:
    """The caps that count for this member, object, sale and moment; days, months in the zone."""
    scope = f"activity/{program}/{activity.name}/{seen.member}"
    local = seen.occurred_at.astimezone(zone)
    if activity.per_day is not None:
        yield Cap(scope, local.strftime("%Y-%m-%d"), activity.per_day, "a day")
    if activity.per_month is not None:
        yield Cap(scope, local.strftime("%Y-%m"), activity.per_month, "a month")
    if activity.per_lifetime is not None:
        yield Cap(scope, "all", activity.per_lifetime, "in all")
    if activity.per_object is not None:
        yield Cap(f"{scope}/{seen.object}", "all", activity.per_object, "for one object")
    if activity.per_receipt is not None:
        yield Cap(scope, f"receipt {seen.receipt}", activity.per_receipt, "for one receipt")
