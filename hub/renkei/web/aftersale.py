"""/pos/v1 after the sale: holds that last longer, voids, refunds, late members, and questions."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ValidationError

from renkei.services.till.aftersale import AfterSale
from renkei.web.auth import SCHEMES, Reader, TerminalRoute, Writer
from renkei.web.manner import KEYED, How
from renkei.web.problems import documented, refused
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS, HoldId
from renkei_contracts.aftersale import (
    AttachRequest,
    ExtendRequest,
    OverrideRequest,
    RefundAnswer,
    RefundRequest,
    ReturnRequest,
    SaleAnswer,
    VoidRequest,
)
from renkei_contracts.base import Key, Text
from renkei_contracts.order import TillKey
from renkei_contracts.point import Corrected
from renkei_contracts.till import HoldAnswer, HoldState

router = APIRouter(prefix="/pos/v1", route_class=TerminalRoute, tags=["till"], dependencies=SCHEMES)


@router.post(
    "/holds/{hold}:extend",
    summary="Keep a hold open for longer",
    responses=documented(*ALWAYS, *KEYED, "hold_not_found", "hold_ended", "busy"),
)
async def extend(
    hold: HoldId, ask: ExtendRequest, terminal: Writer, how: How, hub: TheHub
) -> HoldAnswer:
    """It never ends earlier than it would have; extending again is harmless."""
    return await AfterSale(hub.till.booking).extend(terminal, hold, ask, how)


@router.get(
    "/holds",
    summary="How a hold stands",
    responses=documented(*ALWAYS, "hold_not_found", "busy"),
)
async def find_hold(
    terminal: Reader,
    hub: TheHub,
    key: Annotated[Key, Query(description="as this till named it")],
) -> HoldState:
    """By the till's own key: after a time-out this says whether it was placed and how it ended."""
    return await AfterSale(hub.till.booking).find_hold(terminal, key)


@router.get(
    "/transactions",
    summary="How a sale stands",
    responses=documented(*ALWAYS, "sale_not_found", "busy"),
)
async def find(
    terminal: Reader,
    hub: TheHub,
    store: Annotated[Key, Query()],
    till: Annotated[Key, Query()],
    business_date: Annotated[date, Query()],
    receipt_number: Annotated[Key, Query()],
    settlement_count: Annotated[int, Query(ge=0, le=999)] = 0,
    company: Annotated[Text, Query()] = "",
) -> SaleAnswer:
    """By its natural key: after a time-out this says whether and how it was booked."""
    try:
        sale = TillKey(
            store=store,
            till=till,
            business_date=business_date,
            settlement_count=settlement_count,
            receipt_number=receipt_number,
            company=company,
        )
    except ValidationError:  # longer than the name of any sale
        raise refused("sale_not_found") from None
    return await AfterSale(hub.till.booking).find(terminal, sale)


@router.post(
    "/transactions:void",
    summary="Undo a whole sale on its business day",
    responses=documented(*ALWAYS, *KEYED, "sale_of_other_till", "void_on_other_day", "busy"),
)
async def void(ask: VoidRequest, terminal: Writer, how: How, hub: TheHub) -> RefundAnswer:
    """Told before the sale itself it waits for it; told again it is the same void."""
    return await AfterSale(hub.till.booking).void(terminal, ask, how)


@router.post(
    "/transactions:refund",
    summary="Take back goods of a sale",
    responses=documented(*ALWAYS, *KEYED, "sale_of_other_till", "refund_exceeds_sale", "busy"),
)
async def refund(ask: RefundRequest, terminal: Writer, how: How, hub: TheHub) -> RefundAnswer:
    """Of any store of this connection, in parts, and before the sale has come."""
    return await AfterSale(hub.till.booking).refund(terminal, ask, how)


@router.post(
    "/transactions:attach",
    summary="Say whose a sale was",
    responses=documented(
        *ALWAYS, *KEYED, "member_not_found", "sale_not_found", "sale_of_other_member", "busy"
    ),
)
async def attach(ask: AttachRequest, terminal: Writer, how: How, hub: TheHub) -> SaleAnswer:
    """The sale earns as if the card had been shown in time."""
    return await AfterSale(hub.till.booking).attach(terminal, ask, how)


@router.post(
    "/transactions:return",
    summary="Take back goods whose receipt is lost",
    responses=documented(*ALWAYS, *KEYED, "sale_of_other_till", "member_not_found", "busy"),
)
async def take_back(ask: ReturnRequest, terminal: Writer, how: How, hub: TheHub) -> Corrected:
    """What the goods would earn now is taken from the member; what is short is owed."""
    return await AfterSale(hub.till.booking).take_back(terminal, ask, how)


@router.post(
    "/adjustments",
    summary="Give or take points by hand",
    responses=documented(
        *ALWAYS,
        *KEYED,
        "member_not_found",
        "override_not_allowed",
        "override_limit",
        "insufficient_points",
        "busy",
    ),
)
async def override(ask: OverrideRequest, terminal: Writer, how: How, hub: TheHub) -> Corrected:
    """With a reason and a name, as far as the program lets a cashier; the default is not at all."""
    return await AfterSale(hub.till.booking).override(terminal, ask, how)
