"""A member's coupons as a register sees them: listed when looked up, tried in a quote."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.books import Channel
from renkei.ledger.coupons import IssuedCoupon, coupon_of
from renkei.ledger.queries import COUPONS, COUPONS_OF
from renkei.ledger.world import ProgramVersion
from renkei.loyalty.coupon import Coupon, TakenOff
from renkei.loyalty.evaluation import Evaluation
from renkei.services.points.coupon_holds import IN_WORDS, are_combinable, bar, shown
from renkei.services.rules import rules_of
from renkei_contracts.till import MemberCoupon, QuotedCoupon

VERSIONS = """
SELECT program_id, version, in_force_from, CAST(document AS text)
FROM program_version JOIN json_to_recordset(CAST(:keys AS json)) AS x(p text, v int)
  ON (program_id, version) = (x.p, x.v)"""


class Found(NamedTuple):
    """A coupon with its terms."""

    coupon: IssuedCoupon
    terms: Coupon


class Tried(NamedTuple):
    """The coupons a basket would use, and why others are none of them, by code."""

    usable: dict[str, Coupon]
    why_not: dict[str, str]
    found: dict[str, Found]


async def coupons_of(conn: AsyncConnection, members: Sequence[str]) -> list[Found]:
    """The coupons of these members that are not used, taken back or over, soonest end first."""
    rows = (await conn.execute(text(COUPONS_OF), {"ids": list(members)})).all()
    return await _with_terms(conn, [coupon_of(row) for row in rows])


async def coupons_named(conn: AsyncConnection, codes: Iterable[str]) -> list[Found]:
    """The coupons of these codes, whosever they are."""
    values = {"codes": json.dumps(list(codes)), "keys": "[]"}
    rows = (await conn.execute(text(COUPONS), values)).all()
    return await _with_terms(conn, [coupon_of(row) for row in rows])


def listed(
    found: Iterable[Found], channel: Channel, holder: str, now: datetime
) -> tuple[MemberCoupon, ...]:
    """As a register shows them, each with what is in its way here and now."""
    return tuple(
        shown(coupon, terms, bar(coupon, terms, channel, holder, now)) for coupon, terms in found
    )


def tried(
    found: Sequence[Found],
    codes: Iterable[str],
    members: Collection[str],
    channel: Channel,
    holder: str,
    now: datetime,
) -> Tried:
    """Which of these codes a sale of these members could use here and now."""
    by_code = {one.coupon.code: one for one in found if one.coupon.member in members}
    why_not = {code: "この会員のクーポンではありません" for code in codes if code not in by_code}
    for code, (coupon, terms) in by_code.items():
        barred = bar(coupon, terms, channel, holder, now)
        if barred is not None:
            why_not[code] = IN_WORDS[barred]
    usable = {code: one.terms for code, one in by_code.items() if code not in why_not}
    if not are_combinable(list(usable.values())):
        why_not |= dict.fromkeys(usable, "他のクーポンと併用できません")
        usable = {}
    return Tried(usable, why_not, by_code)


def quoted(codes: Iterable[str], tried: Tried, result: Evaluation) -> tuple[QuotedCoupon, ...]:
    """What each of these coupons takes off, with the reason."""
    off = {one.code: one for one in result.coupons}
    return tuple(_quoted(code, tried, off.get(code)) for code in codes)


def _quoted(code: str, tried: Tried, off: TakenOff | None) -> QuotedCoupon:
    found = tried.found.get(code)
    reason = tried.why_not.get(code) or (_nothing_off(off.coupon) if off and off.why_not else "")
    return QuotedCoupon(
        code=code,
        name=found.coupon.kind if found else "",
        title=found.terms.called if found else "",
        value=off.yen if off else 0,
        reason=reason or (found.terms.benefit if found else ""),
    )


def _nothing_off(terms: Coupon) -> str:
    """Why it takes nothing off this basket, as a cashier reads it."""
    least = f"(対象商品{terms.minimum:,}円以上)" if terms.minimum else ""
    return f"この会計には値引きの対象がありません{least}"


async def _with_terms(conn: AsyncConnection, coupons: Sequence[IssuedCoupon]) -> list[Found]:
    wanted = sorted({(one.program, one.program_version) for one in coupons})
    if not wanted:
        return []
    keys = json.dumps([{"p": program, "v": version} for program, version in wanted])
    rows = (await conn.execute(text(VERSIONS), {"keys": keys})).all()
    rules = {(row[0], row[1]): rules_of(ProgramVersion(*row)) for row in rows}
    kinds = [rules[one.program, one.program_version].coupon(one.kind) for one in coupons]
    return [Found(one, terms) for one, terms in zip(coupons, kinds, strict=True) if terms]
