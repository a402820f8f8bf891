"""POST /pos/v1/terminals: a headquarters server makes its tills known."""

from fastapi import APIRouter

from renkei.services.till.register_tills import register
from renkei.web.auth import SCHEMES, Registrar, TerminalRoute
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.terminal import NewTills, RegisteredTills

router = APIRouter(
    prefix="/pos/v1", route_class=TerminalRoute, tags=["credentials"], dependencies=SCHEMES
)


@router.post(
    "/terminals",
    name="register_tills",
    summary="Make tills known that a gateway calls for",
    responses=documented(*ALWAYS),
)
async def register_tills(ask: NewTills, gateway: Registrar, hub: TheHub) -> RegisteredTills:
    """All of them or none; they get no credentials, as the gateway's is used for them."""
    async with hub.database.begin() as conn:
        found = await register(
            conn, hub.till.booking.new_id, hub.clock(), gateway.connection, ask.terminals
        )
    return RegisteredTills(terminals=found)
