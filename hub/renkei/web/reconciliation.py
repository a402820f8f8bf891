"""/pos/v1/reconciliations: a till's day against the hub's (services/till/reconciliation.py)."""

from typing import Annotated

from fastapi import APIRouter, Query

from renkei.services.till.reconciliation import Reconciliation
from renkei.web.auth import SCHEMES, Reader, TerminalRoute, Writer
from renkei.web.manner import Training
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.base import Day, Key
from renkei_contracts.reconciliation import Reconciled, StoreDay, ZReport

router = APIRouter(prefix="/pos/v1", route_class=TerminalRoute, tags=["till"], dependencies=SCHEMES)


@router.get(
    "/reconciliations",
    name="store_day",
    summary="What a store's day comes to",
    responses=documented(*ALWAYS, "sale_of_other_till"),
)
async def store_day(
    terminal: Reader,
    hub: TheHub,
    store: Annotated[Key, Query()],
    business_date: Annotated[Day, Query()],
) -> StoreDay:
    """By till and settlement count, as booked now, beside what the tills have reported."""
    return await Reconciliation(hub.database).day(terminal, store, business_date)


@router.post(
    "/reconciliations",
    name="reconcile",
    summary="Compare a till's Z-report",
    responses=documented(*ALWAYS, "sale_of_other_till", "key_reused"),
)
async def reconcile(
    report: ZReport, terminal: Writer, hub: TheHub, training: Training = False
) -> Reconciled:
    """Says what differs and which receipts are missing; a person is told, too."""
    return await Reconciliation(hub.database).report(terminal, report, training)
