"""``renkei adjust``: a person gives points, or takes them, and says why."""

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.members import Who
from renkei.cli.moments import DAYS, in_japan
from renkei.cli.screen import as_json, local, say
from renkei.cli.words import named, said
from renkei_contracts.base import MAX_AMOUNT

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei_contracts.point import Corrected


def adjust(
    context: typer.Context,
    member: Who,
    reason: Annotated[
        str, typer.Option(help="why; kept sealed, for the member's key only", callback=said)
    ],
    by: Annotated[str, typer.Option(help="who decided; kept sealed as well", callback=said)],
    give: Annotated[int, typer.Option(min=0, max=MAX_AMOUNT, help="points to give")] = 0,
    take: Annotated[
        int,
        typer.Option(min=0, max=MAX_AMOUNT, help="points to take, of those that can be spent"),
    ] = 0,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=DAYS, help="last day of given points, in Japan; else as the program says"
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="makes it happen once, however often it is sent", callback=named),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Give a member points, or take some, by a person's decision; every channel shows it."""
    if (give > 0) == (take > 0):
        raise typer.BadParameter("say how many points: either --give or --take")
    if take and until is not None:
        raise typer.BadParameter("--until is for points that are given")
    key = f"adjust-{secrets.token_hex(8)}" if key is None else key
    who, done = with_hub(
        invocation(context).settings(),
        lambda hub: _book(hub, member, give - take, until, key=key, reason=reason, by=by),
    )
    if json:
        as_json({"member": who, "key": key, **done.model_dump(mode="json")})
    else:
        say(f"{who}: {done.points:+d} points, {done.spendable} to spend (key {key})")


async def _book(
    hub: "Hub", name: str, points: int, until: datetime | None, *, key: str, reason: str, by: str
) -> "tuple[str, Corrected]":
    """Gives the member who was meant, and what it came to."""
    from renkei.services.members.members import find_member
    from renkei.services.points.corrections import Adjust
    from renkei_contracts.point import Adjustment

    last = in_japan(until)
    ends = last + timedelta(days=1) if last else None
    if ends is not None and ends <= hub.clock():
        raise typer.BadParameter(f"--until {local(last)}: these points would be over already")
    who = await find_member(hub.booking, name)
    ask = Adjustment(member=who, key=key, points=points, reason=reason, by=by, expires_at=ends)
    return who, await hub.booking.committer.submit(Adjust(ask, hub.ring))
