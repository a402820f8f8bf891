"""/v1: what a merchant's own cart, app or site asks and tells (services/application.py)."""

from fastapi import APIRouter

from renkei.services import application
from renkei.web.auth import SCHEMES, ActivityTeller, FactTeller, QuoteReader, TerminalRoute
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.application import ActivityTold, CartQuote, FactsKept, FactsTold
from renkei_contracts.point import ActivityAnswer
from renkei_contracts.till import QuoteAnswer

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
    "/facts",
    name="state_facts",
    summary="Facts that conditions speak of, such as rain in an area",
    responses=documented(*ALWAYS),
)
async def facts(ask: FactsTold, caller: FactTeller, hub: TheHub) -> FactsKept:
    """What was stated first for a place and day stays; sales made before are not judged anew."""
    return await application.facts(hub.till, caller, ask)
