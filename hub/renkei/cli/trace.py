"""``renkei trace``: where is order 1001?"""

from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, local, say, table

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.services.orders.order_trace import OrderTrace


def trace(
    context: typer.Context,
    order: Annotated[
        str, typer.Argument(help="connection/order, or the order's name or number alone")
    ],
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Show where an order is: received, booked, shown in each shop, or given up and why."""
    found = with_hub(invocation(context).settings(), lambda hub: _found(hub, order))
    if json:
        steps = [step._asdict() for step in found.steps]
        as_json(vars(found) | {"steps": steps})
    else:
        _show(found)


async def _found(hub: "Hub", order: str) -> "OrderTrace":
    from renkei.services.orders.order_trace import FindOrder
    from renkei.services.orders.told_of import ToldOf

    return await FindOrder(hub.database, ToldOf(hub.connections, hub.ring))(order)


def _show(found: "OrderTrace") -> None:
    say(f"{found.order}: {found.answer}")
    for one in found.traces:
        say(f"trace {one}")
    rows = [
        (local(step.at) or "still to come", step.what.replace("_", " "), step.where, step.said)
        for step in found.steps
    ]
    table("", ("when", "what", "where", ""), rows)
