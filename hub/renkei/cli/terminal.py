"""``renkei terminal``: the registers that may ask the hub."""

from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, output

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.services.terminals import NewCredential

commands = typer.Typer(help="The registers that may ask the hub.")


@commands.callback()
def group() -> None:
    """The registers that may ask the hub."""


@commands.command("add")
def add(
    context: typer.Context,
    connection: Annotated[str, typer.Option(help="the connection its sales come through")],
    store: Annotated[str, typer.Option(help="the store's name at the vendor")],
    till: Annotated[str, typer.Option(help="the till's name at the vendor")],
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Let one more register ask the hub, and print its credential: it is shown only now."""
    place = (connection, store, till)
    new = with_hub(invocation(context).settings(), lambda hub: added(hub, *place))
    show_credential(new, json=json)


def show_credential(new: "NewCredential", *, json: bool) -> None:
    """Print a credential that was just made."""
    shown = {"terminal": new.terminal, "key_id": new.key_id, "secret": new.secret}
    if json:
        as_json(shown)
        return
    for name, value in shown.items():
        output.print(f"{name}: {value}", markup=False, soft_wrap=True)
    output.print("Write the secret down now: the hub never shows it again.")


async def added(hub: "Hub", connection: str, store: str, till: str) -> "NewCredential":
    """A credential for the till; raises UnknownConnection."""
    from renkei.services import terminals

    async with hub.database.begin() as conn:
        return await terminals.add(
            conn,
            hub.ring,
            hub.booking.new_id,
            hub.clock(),
            connection=connection,
            store=store,
            till=till,
        )
