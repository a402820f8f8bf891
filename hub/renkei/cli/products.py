"""``renkei products``: canonical products and their classes, matched over channels."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, local, say, table

commands = typer.Typer(help="Products by JAN and SKU with the classes that conditions speak of.")

Json = Annotated[bool, typer.Option("--json", help="for a program")]
File = Annotated[Path, typer.Argument(help="CSV, UTF-8 or CP932", exists=True, dir_okay=False)]


@commands.callback()
def group() -> None:
    """Products by JAN and SKU, with their classes."""


@commands.command("import")
def import_(context: typer.Context, file: File, json: Json = False) -> None:
    """State the products of a file: jan, sku, title, classes; they count for sales from now on."""
    from renkei.services.setup.products import HEADINGS, Product, state
    from renkei.services.setup.spreadsheets import read_rows

    products = read_rows(file, Product, HEADINGS)
    new = with_hub(invocation(context).settings(), lambda hub: state(hub.database, products))
    if json:
        as_json({"products": len(products), "new": new})
    else:
        say(f"✔ {len(products)} products, {new} new or different")


@commands.command("show")
def show(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(help="a JAN or SKU; else the first ones")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="how many at most")] = 50,
    json: Json = False,
) -> None:
    """Show products as they were last stated."""
    from renkei.services.setup.products import listed

    found = with_hub(invocation(context).settings(), lambda hub: listed(hub.database, code, limit))
    if json:
        as_json({"products": [asdict(one) for one in found]})
        return
    rows = [
        (one.jan, one.sku, one.title, ", ".join(one.classes), local(one.stated_at)) for one in found
    ]
    table("", ("JAN", "SKU", "title", "classes", "stated"), rows)
