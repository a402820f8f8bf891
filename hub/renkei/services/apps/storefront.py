"""What a shopper does with points in a vendor's shop: sees them, and gets a code for some."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from renkei.connections.opened import OpenConnections
from renkei.messaging import codes
from renkei.services.apps import own_cart
from renkei.services.members.lookup import customer_of, members_by
from renkei.services.refusals import refused
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.application import CartHold
from renkei_contracts.ids import ExternalRef
from renkei_contracts.storefront import ShopperCode, ShopperHold, ShopperPoints

CHECKOUT = timedelta(minutes=30)
"""How long a code can be used: from the moment it is asked for to the order."""


HOUR = timedelta(hours=1)
MOST = 20
"""Codes for one member in an hour: whoever plays with them fills nobody's books."""


@dataclass(frozen=True)
class Wish:
    """How many points to use; ``key`` is made by the browser, once for each wish."""

    points: int
    key: str


def caller_of(connection: str) -> Terminal:
    """The shop itself, in whose channel its shoppers use their points."""
    return Terminal(f"storefront/{connection}", connection, "", "")


async def points(till: TillService, caller: Terminal, shopper: ExternalRef | None) -> ShopperPoints:
    """What the shopper can use."""
    member = await _member(till, shopper)
    if member is None:
        return ShopperPoints(signed_in=shopper is not None, member=False)
    found = await till.shown(caller, member)
    return ShopperPoints(
        signed_in=True, member=True, spendable=found.spendable, pending=found.pending
    )


async def use(
    till: TillService,
    connections: OpenConnections,
    caller: Terminal,
    shopper: ExternalRef | None,
    wish: Wish,
    now: datetime,
) -> ShopperHold:
    """Set points aside and ask the shop for a code."""
    member = await _member(till, shopper)
    if shopper is None or member is None:
        raise refused("member_not_found")
    if not (await connections.get(caller.connection)).takes_codes:
        raise refused("points_not_usable")
    async with till.booking.database.begin() as conn:
        if await codes.made_since(conn, member, now - HOUR) >= MOST:
            raise refused("codes_exhausted")
    ask = CartHold(
        key=f"{shopper.id}/{wish.key}",
        customer=shopper.id,
        points=wish.points,
        ttl_seconds=int(CHECKOUT.total_seconds()),
    )
    held = await own_cart.hold(till, connections, caller, ask)
    assert held.code is not None
    assert held.code_yen is not None
    assert held.code_until is not None
    return ShopperHold(
        hold=held.hold,
        code=held.code,
        points=held.points,
        yen=held.code_yen,
        until=held.code_until,
        state="wanted",
    )


async def look(
    till: TillService, caller: Terminal, shopper: ExternalRef | None, hold: str
) -> ShopperCode:
    """How the shopper's own code stands; refused for another's as if there were none."""
    member = await _member(till, shopper)
    seen = await own_cart.look(till, caller, hold)
    if seen.code is None or seen.code_until is None or seen.code_state is None:
        raise refused("hold_not_found", hold)
    if member is None or seen.member != member:
        raise refused("hold_not_found", hold)
    return ShopperCode(hold=seen.hold, code=seen.code, until=seen.code_until, state=seen.code_state)


async def give_back(
    till: TillService, caller: Terminal, shopper: ExternalRef | None, hold: str
) -> ShopperCode:
    """Give the points back that are set aside; again is the same as once."""
    await look(till, caller, shopper, hold)
    await own_cart.release(till, caller, hold)
    return await look(till, caller, shopper, hold)


async def _member(till: TillService, shopper: ExternalRef | None) -> str | None:
    if shopper is None:
        return None
    found = await members_by(till.booking, [customer_of(shopper)])
    return found[0] if len(found) == 1 else None
