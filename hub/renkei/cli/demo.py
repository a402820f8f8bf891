"""``renkei demo``: a shopper, a web shop and a register on this machine, and one ledger."""

from typing import Annotated

import typer

from renkei.cli.invocation import invocation


def demo(
    context: typer.Context,
    cart: Annotated[str | None, typer.Option(help="plugin that plays the cart")] = None,
    till: Annotated[str | None, typer.Option(help="plugin that plays the till")] = None,
    real: Annotated[
        bool, typer.Option("--real", help="the vendors' real software instead of twins")
    ] = False,
    stay: Annotated[bool, typer.Option("--stay", help="keep it running to look around")] = False,
    json: Annotated[bool, typer.Option("--json", help="the result for a program")] = False,
) -> None:
    """Tell the main job's story on twins of a cart and a till, and check every number of it."""
    from renkei.cli.demo_run import Plan, run_demo
    from renkei.cli.demo_stages import Wanted

    wanted = Wanted("peer" if real else "twin", cart, till)
    plan = Plan(invocation(context), wanted, stay=stay, json=json)
    raise typer.Exit(run_demo(plan))
