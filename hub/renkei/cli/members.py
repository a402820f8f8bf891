"""``renkei members``, ``balance``, ``explain``: who there is, and why a balance is what it is."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.moments import INSTANTS, in_japan
from renkei.cli.screen import as_json, local, say, table

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.ledger.history import Standing
    from renkei.services.members.members import Line, MemberBalance
    from renkei.services.members.notes import Notes

Json = Annotated[bool, typer.Option("--json", help="for a program")]
Who = Annotated[str, typer.Argument(metavar="MEMBER", help="member id or card number")]

MOST = 10_000


def members(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="how many at most")] = 50,
    json: Json = False,
) -> None:
    """List members with their balances, the newest first; names are masked."""
    from renkei.services.members.members import list_members

    found = with_hub(invocation(context).settings(), lambda hub: list_members(hub.booking, limit))
    if json:
        as_json({"members": [asdict(one) for one in found]})
        return
    rows = [
        (one.member, one.masked_name, one.state, one.available, one.pending, one.held, one.debt)
        for one in found
    ]
    table("", ("member", "name", "state", "available", "pending", "held", "debt"), rows)


def balance(
    context: typer.Context,
    member: Who,
    at: Annotated[
        datetime | None,
        typer.Option(formats=INSTANTS, help="as of this moment (Japan time unless it says)"),
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option(formats=INSTANTS, help="as far as it was recorded by then"),
    ] = None,
    json: Json = False,
) -> None:
    """Show what a member can spend, and what each channel was told; or what there was once."""
    if at is not None or known_at is not None:
        _show_standing(context, member, at, known_at, json)
        return
    found = with_hub(invocation(context).settings(), lambda hub: _balance(hub, member))
    if json:
        as_json(asdict(found))
    else:
        _show_balance(found)


def explain(
    context: typer.Context,
    member: Who,
    notes: Annotated[
        bool,
        typer.Option("--notes", help="and what is kept sealed: who decided adjustments, and why"),
    ] = False,
    json: Json = False,
) -> None:
    """Show every movement of a member's points, and why each happened."""
    settings = invocation(context).settings()
    who, found, said = with_hub(settings, lambda hub: _explain(hub, member, notes=notes))
    if json:
        rows = [line._asdict() for line in found]
        noted = [{"note": said.get((line.home, line.transaction))} for line in found]
        lines = [row | note for row, note in zip(rows, noted, strict=True)] if notes else rows
        as_json({"member": who, "lines": lines})
    else:
        show_lines(who, found, said)


def _show_standing(
    context: typer.Context, member: str, at: datetime | None, known_at: datetime | None, json: bool
) -> None:
    moments = (in_japan(at), in_japan(known_at))
    settings = invocation(context).settings()
    found = with_hub(settings, lambda hub: _standing(hub, member, *moments))
    if json:
        as_json(asdict(found))
        return
    rows = [(name, points) for name, points in asdict(found).items() if isinstance(points, int)]
    title = f"{member} at {local(found.at)}, as known at {local(found.known_at)}"
    table(title, ("account", "points"), rows)


async def _standing(
    hub: "Hub", name: str, at: datetime | None, known_at: datetime | None
) -> "Standing":
    from renkei.services.members import members as service

    member = await service.find_member(hub.booking, name)
    return await service.balance_at(hub.booking, member, at or hub.clock(), known_at)


async def _balance(hub: "Hub", name: str) -> "MemberBalance":
    from renkei.services.members import members as service

    return await service.balance(hub.booking, await service.find_member(hub.booking, name))


async def _explain(hub: "Hub", name: str, *, notes: bool) -> "tuple[str, list[Line], Notes]":
    from renkei.services.members import members as service
    from renkei.services.members.notes import read_notes

    member = await service.find_member(hub.booking, name)
    await service.balance(hub.booking, member)  # a member without movements is not an unknown one
    said = await read_notes(hub.booking, member) if notes else {}
    return member, await service.explain(hub.booking, member), said


def _show_balance(found: "MemberBalance") -> None:
    say(f"{found.member}: {found.spendable} points to spend")
    if found.tier:
        say(f"  tier: {found.tier}")
    for name, points in (("pending", found.pending), ("held", found.held), ("debt", found.debt)):
        if points:
            say(f"  {name}: {points}")
    for day, points in found.by_expiry:
        say(f"  {points} until {day}")
    rows = [
        (
            channel.connection,
            channel.external_id or "not created yet",
            channel.written_points,
            local(channel.written_at),
            _state(channel.parked, channel.wanted_version > channel.written_version),
            channel.last_error,
        )
        for channel in found.channels
    ]
    table("", ("channel", "its member", "was told", "when", "state", "last error"), rows)


def _state(parked: bool, behind: bool) -> str:
    if parked:
        return "given up"
    return "on its way" if behind else "up to date"


def show_lines(member: str, lines: "list[Line]", notes: "Notes | None" = None) -> None:
    """The movements as a statement: oldest first, with the balance after each."""
    told = notes or {}
    rows = [
        (
            line.transaction,
            local(line.event_at),
            line.rule,
            f"{line.after - line.before:+d}",
            line.after,
            line.order,
            "; ".join((*line.reasons, *_noted(told.get((line.home, line.transaction))))),
        )
        for line in lines
    ]
    columns = ("no.", "when", "what", "points", "balance", "sale", "why")
    table(member, columns, rows)


def _noted(note: dict[str, str] | None) -> tuple[str, ...]:
    return (f"{note['reason']} ({note['by']})",) if note else ()
