"""Coupons (ショップクーポン) by their code: for one use, and for whole days only."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from renkei_colorme import wire
from renkei_colorme.client import ColormeClient
from renkei_colorme.settings import ColormeSettings
from renkei_contracts.connection import Connection
from renkei_contracts.errors import (
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    Rejected,
    UnsupportedFeature,
)
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.transport import json_of
from renkei_contracts.toolkit.wire import parse

PATH = "/v1/shop_coupons"

CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Codes that are surely taken; what else may be in one is not documented."""

DAY = timedelta(days=1)
YEN, USABLE = "amount", "available"


class ColormeCoupons:
    """A code is looked for before it is made, so that asking again makes no second coupon."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._now = connection.now
        self._client = ColormeClient(connection)

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        """Make it, for one use; it ends with the last day that is over by ``until``."""
        if not CODE.fullmatch(code):
            raise UnsupportedFeature("a code must be letters, digits, hyphens and underscores")
        starts, ends = days(self._now(), until)
        found = await self._find(code)
        if found is None:
            coupon = _coupon(code, yen, starts, ends)
            await self._client.write("POST", PATH, {"shop_coupon": coupon})
        elif (found.coupon_type, found.discount_amount, found.status) != (YEN, yen, USABLE):
            raise Rejected("the shop has another coupon of this code: take another code")

    async def revoke(self, code: str) -> None:
        """A coupon that is not there is as good as taken back."""
        found = await self._find(code)
        if found is None:
            return
        try:
            await self._client.write("DELETE", f"{PATH}/{found.id}")
        except NotFound:
            return

    async def _find(self, code: str) -> wire.Coupon | None:
        # Part of a write: where it breaks off, whether the coupon is there is what nobody knows.
        answer = await self._client.write("GET", PATH)
        told = parse(wire.Coupons, json_of(answer), "coupons")
        found = next((one for one in _understood(told) if one.code == code), None)
        if found is None and told.meta is not None and told.meta.total > len(told.shop_coupons):
            raise OutcomeUnknown("the shop lists only some of its coupons: it may have this one")
        return found


def days(now: datetime, until: datetime) -> tuple[date, date]:
    """The first and the last day in Japan; the first must be before the last, and may be over."""
    today = now.astimezone(JST).date()
    last = until.astimezone(JST).date() - DAY
    if last < today:
        raise UnsupportedFeature("a coupon of Color Me Shop ends with a day: until is too early")
    return min(today, last - DAY), last


def _coupon(code: str, yen: int, starts: date, ends: date) -> dict[str, object]:
    return {
        "name": code,
        "code": code,
        "coupon_type": YEN,
        "discount_amount": yen,
        "starts_at": starts.isoformat(),
        "ends_at": ends.isoformat(),
        "total_usage_limit": 1,
        "usage_limit": "disposable",
        "group_limit_type": "none",
        "status": USABLE,
    }


def _understood(told: wire.Coupons) -> Iterator[wire.Coupon]:
    """Coupons of the shop's own making may be of kinds that we do not know."""
    for row in told.shop_coupons:
        try:
            yield parse(wire.Coupon, row, "coupon")
        except PayloadInvalid:
            if not isinstance(row.get("code"), str):
                raise
