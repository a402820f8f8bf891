"""/pos/v1: what a register asks and books; every answer comes from services/till/till.py."""

from typing import Annotated

from fastapi import APIRouter, Path

from renkei.web.auth import SCHEMES, Reader, TerminalRoute, Writer
from renkei.web.manner import KEYED, How, Training
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei_contracts.till import (
    CommitAnswer,
    CommitRequest,
    CouponHoldAnswer,
    CouponHoldRequest,
    CouponReleaseRequest,
    HoldAnswer,
    HoldRequest,
    MemberAnswer,
    MemberHits,
    NewCard,
    QuoteAnswer,
    QuoteRequest,
    ResolveMember,
)

ALWAYS = (
    "unauthorized",
    "clock_skew",
    "nonce_reused",
    "token_expired",
    "scope_missing",
    "till_not_named",
    "till_unknown",
    "body_timeout",
    "body_too_large",
    "content_type_unsupported",
    "request_invalid",
    "internal",
    "unavailable",
)
"""What any operation of a register may meet."""

HoldId = Annotated[str, Path(pattern=r"^hld_[0-9A-Za-z]{1,64}_[0-9]{1,18}$")]

router = APIRouter(prefix="/pos/v1", route_class=TerminalRoute, tags=["till"], dependencies=SCHEMES)


@router.post(
    "/members:resolve",
    summary="Find a member by card, phone or mail",
    responses=documented(
        *ALWAYS,
        "member_not_found",
        "member_ambiguous",
        "member_not_active",
        "lookups_exhausted",
        "qr_invalid",
        "qr_expired",
        "qr_used",
    ),
)
async def resolve(ask: ResolveMember, terminal: Reader, hub: TheHub) -> MemberAnswer:
    """The member, masked, with what they can spend in this channel."""
    return await hub.till.resolve(terminal, ask)


@router.post(
    "/members:search",
    summary="Who may be meant by a phone number or address",
    responses=documented(*ALWAYS, "lookups_exhausted"),
)
async def search(ask: ResolveMember, terminal: Reader, hub: TheHub) -> MemberHits:
    """A short list, masked, for the customer to say which; then resolve by `member`."""
    return await hub.till.search(terminal, ask)


@router.post(
    "/members",
    summary="Give out a card",
    responses=documented(*ALWAYS, "card_taken", "member_not_active", "lookups_exhausted", "busy"),
)
async def issue(
    ask: NewCard, terminal: Writer, hub: TheHub, training: Training = False
) -> MemberAnswer:
    """A temporary member who earns from now on and may claim the card later."""
    return await hub.till.issue(terminal, ask, training)


@router.post(
    "/quotes",
    summary="What a basket earns and may use",
    responses=documented(*ALWAYS, "member_not_found"),
)
async def quote(ask: QuoteRequest, terminal: Reader, hub: TheHub) -> QuoteAnswer:
    """Books nothing and binds nobody."""
    return await hub.till.quote(terminal, ask)


@router.post(
    "/holds",
    summary="Set points aside for a sale",
    responses=documented(*ALWAYS, *KEYED, "member_not_found", "insufficient_points", "busy"),
)
async def hold(ask: HoldRequest, terminal: Writer, how: How, hub: TheHub) -> HoldAnswer:
    """The same key with the same content gives the first answer again."""
    return await hub.till.hold(terminal, ask, how)


@router.post(
    "/holds/{hold}:release",
    summary="Give a hold back",
    responses=documented(*ALWAYS, *KEYED, "hold_not_found", "busy"),
)
async def release(hold: HoldId, terminal: Writer, how: How, hub: TheHub) -> HoldAnswer:
    """Releasing again, or a hold that has ended, changes nothing."""
    return await hub.till.release(terminal, hold, how)


COUPON_REFUSALS = (
    "coupon_not_found",
    "coupon_of_other_member",
    "coupon_used",
    "coupon_held",
    "coupon_not_usable",
)


@router.post(
    "/coupons:hold",
    summary="Set a coupon aside for a sale",
    responses=documented(*ALWAYS, *KEYED, *COUPON_REFUSALS, "member_not_found", "busy"),
)
async def hold_coupon(
    ask: CouponHoldRequest, terminal: Writer, how: How, hub: TheHub
) -> CouponHoldAnswer:
    """Again by the same till prolongs it; a sale of that till uses it, or it lapses."""
    return await hub.till.hold_coupon(terminal, ask, how)


@router.post(
    "/coupons:release",
    summary="Give a coupon back",
    responses=documented(*ALWAYS, *KEYED, "coupon_not_found", "coupon_held", "busy"),
)
async def release_coupon(
    ask: CouponReleaseRequest, terminal: Writer, how: How, hub: TheHub
) -> CouponHoldAnswer:
    """Releasing again, or a coupon that is not set aside, changes nothing."""
    return await hub.till.release_coupon(terminal, ask, how)


@router.post(
    "/transactions",
    summary="Book a finished sale, or restate one",
    responses=documented(
        *ALWAYS,
        *KEYED,
        "member_not_found",
        "insufficient_points",
        "points_exceed_total",
        "points_without_member",
        *COUPON_REFUSALS,
        "coupon_without_member",
        "coupons_not_combinable",
        "hold_not_found",
        "hold_of_other_member",
        "hold_used",
        "points_not_usable",
        "refund_exceeds_sale",
        "allowance_not_found",
        "allowance_of_other_member",
        "allowance_counter",
        "allowance_over",
        "allowance_exceeded",
        "sale_of_other_till",
        "busy",
    ),
)
async def commit(ask: CommitRequest, terminal: Writer, how: How, hub: TheHub) -> CommitAnswer:
    """The same receipt and revision give the first answer again; a higher revision restates."""
    return await hub.till.commit(terminal, ask, how)
