"""``renkei application``: the merchant's own carts, apps and sites that may ask over /v1."""

from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.terminal import show_credential

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.services.till.terminals import NewCredential

commands = typer.Typer(help="The merchant's own carts, apps and sites that may ask the hub.")


@commands.callback()
def group() -> None:
    """The merchant's own carts, apps and sites."""


@commands.command("add")
def add(
    context: typer.Context,
    connection: Annotated[str, typer.Option(help="the connection whose channel it is")],
    name: Annotated[str, typer.Option(help="what to call it, such as site or app")],
    own_cart: Annotated[
        bool, typer.Option("--own-cart", help="the channel is a cart of your own: add it if new")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Let one more application ask the hub, and print its credential: it is shown only now."""
    settings = invocation(context).settings()
    new = with_hub(settings, lambda hub: _added(hub, connection, name, own_cart=own_cart))
    show_credential(new, json=json)


async def _added(hub: "Hub", connection: str, name: str, *, own_cart: bool) -> "NewCredential":
    from renkei.services.setup import installation
    from renkei.services.till import terminals

    async with hub.database.begin() as conn:
        if own_cart:
            await installation.ensure_own_cart(conn, hub.ring, connection, hub.clock())
        return await terminals.add_application(
            conn,
            hub.ring,
            hub.booking.new_id,
            hub.clock(),
            connection=connection,
            name=name,
        )
