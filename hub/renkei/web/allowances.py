"""/pos/v1/allowances: points that a till may let a member use while it is offline."""

from typing import Annotated

from fastapi import APIRouter, Path

from renkei.services.till.allowance import Allowances
from renkei.web.auth import SCHEMES, TerminalRoute, Writer
from renkei.web.manner import KEYED, How
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.allowance import (
    ALLOWANCE_ID,
    AllowanceAnswer,
    AllowanceClosed,
    AllowanceReport,
    AllowanceRequest,
)

router = APIRouter(prefix="/pos/v1", route_class=TerminalRoute, tags=["till"], dependencies=SCHEMES)

Named = Annotated[str, Path(pattern=ALLOWANCE_ID)]


@router.post(
    "/allowances",
    summary="Set points aside for sales offline",
    responses=documented(
        *ALWAYS,
        *KEYED,
        "member_not_found",
        "allowance_not_allowed",
        "allowance_limit",
        "insufficient_points",
        "busy",
    ),
)
async def give_allowance(
    ask: AllowanceRequest, terminal: Writer, how: How, hub: TheHub
) -> AllowanceAnswer:
    """With a token that this till alone may use, and checks by the hub's public key."""
    return await Allowances(hub.till.booking).give(terminal, ask, how)


@router.post(
    "/allowances/{allowance}:close",
    summary="Report what was used, and give the rest back",
    responses=documented(*ALWAYS, *KEYED, "allowance_not_found", "busy"),
)
async def close_allowance(
    allowance: Named, report: AllowanceReport, terminal: Writer, how: How, hub: TheHub
) -> AllowanceClosed:
    """Told again, it is looked at anew: what has come meanwhile is booked by then."""
    return await Allowances(hub.till.booking).close(terminal, allowance, report, how)
