"""A draft of a program replayed over stored orders, beside what was booked for them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.keys import ClaimKey, OrderKey, QuotaKey
from renkei.ledger.quotas import Quota, claim
from renkei.ledger.staged import NewRefund
from renkei.loyalty.coupon import NO_TERMS, Coupon
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.printed import as_printed
from renkei.loyalty.program import Program
from renkei.loyalty.refunds import effective
from renkei.services.circumstances import in_place, knows_products, read_circumstances
from renkei.services.members.stored_members import read_members
from renkei.services.orders.budgets import bounded
from renkei.services.points.member_coupons import coupons_named
from renkei.services.target import facts_of_a_member
from renkei.storage.engine import Database
from renkei_contracts.order import Order

MANY = 500
"""Orders that are read from the database at once."""

STORED = """
SELECT o.member_id, c.company_id, CAST(o.document AS text) AS document, o.facts, o.program_version,
       coalesce(s.earned, 0) AS booked,
       (SELECT json_agg(r.document ORDER BY r.recorded_at, r.refund_ref) FROM refund r
        WHERE (r.connection_id, r.order_ref) = (o.connection_id, o.order_ref)) AS refunds
FROM orders o JOIN connection c USING (connection_id)
LEFT JOIN settled s USING (connection_id, order_ref, member_id)
WHERE c.program_id = :id AND o.placed_at >= :since AND o.placed_at >= c.settles_from
  AND o.member_id IS NOT NULL AND o.revision > 0
  AND o.same_connection IS NULL AND o.doubt_connection IS NULL
ORDER BY o.placed_at, o.connection_id, o.order_ref"""
"""Every order that is counted, in the order in which they were placed, and what is booked now."""


class Replayed(NamedTuple):
    """An order with what it earned and what the draft gives for it, in points."""

    order: OrderKey
    member: str
    booked: int
    draft: int


@dataclass(frozen=True)
class BackTest:
    """What a draft would have given for stored orders, beside what was booked. Points are whole."""

    orders: int
    members: int
    booked: int
    draft: int
    more: int
    fewer: int
    yen_per_point: int

    @property
    def cost(self) -> int:
        """Yen that the draft would have cost more (or less, below zero)."""
        return (self.draft - self.booked) * self.yen_per_point


@dataclass(frozen=True)
class _Budgets:
    """Quotas of the draft's campaigns as they fill up; nobody's books know of them."""

    quotas: dict[QuotaKey, Quota] = field(default_factory=dict)

    def claim(self, key: ClaimKey, wanted: int, limit: int | None = None) -> int:
        """Each order claims once."""
        quota = self.quotas.get(key[:2]) or Quota(limit or 0, 0)
        self.quotas[key[:2]], given = claim(quota, 0, wanted)
        return given


async def back_test(
    database: Database, program: Program, since: datetime, *, by_now: bool = False
) -> BackTest:
    """What this draft would have given for the orders placed since; nothing is booked.

    Each order is settled once, as it is now, in the order in which they were placed: that is how
    campaigns' budgets are counted. ``by_now``: with the facts and products that were stated after
    their sales, too.
    """
    orders = booked = draft = more = fewer = 0
    members: set[str] = set()
    async for one in replayed(database, program, since, by_now=by_now):
        orders, booked, draft = orders + 1, booked + one.booked, draft + one.draft
        more, fewer = more + (one.draft > one.booked), fewer + (one.draft < one.booked)
        if one.draft != one.booked:
            members.add(one.member)
    yen = program.redeem.yen_per_point
    return BackTest(orders, len(members), booked, draft, more, fewer, yen)


async def replayed(
    database: Database, program: Program, since: datetime, *, by_now: bool = False
) -> AsyncIterator[Replayed]:
    """Each counted order placed since then, by the draft."""
    budgets = _Budgets()
    async with database.engine.connect() as conn, database.engine.connect() as beside:
        products = await knows_products(beside)
        stored = await read_members(beside, program, since)
        stream = await conn.stream(text(STORED), {"id": program.id, "since": since})
        async for rows in stream.partitions(MANY):
            orders = [_as_it_is(row.document, row.refunds) for row in rows]
            around = await read_circumstances(
                beside, orders, program, products=products, by_now=by_now
            )
            terms = await _terms(beside, orders)
            for row, sold in zip(rows, orders, strict=True):
                kept = stored.kept(row.member_id, sold.placed_at, row.facts, row.program_version)
                facts = facts_of_a_member(row.company_id, kept, terms if sold.coupons else NO_TERMS)
                facts = in_place(facts, sold, program, *around)
                result = evaluate_order(sold, program, facts)
                given = bounded(budgets, result, sold, program, row.member_id)
                told = Order.model_validate_json(row.document)
                draft = as_printed(given, told, sold, program).earned
                key = (sold.ref.connection, sold.ref.id)
                yield Replayed(key, row.member_id, row.booked, draft)


async def _terms(conn: AsyncConnection, orders: Iterable[Order]) -> Mapping[str, Coupon]:
    """What the coupons that these orders used say, by code."""
    codes = sorted({code for order in orders for code in order.coupons})
    used = await coupons_named(conn, codes) if codes else []
    return {one.coupon.code: one.terms for one in used}


def _as_it_is(document: str, refunds: list[Any] | None) -> Order:
    """The stored order less the refunds that were told apart from it."""
    known = Order.model_validate_json(document)
    if not refunds:
        return known
    order = (known.ref.connection, known.ref.id)
    return effective(known, [NewRefund((*order, ""), b"", one) for one in refunds])
