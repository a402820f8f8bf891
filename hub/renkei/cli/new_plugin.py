"""``renkei new-plugin``: the project of a plugin that is still to be written."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from renkei.cli.screen import say

Kind = Literal["cart", "pos", "members", "facts"]


def new_plugin(
    name: Annotated[str, typer.Argument(help="the vendor, in small letters and digits")],
    kind: Annotated[Kind, typer.Option(help="what the vendor is")],
    into: Annotated[
        Path | None, typer.Option(help="a new folder for it (else ./renkei-NAME)")
    ] = None,
) -> None:
    """Write a plugin's project: its suites run at once and say what is still to be written."""
    # Imported here: the hub runs where no plugin is written.
    from renkei_contracts import scaffold

    folder = scaffold.new_plugin(name, kind, into or Path(f"renkei-{name}"))
    say(f"{folder} is ready. Next:")
    say(f"    cd {folder} && pip install -e . 'renkei-contracts[testing]'")
    say("    pytest                # each check that fails says what is still to be written")
    say(f"    renkei check {name}")
    for number, table in enumerate(scaffold.tables(name, folder)):
        if number == 0:
            say("It lies in a checkout of Renkei, which names its plugins in other places, too:")
        say(f"    {table}")
