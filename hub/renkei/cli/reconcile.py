"""``renkei reconcile``: orders, postings and a vendor's balances compared, and put right."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, errors, local, say, table, working
from renkei.cli.words import said
from renkei_contracts.errors import RenkeiError

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.messaging.drift import Drift
    from renkei.messaging.reconciliations import Outcome
    from renkei.services.flow.adopt import Adopt, Adopted
    from renkei.services.flow.reconcile_now import ReconcileNow, Repaired

SHOWN = 20
"""What differs is listed up to so many of a connection, the longest standing first."""


@dataclass(frozen=True)
class Compared:
    """One connection: what was found, some of what differs, and what was ordered about it."""

    outcome: "Outcome"
    differing: "Sequence[Drift]"
    repaired: "Repaired | None" = None
    adopted: "Adopted | None" = None


@dataclass(frozen=True)
class Wanted:
    """What is to be done. ``by``: who has decided that points given at the vendor are booked, and
    ``taken``: those that were taken there as well."""

    repair: bool
    last: bool
    by: str | None
    taken: bool


def reconcile(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(help="one of `renkei connections`; else each that can be")
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="write balances that differ, read orders that are missing"),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="book points that somebody gave at the vendor"),
    ] = False,
    taken: Annotated[
        bool, typer.Option("--taken", help="with --adopt: those that somebody took there as well")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="with --adopt: who decided it", callback=said)
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="compare nothing: what the last time found")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Compare orders, postings and the vendor's balances; exit code 1 where they differ."""
    alone = adopt and connection is not None and not repair and not last
    if (adopt or taken or by is not None) and not (alone and by is not None):
        raise typer.BadParameter(
            "to adopt: renkei reconcile CONNECTION --adopt [--taken] --by NAME"
        )
    wanted = Wanted(repair, last, by, taken)
    settings = invocation(context).settings()
    found, failed = with_hub(settings, lambda hub: _all(hub, connection, wanted))
    ok = not failed and all(one.outcome.agrees for one in found)
    if json:
        as_json({"ok": ok, "connections": _rows(found), "not_compared": failed})
    else:
        _show(found, failed, last=last)
    if not ok:
        raise typer.Exit(2 if failed else 1)


async def _all(
    hub: "Hub", connection: str | None, wanted: Wanted
) -> "tuple[list[Compared], dict[str, str]]":
    """Each connection's, and why others were not compared: a vendor that is down hides no other."""
    from renkei.services.flow.adopt import Adopt
    from renkei.services.flow.reconcile_now import ReconcileNow
    from renkei.worker import tools_of

    service, adopting = ReconcileNow(tools_of(hub)), Adopt(hub.booking, hub.connections)
    found: list[Compared | None] = []
    failed: dict[str, str] = {}
    for id in [connection] if connection else await service.connections():
        try:
            found.append(await _one(service, adopting, id, wanted))
        except RenkeiError as error:
            if connection:
                raise
            failed[id] = str(error)
    return [one for one in found if one is not None], failed


async def _one(
    service: "ReconcileNow", adopting: "Adopt", id: str, wanted: Wanted
) -> "Compared | None":
    with working(f"comparing {id}"):
        outcome = await (service.last if wanted.last else service.compare)(id)
    if outcome is None:
        return None
    differing = await service.differing(id, SHOWN)
    repaired = await service.repair(id) if wanted.repair else None
    adopted = None
    if wanted.by is not None:
        adopted = await adopting.adopt(id, wanted.by, taken=wanted.taken)
    return Compared(outcome, differing, repaired, adopted)


def _rows(found: "Sequence[Compared]") -> list[dict[str, Any]]:
    return [
        asdict(one.outcome)
        | {"agrees": one.outcome.agrees, "explained_percent": one.outcome.explained}
        | {"differing": [asdict(each) for each in one.differing]}
        | {"repaired": asdict(one.repaired) if one.repaired else None}
        | {"adopted": one.adopted._asdict() if one.adopted else None}
        for one in found
    ]


def _show(found: "Sequence[Compared]", failed: dict[str, str], *, last: bool) -> None:
    for reason in failed.values():
        errors.print(f"✘ {reason}", markup=False, soft_wrap=True)
    if not found and not failed:
        nobody = "no shop is connected: see `renkei connections`"
        say("nothing was compared yet" if last else nobody)
    for one in found:
        say(_line(one.outcome))
        _show_differing(one)


def _line(one: "Outcome") -> str:
    tally = one.tally
    seen = f"{tally.members} members, {max(tally.orders, tally.listed)} orders"
    kinds = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in one.drift.items())
    oldest = f"; the oldest since {local(one.oldest)}" if one.oldest else ""
    return (
        f"{one.connection}: {one.explained} % of the points are explained ({seen}, {tally.moving} "
        f"on their way), as compared at {local(one.finished_at)}\n  differ: {kinds}{oldest}"
    )


def _show_differing(one: Compared) -> None:
    if one.differing:
        rows = [
            (each.what, each.subject, each.kind, each.hub, each.vendor, local(each.since))
            for each in one.differing
        ]
        columns = ("what", "id", "how", "points here", "points there", "since")
        table(f"{one.outcome.connection} differs in", columns, rows)
    if one.repaired is not None:
        _show_repaired(one.outcome.connection, one.repaired)
    if one.adopted is not None:
        _show_adopted(one.outcome.connection, one.adopted)


def _show_repaired(connection: str, done: "Repaired") -> None:
    say(
        f"{connection}: {done.balances} balances will be written again and "
        f"{done.orders} orders read again by `renkei serve`; then compare once more"
        if done.balances or done.orders
        else f"{connection}: nothing that `renkei serve` could put right"
    )
    if done.left:
        say(f"{done.left} orders have points they were not settled for: `renkei ledger verify`")


def _show_adopted(connection: str, done: "Adopted") -> None:
    say(
        f"{connection}: booked for {done.members} members what was changed there: {done.given} "
        f"points given, {done.taken} taken"
    )
    if done.too_new:
        say(
            f"{done.too_new} changes are too new to tell from a purchase, are no more what they "
            "were, or a newer balance is on its way there: once more in 10 minutes"
        )
    if done.left:
        say(
            f"{done.left} members have fewer points there, and nothing is booked of it: it may be "
            "a checkout that is no order yet; --taken books that, too"
        )
    if done.beyond:
        say(f"{done.beyond} changes are not booked: no member can have or owe so many points")
