"""/v1: what a merchant's own cart, app or site asks and tells (services/apps/application.py)."""

from typing import Annotated

from fastapi import APIRouter, Path

from renkei.services.apps import app_rewards, application, own_cart
from renkei.web.auth import (
    SCHEMES,
    ActivityTeller,
    FactTeller,
    Holder,
    MemberTeller,
    OrderTeller,
    QuoteReader,
    RewardTeller,
    TerminalRoute,
)
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS, HoldId
from renkei_contracts.application import (
    ActivityTold,
    CartExtend,
    CartHold,
    CartHoldAnswer,
    CartQuote,
    CustomerAnswer,
    FactsKept,
    FactsTold,
    HoldSeen,
    OrderAnswer,
    RewardUnwanted,
    RewardWanted,
)
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.point import ActivityAnswer, RewardAnswer
from renkei_contracts.till import HoldAnswer, QuoteAnswer

CouponCode = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$")]

router = APIRouter(prefix="/v1", route_class=TerminalRoute, tags=["v1"], dependencies=SCHEMES)


@router.post(
    "/quotes",
    name="cart_quote",
    summary="What a cart earns and may use, and why",
    responses=documented(*ALWAYS, "member_not_found"),
)
async def quote(ask: CartQuote, caller: QuoteReader, hub: TheHub) -> QuoteAnswer:
    """Books nothing and binds nobody; by the same rules as its sale."""
    return await application.quote(hub.till, caller, ask)


@router.post(
    "/activities",
    name="tell_activity",
    summary="Points for something other than a purchase",
    responses=documented(*ALWAYS, "member_not_found", "activity_unknown", "key_reused", "busy"),
)
async def activity(ask: ActivityTold, caller: ActivityTeller, hub: TheHub) -> ActivityAnswer:
    """The same key with the same content gives the first answer again; beyond a cap, no points."""
    return await application.activity(hub.till, caller, ask)


@router.post(
    "/rewards",
    name="exchange_reward",
    summary="Points for a reward's coupon",
    responses=documented(
        *ALWAYS,
        "member_not_found",
        "reward_unknown",
        "reward_exhausted",
        "insufficient_points",
        "key_reused",
        "busy",
    ),
)
async def reward(ask: RewardWanted, caller: RewardTeller, hub: TheHub) -> RewardAnswer:
    """The same key with the same content gives the first answer again, and the same coupon."""
    return await app_rewards.exchange(hub.till, caller, ask)


@router.post(
    "/rewards/{coupon}:return",
    name="return_reward",
    summary="An unused coupon back for its points",
    responses=documented(
        *ALWAYS,
        "member_not_found",
        "coupon_not_found",
        "coupon_of_other_member",
        "coupon_used",
        "coupon_not_exchanged",
        "busy",
    ),
)
async def return_reward(
    coupon: CouponCode, ask: RewardUnwanted, caller: RewardTeller, hub: TheHub
) -> RewardAnswer:
    """Points go back to the lots they came from; returning again changes nothing."""
    return await app_rewards.give_back(hub.till, caller, coupon, ask)


@router.post(
    "/facts",
    name="state_facts",
    summary="Facts that conditions speak of, such as rain in an area",
    responses=documented(*ALWAYS),
)
async def facts(ask: FactsTold, caller: FactTeller, hub: TheHub) -> FactsKept:
    """What was stated first for a place and day stays; sales made before are not judged anew."""
    return await application.facts(hub.till, caller, ask)


@router.post(
    "/members",
    name="tell_member",
    summary="A customer as they are now",
    responses=documented(*ALWAYS, "of_other_channel", "channel_of_vendor", "busy"),
)
async def member(told: Member, caller: MemberTeller, hub: TheHub) -> CustomerAnswer:
    """Finds the member by what is proven of them, or makes them one; again changes nothing."""
    return await own_cart.customer(hub.till, hub.connections, caller, told)


@router.post(
    "/holds",
    name="cart_hold",
    summary="Set points aside at checkout",
    responses=documented(
        *ALWAYS,
        "member_not_found",
        "insufficient_points",
        "points_not_usable",
        "key_reused",
        "busy",
    ),
)
async def hold(ask: CartHold, caller: Holder, hub: TheHub) -> CartHoldAnswer:
    """The same key with the same content gives the first answer again.

    In a vendor's shop that takes codes, a code for one use stands for the hold.
    """
    return await own_cart.hold(hub.till, hub.connections, caller, ask)


@router.get(
    "/holds/{hold}",
    name="look_at_cart_hold",
    summary="How a hold stands",
    responses=documented(*ALWAYS, "hold_not_found", "busy"),
)
async def look(hold: HoldId, caller: Holder, hub: TheHub) -> HoldSeen:
    """Open, or how it ended; after a time-out this says which."""
    return await own_cart.look(hub.till, caller, hold)


@router.post(
    "/holds/{hold}:extend",
    name="extend_cart_hold",
    summary="Keep a hold open for longer",
    responses=documented(*ALWAYS, "hold_not_found", "hold_ended", "busy"),
)
async def extend(hold: HoldId, ask: CartExtend, caller: Holder, hub: TheHub) -> HoldAnswer:
    """It never ends earlier than it would have; extending again is harmless."""
    return await own_cart.extend(hub.till, caller, hold, ask)


@router.post(
    "/holds/{hold}:release",
    name="release_cart_hold",
    summary="Give a hold back",
    responses=documented(*ALWAYS, "hold_not_found", "busy"),
)
async def release(hold: HoldId, caller: Holder, hub: TheHub) -> HoldAnswer:
    """Releasing again, or a hold that has ended, changes nothing."""
    return await own_cart.release(hub.till, caller, hold)


@router.post(
    "/orders",
    name="tell_order",
    summary="An order as it is now",
    responses=documented(
        *ALWAYS,
        "of_other_channel",
        "channel_of_vendor",
        "order_unclear",
        "hold_not_found",
        "hold_of_other_member",
        "hold_used",
        "points_without_member",
        "busy",
    ),
)
async def order(told: Order, caller: OrderTeller, hub: TheHub) -> OrderAnswer:
    """Restated as a whole whenever it changes; what is older than what is known is ignored."""
    return await own_cart.order(hub.till, hub.connections, caller, told)
