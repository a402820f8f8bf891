"""``renkei stores``: the area a store lies in, and when its day ends."""

from dataclasses import asdict
from typing import Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, local, say, table

commands = typer.Typer(help="Stores: the area each lies in, and when its day ends.")

Json = Annotated[bool, typer.Option("--json", help="for a program")]


@commands.callback()
def group() -> None:
    """Stores: the area each lies in, and when its day ends."""


@commands.command("set")
def set_(
    context: typer.Context,
    store: Annotated[
        str, typer.Argument(help="connection/store; the connection alone: its sales without one")
    ],
    area: Annotated[str | None, typer.Option(help="the area, as facts name it")] = None,
    day_ends: Annotated[str | None, typer.Option(help="26:00: at two in the morning")] = None,
    json: Json = False,
) -> None:
    """Set it for sales from now on; what is not given stays."""
    from renkei.services.setup.stores import minutes_after_midnight, set_store

    connection, _, name = store.partition("/")
    minutes = minutes_after_midnight(day_ends) if day_ends is not None else None
    done = with_hub(
        invocation(context).settings(),
        lambda hub: set_store(hub.database, connection, name, area, minutes),
    )
    if json:
        as_json(asdict(done))
    else:
        where = f"in {done.area}" if done.area else "in no area"
        say(f"✔ {store}: {where}, the day ends at {done.day_ends_at}")


@commands.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Show every store that was set."""
    from renkei.services.setup.stores import listed

    found = with_hub(invocation(context).settings(), lambda hub: listed(hub.database))
    if json:
        as_json({"stores": [asdict(one) for one in found]})
        return
    rows = [
        (one.connection, one.store, one.area, one.day_ends_at, local(one.since)) for one in found
    ]
    table("", ("connection", "store", "area", "day ends", "since"), rows)
