"""``renkei alerts``: what a person must look at, and saying that it was looked at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, local, say
from renkei.cli.words import said

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.messaging.alerts import Raised

MOST = 1_000
"""How many are listed at once."""


def alerts(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(help="one of `renkei connections`; else every one")
    ] = None,
    close: Annotated[
        list[str] | None, typer.Option(help="an alert that was dealt with, by its id")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="who closes them; kept with each", callback=said)
    ] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="those that are closed, and by whom")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """List what somebody must look at, the newest first; nothing is booked by closing one."""
    if bool(close) != bool(by):
        raise typer.BadParameter("--close and --by go together: which was dealt with, and by whom")
    settings = invocation(context).settings()
    end = (close or (), by or "")
    found = with_hub(settings, lambda hub: _listed(hub, connection, *end, closed=closed))
    if json:
        as_json({"alerts": [one._asdict() for one in found]})
        return
    if not found:
        say("none was closed" if closed else "nothing is to be looked at")
    for one in found:
        where = "/".join(filter(None, (one.connection, one.order)))
        ended = f"\n  closed {local(one.closed_at)}" if one.closed_at else ""
        ended += f" by {one.closed_by}" if one.closed_by else ""
        say(f"{one.id}  {local(one.raised_at)}  {one.kind}  {where}\n  {one.message}{ended}")


async def _listed(
    hub: "Hub", connection: str | None, close: Sequence[str], by: str, *, closed: bool
) -> "list[Raised]":
    from renkei.connections.store import load
    from renkei.errors import RequestInvalid
    from renkei.messaging import alerts as kept
    from renkei.messaging.acceptance import KINDS

    async with hub.database.begin() as conn:
        if connection is not None:
            await load(conn, connection)
        done = await kept.close(conn, close, KINDS, by, hub.clock())
        for id in close:
            if id not in done:
                why = "no open alert has this id, or it ends by itself; nothing was closed"
                raise RequestInvalid("close", id, why)
        return await kept.listed(conn, connection, MOST, closed=closed)
