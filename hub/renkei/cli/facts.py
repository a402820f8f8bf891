"""``renkei facts``: dated facts that conditions speak of, with their source."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, errors, local, say, table
from renkei_contracts.toolkit.japanese import JST

if TYPE_CHECKING:
    from renkei.services.setup.facts import NewFact, Stating

commands = typer.Typer(help="Dated facts with their source, as campaigns speak of them.")

Json = Annotated[bool, typer.Option("--json", help="for a program")]
File = Annotated[Path, typer.Argument(help="CSV, UTF-8 or CP932", exists=True, dir_okay=False)]

MOST_DAYS = 366
MOST_SHOWN = 1_000


@commands.callback()
def group() -> None:
    """Dated facts with their source."""


@commands.command("state")
def state(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help='as conditions say it: facts["rain"]')],
    value: Annotated[bool, typer.Argument(help="yes or no")],
    area: Annotated[str, typer.Option(help="of stores in this area; else everywhere")] = "",
    store: Annotated[str, typer.Option(help="of this store: connection/store")] = "",
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="the business day; else today by the calendar"),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="and each day up to this one")
    ] = None,
    source: Annotated[str, typer.Option(help="who says so")] = "stated by hand",
    json: Json = False,
) -> None:
    """State a fact for sales from now on; what was stated first for a place and day stays."""
    from renkei.services.rules import asked
    from renkei.services.setup.facts import NewFact

    if area and store:
        raise typer.BadParameter("either --area or --store: a store lies in its area already")
    fields = {"name": name, "value": value, "area": area, "store": store, "source": source}
    new = [asked(NewFact, day=one, **fields) for one in _days(day, until)]
    _state(context, new, json=json)


@commands.command("import")
def import_(context: typer.Context, file: File, json: Json = False) -> None:
    """State every row of a file: name, area or store, day, value, source."""
    from renkei.services.setup.facts import HEADINGS, NewFact
    from renkei.services.setup.spreadsheets import read_rows

    _state(context, read_rows(file, NewFact, HEADINGS), json=json)


@commands.command("list")
def list_(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="of that day and later; else from today on"),
    ] = None,
    json: Json = False,
) -> None:
    """Show what was stated, the earliest day first."""
    from renkei.services.setup.facts import listed

    day = since.date() if since else _today()
    found = with_hub(
        invocation(context).settings(), lambda hub: listed(hub.database, day, MOST_SHOWN)
    )
    if json:
        as_json({"facts": [asdict(one) for one in found]})
        return
    rows = [
        (one.day, one.place or "everywhere", one.name, _word(one.value), one.source,
         local(one.stated_at)) for one in found
    ]  # fmt: skip
    table("", ("day", "where", "fact", "value", "source", "stated"), rows)


def _state(context: typer.Context, facts: "list[NewFact]", *, json: bool) -> None:
    from renkei.services.setup.facts import state

    done = with_hub(invocation(context).settings(), lambda hub: state(hub.database, facts))
    if json:
        as_json(asdict(done))
        return
    say(f"✔ {done.new} of {len(facts)} are new")
    _show_standing(done)


def _show_standing(done: "Stating") -> None:
    """Say what stays as it was stated before."""
    for one in done.differ:
        where = one.place or "everywhere"
        said = f"{one.name} is {_word(one.value)} in {where} on {one.day}"
        errors.print(
            f"  stays: {said} ({one.source}, stated {local(one.stated_at)})",
            markup=False,
            soft_wrap=True,
        )


def _days(day: datetime | None, until: datetime | None) -> list[date]:
    first = day.date() if day else _today()
    last = until.date() if until else first
    if not 0 <= (last - first).days < MOST_DAYS:
        raise typer.BadParameter(f"--until lies at most {MOST_DAYS} days after --day")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _today() -> date:
    return datetime.now(JST).date()


def _word(value: bool) -> str:
    return "yes" if value else "no"
