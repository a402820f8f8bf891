"""Rewards as an app asks for them: points for a coupon, and back while it is unused."""

from renkei.errors import BookingRefused, KeyReused, UnknownMember
from renkei.ledger.books import Channel
from renkei.ledger.loading import read_groups
from renkei.services.apps.application import member_named
from renkei.services.command import Command
from renkei.services.points.member_coupons import coupons_named
from renkei.services.points.rewards import ExchangeReward, ReturnReward
from renkei.services.refusals import refused
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.application import RewardUnwanted, RewardWanted
from renkei_contracts.point import RewardAnswer, RewardExchange

CODES = {
    "unknown_reward": "reward_unknown",
    "no_more_coupons": "reward_exhausted",
    "insufficient_points": "insufficient_points",
    "coupon_in_use": "coupon_used",
    "no_exchange": "coupon_not_exchanged",
}
"""What the books refuse, as a caller is told of it."""


async def exchange(till: TillService, caller: Terminal, ask: RewardWanted) -> RewardAnswer:
    """Points for the reward's coupon, once per key; every refusal is a TillRefused."""
    member = await member_named(till, caller, ask)
    assert member is not None
    wanted = RewardExchange(key=ask.key, source=caller.connection, member=member, reward=ask.reward)
    seed = till.booking.new_id("cpn")
    command = ExchangeReward(wanted, seed, Channel(caller.connection))
    return await _booked(till, command, member, ask.key)


async def give_back(
    till: TillService, caller: Terminal, code: str, ask: RewardUnwanted
) -> RewardAnswer:
    """The points come back for a coupon of the member's that is unused."""
    member = await member_named(till, caller, ask)
    assert member is not None
    async with till.booking.database.begin() as conn:
        found = await coupons_named(conn, [code])
        group = (await read_groups(conn, [member])).get(member)
    if group is None:
        raise refused("member_not_found", member)
    if not found:
        raise refused("coupon_not_found", code)
    if found[0].coupon.member not in group.members:
        raise refused("coupon_of_other_member", code)
    command = ReturnReward(found[0].coupon, Channel(caller.connection))
    return await _booked(till, command, member, code)


async def _booked(
    till: TillService, command: Command[RewardAnswer], member: str, about: str
) -> RewardAnswer:
    try:
        answer: RewardAnswer = await till.booking.committer.submit_first(command)
    except UnknownMember:
        raise refused("member_not_found", member) from None
    except KeyReused:
        raise refused("key_reused", about) from None
    except BookingRefused as refusal:
        if refusal.code not in CODES:
            raise
        raise refused(CODES[refusal.code], about) from None
    return answer
