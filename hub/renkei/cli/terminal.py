"""``renkei terminal``: the registers that may ask the hub, and gateways that ask for them."""

import ipaddress
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.moments import duration
from renkei.cli.screen import as_json, local, say, table

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.services.till.credentials import ListedTerminal
    from renkei.services.till.terminals import NewCredential

commands = typer.Typer(help="The registers that may ask the hub.")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise typer.BadParameter(f"{error}: write it as 192.168.7.0/24") from None


Json = Annotated[bool, typer.Option("--json", help="for a program")]
TerminalId = Annotated[str, typer.Argument(help="its id, see `renkei terminal list`")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        parser=_network,
        help="a network from which the secret itself may be sent; this machine unless given",
    ),
]


@commands.callback()
def group() -> None:
    """The registers that may ask the hub, and gateways that ask for them."""


@commands.command("add")
def add(
    context: typer.Context,
    connection: Annotated[str, typer.Option(help="the connection its sales come through")],
    store: Annotated[str, typer.Option(help="the store's name at the vendor")],
    till: Annotated[str, typer.Option(help="the till's name at the vendor")],
    allow: Allow = None,
    json: Json = False,
) -> None:
    """Let one more register ask the hub, and print its credential: it is shown only now."""
    place = (connection, store, till)
    settings = invocation(context).settings()
    show_credential(with_hub(settings, lambda hub: added(hub, *place, allow)), json=json)


@commands.command("gateway")
def gateway(
    context: typer.Context,
    connection: Annotated[str, typer.Option(help="the connection of its tills")],
    name: Annotated[str, typer.Option(help="what to call it, such as headquarters")],
    allow: Allow = None,
    json: Json = False,
) -> None:
    """Let a server ask for every till of a connection, and print its credential, only now."""
    settings = invocation(context).settings()
    new = with_hub(settings, lambda hub: _gateway_added(hub, connection, name, allow))
    show_credential(new, json=json)


@commands.command("rotate")
def rotate(
    context: typer.Context,
    terminal: TerminalId,
    overlap: Annotated[
        str, typer.Option(help="how long what it has now goes on: 12h, or 0")
    ] = "7d",
    json: Json = False,
) -> None:
    """Give it another credential; those it has end after the overlap."""
    time = duration(overlap)
    settings = invocation(context).settings()
    show_credential(with_hub(settings, lambda hub: _rotated(hub, terminal, time)), json=json)


@commands.command("disable")
def disable(context: typer.Context, terminal: TerminalId) -> None:
    """Refuse it from now on, its credentials and tokens alike."""
    with_hub(invocation(context).settings(), lambda hub: _switched(hub, terminal, on=False))
    say(f"✔ {terminal} is refused")


@commands.command("enable")
def enable(context: typer.Context, terminal: TerminalId) -> None:
    """Let it in again, with the credentials it had."""
    with_hub(invocation(context).settings(), lambda hub: _switched(hub, terminal, on=True))
    say(f"✔ {terminal} may ask again")


@commands.command("list")
def list_(
    context: typer.Context,
    connection: Annotated[str | None, typer.Option(help="only those of this one")] = None,
    json: Json = False,
) -> None:
    """Show every terminal with how many credentials of it are valid."""
    found = with_hub(invocation(context).settings(), lambda hub: _listed(hub, connection))
    if json:
        as_json({"terminals": [asdict(one) for one in found]})
        return
    rows = [
        (one.terminal, one.connection, one.store, one.till, one.label, one.credentials,
         "gateway" if one.gateway else "", local(one.disabled_at))
        for one in found
    ]  # fmt: skip
    columns = ("terminal", "connection", "store", "till", "label", "keys", "kind", "disabled")
    table("", columns, rows)


@commands.command("import")
def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help="CSV, UTF-8 or CP932: store,till,label", exists=True, dir_okay=False),
    ],
    connection: Annotated[str, typer.Option(help="the connection their sales come through")],
    credentials: Annotated[
        Path, typer.Option(help="a new file for their credentials, which only you can read")
    ],
    json: Json = False,
) -> None:
    """Register the tills of a file, all or none, and write their credentials, only now."""
    settings = invocation(context).settings()
    count = with_hub(settings, lambda hub: _imported(hub, connection, file, credentials))
    if json:
        as_json({"terminals": count, "credentials": str(credentials)})
    else:
        say(f"✔ {count} tills; their credentials: {credentials}")


def show_credential(new: "NewCredential", *, json: bool) -> None:
    """Print a credential that was just made."""
    shown = {"terminal": new.terminal, "key_id": new.key_id, "secret": new.secret}
    if json:
        as_json(shown)
        return
    for name, value in shown.items():
        say(f"{name}: {value}")
    say("Write the secret down now: the hub never shows it again.")


async def added(
    hub: "Hub", connection: str, store: str, till: str, allow: Sequence[str] | None = None
) -> "NewCredential":
    """A credential for the till; raises UnknownConnection."""
    from renkei.services.till import terminals

    async with hub.database.begin() as conn:
        return await terminals.add(
            conn,
            hub.ring,
            hub.booking.new_id,
            hub.clock(),
            connection=connection,
            store=store,
            till=till,
            static_from=allow or terminals.LOOPBACK,
        )


async def _gateway_added(
    hub: "Hub", connection: str, name: str, allow: Sequence[str] | None
) -> "NewCredential":
    from renkei.services.till import terminals

    async with hub.database.begin() as conn:
        return await terminals.add_gateway(
            conn,
            hub.ring,
            hub.booking.new_id,
            hub.clock(),
            connection=connection,
            name=name,
            static_from=allow or terminals.LOOPBACK,
        )


async def _rotated(hub: "Hub", terminal: str, overlap: timedelta) -> "NewCredential":
    from renkei.services.till import credentials

    async with hub.database.begin() as conn:
        return await credentials.rotate(
            conn, hub.ring, hub.booking.new_id, hub.clock(), terminal, overlap
        )


async def _switched(hub: "Hub", terminal: str, *, on: bool) -> None:
    from renkei.services.till import credentials

    async with hub.database.begin() as conn:
        if on:
            await credentials.enable(conn, terminal)
        else:
            await credentials.disable(conn, terminal, hub.clock())


async def _listed(hub: "Hub", connection: str | None) -> "list[ListedTerminal]":
    from renkei.services.till import credentials

    async with hub.database.begin() as conn:
        return await credentials.listed(conn, connection, hub.clock())


async def _imported(hub: "Hub", connection: str, file: Path, credentials: Path) -> int:
    from renkei.services.till.register_tills import TillImport

    work = TillImport(hub.database, hub.ring, hub.booking.new_id, hub.clock(), connection)
    return await work.run(file, credentials)
