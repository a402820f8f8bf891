"""``renkei backfill``: read a shop's past, and see how far that is."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.moments import INSTANTS, in_japan
from renkei.cli.screen import as_json, errors, local, say, table

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.services.flow.backfill import Progress


def backfill(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(help="whose past: see `renkei connections`")],
    since: Annotated[
        datetime | None, typer.Option(formats=INSTANTS, help="begin, from this day on; else show")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Let `renkei serve` read a shop's past orders and members, and show how far it is."""
    settings = invocation(context).settings()
    asked = in_japan(since)
    found = with_hub(settings, lambda hub: _done(hub, connection, asked))
    if json:
        as_json({"backfill": [asdict(one) | {"percent": one.percent} for one in found]})
    elif not found:
        say(f"{connection}: no back-fill; begin one with --since")
    else:
        table("", ("of", "from", "read up to", "until", "pages", "items", "%"), _rows(found))
    _say_not_kept(found, asked)


def _say_not_kept(found: "list[Progress]", asked: datetime | None) -> None:
    """Whoever named an earlier day than what is being read must name it again."""
    for one in found:
        if asked is not None and asked < one.began and not one.done:
            told = f"{one.what}: being read from {local(one.began)} on; give the earlier day again"
            errors.print(f"{told} once that is done", markup=False, soft_wrap=True)


async def _done(hub: "Hub", connection: str, since: datetime | None) -> "list[Progress]":
    from renkei.services.flow.backfill import Backfill

    service = Backfill(hub.connections, hub.database, hub.clock)
    if since is not None:
        await service.begin(connection, since)
    return await service.progress(connection)


def _rows(found: "list[Progress]") -> list[tuple[object, ...]]:
    return [
        (
            one.what,
            local(one.began),
            local(one.read_to),
            local(one.ends),
            one.pages,
            one.items,
            one.percent,
        )
        for one in found
    ]
