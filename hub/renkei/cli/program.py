"""``renkei program``: write, check, publish, compare and try the rules of a program."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.moments import INSTANTS, in_japan
from renkei.cli.screen import as_json, say, table

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.loyalty.evaluation import Evaluation
    from renkei.loyalty.program import Program
    from renkei.services.setup.backtest import BackTest
    from renkei.services.setup.programs import Cart, Published

commands = typer.Typer(help="The rules of a program: write, check, publish, compare, try.")

File = Annotated[Path, typer.Argument(help="a program as TOML", exists=True, dir_okay=False)]
PRESETS = (
    "plain, good-program, mile-program, group-program, coupon-program, stars-program, "
    "id-pos-program"
)
"""Written down, so that help needs to load nothing."""

Json = Annotated[bool, typer.Option("--json", help="for a program")]


@commands.callback()
def group() -> None:
    """The rules of a program."""


@commands.command("new")
def new(
    preset: Annotated[str, typer.Option(help=f"what to begin with: {PRESETS}")] = "plain",
) -> None:
    """Print a preset: `renkei program new > program.toml`."""
    from renkei.services.setup.programs import preset as text_of

    print(text_of(preset), end="")  # noqa: T201 - it goes into a file


@commands.command("validate")
def validate(file: File) -> None:
    """Say whether the file is a program, what is wrong with it, and where it touches a law."""
    from renkei.loyalty.law import warnings

    program = _read(file)
    say(f"✔ {program.id}: {len(program.campaigns)} campaigns")
    for one in warnings(program):
        said = f"  law, {one.place}: {one.text} ({one.source})"
        say(said)


@commands.command("publish")
def publish(
    context: typer.Context,
    file: File,
    since: Annotated[
        datetime | None, typer.Option(formats=INSTANTS, help="in force from then; else from now")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace-scheduled", help="in place of versions that are yet to come, too"),
    ] = False,
    json: Json = False,
) -> None:
    """Publish the file as the next version; it never changes again."""
    program = _read(file)
    settings = invocation(context).settings()
    done = with_hub(settings, lambda hub: _publish(hub, program, in_japan(since), replace=replace))
    if json:
        as_json(asdict(done))
    else:
        instead = ", ".join(str(version) for version in done.replaces)
        never = f"; never in force now: {instead}" if instead else ""
        say(f"✔ {done.program} version {done.version}{never}")


@commands.command("diff")
def diff(context: typer.Context, file: File, json: Json = False) -> None:
    """Show what the file changes of the newest published version."""
    from renkei.services.setup.programs import differences

    draft = _read(file)
    published = with_hub(invocation(context).settings(), lambda hub: _newest(hub, draft.id))
    changed = differences(published, draft)
    if json:
        as_json([{"place": place, "before": a, "after": b} for place, a, b in changed])
    else:
        table("", ("where", "published", "draft"), changed)


@commands.command("dry-run")
def dry_run(
    context: typer.Context,
    file: File,
    cart: Annotated[Path, typer.Argument(help="an order as JSON", exists=True, dir_okay=False)],
    json: Json = False,
) -> None:
    """Evaluate an order of a member: the points, and the reason for each. Nothing is booked.

    The cart may say who buys: "member": {"tier": "gold", "birthday": "2000-11-27"}.
    """
    from renkei.services.setup.programs import read_cart

    draft, order = _read(file), read_cart(_text(cart))
    result = with_hub(invocation(context).settings(), lambda hub: _try(hub, draft, order))
    if json:
        parts = [{"rule": one.rule, "points": one.points, "why": one.why} for one in result.parts]
        refused = [one._asdict() for one in result.refused]
        rates = [one._asdict() for one in result.rates]
        as_json(result._asdict() | {"parts": parts, "refused": refused, "rates": rates})
        return
    say(f"{result.earned} points, {result.confirmed} of them confirmed; {_usable(draft)}")
    rows = [(part.rule, part.points, part.why) for part in result.parts]
    rows += [(f"coupon {one.coupon.name}", 0, f"¥{one.yen:,} off") for one in result.coupons]
    rows += [(one.rule, 0, one.why) for one in result.refused]
    table("", ("rule", "points", "why"), rows)


def _usable(draft: "Program") -> str:
    """When points can be spent once they are confirmed."""
    days = {"at_once": 0, "next_day": 1, "days_later": draft.earn.usable_days}[draft.earn.usable]
    return f"usable {days} day(s) later" if days else "usable at once"


@commands.command("backtest")
def backtest(
    context: typer.Context,
    file: File,
    since: Annotated[datetime, typer.Option(formats=INSTANTS, help="orders placed since then")],
    by_now: Annotated[
        bool, typer.Option("--by-now", help="with facts and products stated after the sales, too")
    ] = False,
    json: Json = False,
) -> None:
    """Try the file on stored orders: points, cost, members affected. Nothing is booked."""
    draft, start = _read(file), in_japan(since)
    assert start is not None
    found = with_hub(
        invocation(context).settings(), lambda hub: _back_test(hub, draft, start, by_now=by_now)
    )
    shown = asdict(found) | {"cost": found.cost}
    if json:
        as_json(shown)
    else:
        table("", ("what", "how much"), list(shown.items()))


def _read(file: Path) -> "Program":
    from renkei.services.setup.programs import read

    return read(_text(file))


def _text(file: Path) -> str:
    """What the file says; raises FileInvalid where it is not in UTF-8."""
    from renkei.errors import FileInvalid

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fault = f"is not UTF-8 from byte {error.start} on: save it as UTF-8"
        raise FileInvalid(file.name, [fault]) from None


async def _try(hub: "Hub", draft: "Program", order: "Cart") -> "Evaluation":
    from renkei.services.setup import programs

    return await programs.dry_run(hub.database, draft, order)


async def _publish(
    hub: "Hub", program: "Program", since: datetime | None, *, replace: bool
) -> "Published":
    from renkei.services.setup import programs

    return await programs.publish(hub.database, program, since, replace_scheduled=replace)


async def _newest(hub: "Hub", program: str) -> "Program":
    from renkei.services.setup import programs

    return await programs.newest(hub.database, program)


async def _back_test(hub: "Hub", draft: "Program", since: datetime, *, by_now: bool) -> "BackTest":
    from renkei.services.setup.backtest import back_test

    return await back_test(hub.database, draft, since, by_now=by_now)
