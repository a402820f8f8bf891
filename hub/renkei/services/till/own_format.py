"""A register that asks in its vendor's own format: which till it is, and what it asks for."""

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.connections.calling import ask
from renkei.services.refusals import refused
from renkei.services.till import terminals
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts import capability
from renkei_contracts.delivery import Delivery
from renkei_contracts.till import (
    CommitRequest,
    CouponHoldRequest,
    CouponReleaseRequest,
    HoldRequest,
    QuoteRequest,
    ResolveMember,
    TillAnswer,
    TillCommand,
)

TILLS = """
SELECT terminal_id, connection_id, store, till FROM terminal
WHERE connection_id = :c AND store <> '' AND disabled_at IS NULL LIMIT 2"""


def till_said(
    what: str, till: capability.Till, delivery: Delivery, command: TillCommand
) -> tuple[str, str] | None:
    """Store and till as the request names them, where it does."""
    if isinstance(command, CommitRequest):
        return command.sale.store, command.sale.till
    if isinstance(till, capability.TillNaming):
        naming = till
        return ask(what, lambda: naming.till(delivery))
    return None


async def terminal_of(
    conn: AsyncConnection, connection: str, named: tuple[str, str] | None
) -> Terminal:
    """The till that is named, else the only one of the connection; raises TillRefused."""
    if named is None:
        found = (await conn.execute(text(TILLS), {"c": connection})).all()
        if len(found) != 1:
            raise refused("till_not_named")
        return Terminal(*found[0])
    try:
        store, till = map(terminals.KEY.validate_python, named)
    except ValidationError:
        raise refused("till_unknown") from None
    known = await terminals.by_name(conn, connection, store, till)
    if known is None:
        raise refused("till_unknown")
    return known


def scope_for(command: TillCommand) -> str:
    """What a credential must allow for it."""
    return "till:read" if isinstance(command, ResolveMember | QuoteRequest) else "till:write"


async def obey(till: TillService, terminal: Terminal, command: TillCommand) -> TillAnswer:
    """The same as at /pos/v1; raises TillRefused."""
    match command:
        case ResolveMember():
            return await till.resolve(terminal, command)
        case QuoteRequest():
            return await till.quote(terminal, command)
        case HoldRequest():
            return await till.hold(terminal, command)
        case CouponHoldRequest():
            return await till.hold_coupon(terminal, command)
        case CouponReleaseRequest():
            return await till.release_coupon(terminal, command)
        case CommitRequest():
            return await till.commit(terminal, command)
