"""``renkei reconcile``: orders, postings and a vendor's balances compared, and put right."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, errors, local, say, table, working
from renkei_contracts.errors import RenkeiError

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.messaging.drift import Drift
    from renkei.messaging.reconciliations import Outcome
    from renkei.services.reconcile_now import ReconcileNow, Repaired

SHOWN = 20
"""What differs is listed up to so many of a connection, the longest standing first."""


@dataclass(frozen=True)
class Compared:
    """One connection: what was found, some of what differs, and what was ordered about it."""

    outcome: "Outcome"
    differing: "Sequence[Drift]"
    repaired: "Repaired | None" = None


def reconcile(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(help="one of `renkei connections`; else each that can be")
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="write balances that differ, read orders that are missing"),
    ] = False,
    last: Annotated[
        bool, typer.Option("--last", help="compare nothing: what the last time found")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Compare orders, postings and the vendor's balances; exit code 1 where they differ."""
    settings = invocation(context).settings()
    found, failed = with_hub(settings, lambda hub: _all(hub, connection, repair=repair, last=last))
    ok = not failed and all(one.outcome.agrees for one in found)
    if json:
        as_json({"ok": ok, "connections": _rows(found), "not_compared": failed})
    else:
        _show(found, failed)
    if not ok:
        raise typer.Exit(2 if failed else 1)


async def _all(
    hub: "Hub", connection: str | None, *, repair: bool, last: bool
) -> "tuple[list[Compared], dict[str, str]]":
    """Each connection's, and why others were not compared: a vendor that is down hides no other."""
    from renkei.services.reconcile_now import ReconcileNow
    from renkei.worker import tools_of

    service = ReconcileNow(tools_of(hub))
    found: list[Compared | None] = []
    failed: dict[str, str] = {}
    for id in [connection] if connection else await service.connections():
        try:
            found.append(await _one(service, id, repair=repair, last=last))
        except RenkeiError as error:
            if connection:
                raise
            failed[id] = str(error)
    return [one for one in found if one is not None], failed


async def _one(service: "ReconcileNow", id: str, *, repair: bool, last: bool) -> "Compared | None":
    with working(f"comparing {id}"):
        outcome = await (service.last if last else service.compare)(id)
    if outcome is None:
        return None
    repaired = await service.repair(id) if repair else None
    return Compared(outcome, await service.differing(id, SHOWN), repaired)


def _rows(found: "Sequence[Compared]") -> list[dict[str, Any]]:
    return [
        asdict(one.outcome)
        | {"agrees": one.outcome.agrees, "explained_percent": one.outcome.explained}
        | {"differing": [asdict(each) for each in one.differing]}
        | {"repaired": asdict(one.repaired) if one.repaired else None}
        for one in found
    ]


def _show(found: "Sequence[Compared]", failed: dict[str, str]) -> None:
    for reason in failed.values():
        errors.print(f"✘ {reason}", markup=False, soft_wrap=True)
    if not found:
        say("nothing was compared yet")
        return
    kinds = [kind.replace("_", " ") for kind in found[0].outcome.drift]
    more = ("members", "on their way", "orders", "compared at")
    columns = ("connection", "explained", "oldest", *kinds, *more)
    table("", columns, [_line(one.outcome) for one in found])
    for one in found:
        _show_differing(one)


def _line(one: "Outcome") -> tuple[object, ...]:
    tally = one.tally
    seen = (tally.members, tally.moving, max(tally.orders, tally.listed), local(one.finished_at))
    points = (one.connection, f"{one.explained} %", local(one.oldest) or "–")
    return (*points, *one.drift.values(), *seen)


def _show_differing(one: Compared) -> None:
    if one.differing:
        rows = [
            (each.what, each.subject, each.kind, each.hub, each.vendor, local(each.since))
            for each in one.differing
        ]
        columns = ("what", "id", "how", "points here", "points there", "since")
        table(f"{one.outcome.connection} differs in", columns, rows)
    if one.repaired is None:
        return
    done = one.repaired
    say(
        f"{one.outcome.connection}: {done.balances} balances will be written again and "
        f"{done.orders} orders read again by `renkei serve`; then compare once more"
        if done.balances or done.orders
        else f"{one.outcome.connection}: nothing that `renkei serve` could put right"
    )
    if done.left:
        say(f"{done.left} orders have points they were not settled for: `renkei ledger verify`")
