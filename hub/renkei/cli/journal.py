"""``renkei journal``: sales of tills that only export files."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, say, table

if TYPE_CHECKING:
    from renkei.services.till.take_journal import Taken

commands = typer.Typer(help="Sales of tills that only export files.")


@commands.callback()
def group() -> None:
    """Sales of tills that only export files."""


@commands.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8 or CP932", exists=True, dir_okay=False)],
    connection: Annotated[str, typer.Option(help="the connection its sales come through")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="read it, and book nothing")] = False,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Book the sales of a file that are not known yet; docs/pos-v1.md names the columns."""
    from renkei.services.till.take_journal import TakeJournal

    taken = with_hub(
        invocation(context).settings(),
        lambda hub: TakeJournal(hub.till, connection).take(file, dry_run=dry_run),
    )
    if json:
        as_json(asdict(taken))
    else:
        _show(taken, dry_run=dry_run)
    if taken.refused:
        raise typer.Exit(1)


def _show(taken: "Taken", *, dry_run: bool) -> None:
    new = "would be booked" if dry_run else "booked"
    said = f"{taken.receipts} receipts: {taken.new} {new}, {taken.known} were known"
    if taken.history:
        said += f", {taken.history} kept as history (sold before the connection's orders count)"
    points = "" if dry_run else f"; {taken.earned} points earned, {taken.used} used"
    say(f"✔ {said}{points}")
    if taken.refused:
        rows = [(one.line, one.sale, one.why) for one in taken.refused]
        table("not booked", ("line", "sale", "why"), rows)
