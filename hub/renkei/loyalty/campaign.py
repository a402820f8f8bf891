"""Campaigns: a dated condition that changes what is earned, within limits."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from renkei.loyalty.condition import LineCondition, OrderCondition
from renkei.loyalty.named import Named
from renkei.loyalty.terms import Whole
from renkei_contracts.base import Instant, Slug


class Campaign(Named):
    """For orders placed from ``starts`` until before ``ends`` for which ``when`` is true.

    The benefit is one of: ``percent`` of the points its lines earn (200: double points), ``points``
    per ``per_yen`` of its lines, ``fixed`` points for the order, or a ``coupon`` of that name.
    ``lines`` limits it to some. Points are ordinary ones unless ``point_type`` names another.
    ``best`` campaigns compete, of ``multiply`` the percents are multiplied, ``add`` stands beside
    all others. ``budget`` is for all members together, ``per_member`` for each member and period:
    points, or how many coupons.
    ``funded_by`` says who pays.
    """

    when: OrderCondition = "true"
    lines: LineCondition | None = None
    starts: Instant | None = None
    ends: Instant | None = None
    percent: Annotated[int, Field(strict=True, ge=101, le=10_000)] | None = None
    points: Whole | None = None
    per_yen: Whole = 100
    fixed: Whole | None = None
    coupon: Slug | None = None
    point_type: Slug | None = None
    stacking: Literal["best", "add", "multiply"] = "add"
    budget: Whole | None = None
    per_member: Whole | None = None
    member_period: Literal["day", "month", "year", "campaign"] = "campaign"
    funded_by: Slug = "head-office"

    @model_validator(mode="after")
    def _one_benefit(self) -> Self:
        benefits = (self.percent, self.points, self.fixed, self.coupon)
        if sum(one is not None for one in benefits) != 1:
            raise ValueError(
                f"campaign {self.name}: give exactly one of percent, points, fixed, coupon"
            )
        if self.coupon is not None and self.point_type is not None:
            raise ValueError(f"campaign {self.name}: a coupon has no point type")
        if self.stacking == "multiply" and self.percent is None:
            raise ValueError(f"campaign {self.name}: only percents can be multiplied")
        if self.starts and self.ends and self.starts >= self.ends:
            raise ValueError(f"campaign {self.name}: ends before it starts")
        return self

    def runs_at(self, at: datetime) -> bool:
        """Whether an order placed at that instant lies in its dates."""
        return (self.starts is None or self.starts <= at) and (self.ends is None or at < self.ends)

    @property
    def is_limited(self) -> bool:
        """Whether quotas bound it."""
        return self.budget is not None or self.per_member is not None
