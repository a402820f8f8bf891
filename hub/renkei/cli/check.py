"""``renkei check``: what an installed plugin proves, the tier it is worth, and what is missing."""

from typing import Annotated, Literal

import typer

from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json
from renkei.registry import load_registry

AtLeast = Literal["bronze", "silver", "gold", "platinum"]


def check(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(help="an installed plugin: see `renkei plugins`")],
    at_least: Annotated[AtLeast, typer.Option(help="below this tier: exit code 1")] = "bronze",
    pair: Annotated[
        bool, typer.Option("--pair", help="run the pair proof, too: it starts a PostgreSQL")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Run the contract suites on a plugin and its twin, and print the tier they are worth."""
    registry = load_registry(invocation(context).load().disabled_plugins)
    found = registry.vendor(vendor)

    # Imported here: no other command needs the suites.
    from renkei.cli.check_run import document, run_all, show
    from renkei_contracts.testing.tier import reaches

    checked = run_all(found, registry.origins[vendor], pair=pair)
    if json:
        as_json(document(checked))
    else:
        show(checked)
    if not reaches(checked.judgement.tier, at_least):
        raise typer.Exit(1)
