"""Discount codes for one use: what a hold or a coupon of the hub's is redeemed by at checkout."""

import re
from datetime import UTC, datetime

from renkei_contracts.connection import Connection
from renkei_contracts.errors import Rejected, UnsupportedFeature
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import documents
from renkei_shopify.client import ShopifyClient, named
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.wire_coupons import CodeDiscountNode, Done

CODE = re.compile(r"[A-Za-z0-9_-]{1,60}")
"""Codes that are surely taken; what else may be in one is not documented."""


class ShopifyCoupons:
    """A code is looked for before it is made, so that asking again makes no second discount."""

    codes_told = True

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._now = connection.now
        self._client = ShopifyClient(connection)

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        """Make it, for one use and everybody; beside the shop's own discounts, which it leaves."""
        if not CODE.fullmatch(code):
            raise UnsupportedFeature("a code must be letters, digits, hyphens and underscores")
        ends = until.astimezone(UTC).replace(microsecond=0)
        found = await self._find(code) or await self._make(code, yen, ends)
        if found is not None and not _is(found, code, yen, self._now()):
            raise Rejected("the store has another discount of this code: take another code")

    async def revoke(self, code: str) -> None:
        """A code that is not there is as good as taken back."""
        found = await self._find(code) if CODE.fullmatch(code) else None
        if found is None or found.only_code != code:
            return
        data = await self._client.run(documents.COUPON_REVOKE, {"id": found.id}, writes=True)
        done = parse(Done, data.get("discountCodeDelete"), "discountCodeDelete")
        if done.user_errors and await self._find(code) is not None:
            raise Rejected(f"Shopify keeps the discount ({_why(done)})")

    async def _make(self, code: str, yen: int, ends: datetime) -> CodeDiscountNode | None:
        """Make it; somebody else's of the same moment is given."""
        discount = _discount(code, yen, self._now(), ends)
        data = await self._client.run(documents.COUPON_ISSUE, {"discount": discount}, writes=True)
        done = parse(Done, data.get("discountCodeBasicCreate"), "discountCodeBasicCreate")
        if not done.user_errors:
            return None
        if "TAKEN" in {one.code for one in done.user_errors}:
            return await self._find(code)
        raise Rejected(f"Shopify makes no such discount ({_why(done)})")

    async def _find(self, code: str) -> CodeDiscountNode | None:
        """The discount of this code, in upper or lower case."""
        # Part of a write: where it breaks off, whether the code is there is what nobody knows.
        data = await self._client.run(documents.COUPON, {"code": code}, writes=True)
        node = named(data, "codeDiscountNodeByCode")
        return None if node is None else parse(CodeDiscountNode, node, "discount code")


def _discount(code: str, yen: int, starts: datetime, ends: datetime) -> dict[str, object]:
    amount = {"amount": str(yen), "appliesOnEachItem": False}
    return {
        "title": code,
        "code": code,
        "startsAt": starts.astimezone(UTC).isoformat(timespec="seconds"),
        "endsAt": ends.isoformat(timespec="seconds"),
        "usageLimit": 1,
        "appliesOncePerCustomer": True,
        "context": {"all": "ALL"},
        "customerGets": {"value": {"discountAmount": amount}, "items": {"all": True}},
        "combinesWith": {
            "orderDiscounts": True,
            "productDiscounts": True,
            "shippingDiscounts": True,
        },
    }


def _is(found: CodeDiscountNode, code: str, yen: int, now: datetime) -> bool:
    """Whether it is this coupon, which may have been issued with another end before."""
    told = found.code_discount
    worth = told.customer_gets.value.amount if told.customer_gets else None
    return (
        (found.only_code, told.usage_limit) == (code, 1)
        and told.ends_at is not None
        and told.ends_at > now
        and worth is not None
        and worth.amount == yen
    )


def _why(done: Done) -> str:
    return ", ".join(sorted({one.code or "no code" for one in done.user_errors}))
