"""``renkei queue``, ``replay`` and ``dismiss``: what was given up or waits, tried again or left."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.moments import INSTANTS, in_japan
from renkei.cli.screen import as_json, local, say, table
from renkei.cli.words import said

if TYPE_CHECKING:
    from renkei.bootstrap import Hub
    from renkei.messaging.dead_letters import Letter
    from renkei.services.flow.replay import Replay

Json = Annotated[bool, typer.Option("--json", help="for a program")]

COLUMNS = ("queue", "name", "since", "tries", "why", "next try")


def queue(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(help="one of `renkei connections`; else every one")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="only what was given up")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="only what waits")] = False,
    json: Json = False,
) -> None:
    """List deliveries, readings, balances and codes that were given up or wait, and why."""
    settings = invocation(context).settings()
    both = dead == waiting
    found = with_hub(
        settings, lambda hub: _listed(hub, connection, dead=dead or both, waiting=waiting or both)
    )
    if json:
        as_json({name: [one._asdict() for one in letters] for name, letters in found.items()})
        return
    for name, letters in found.items():
        if letters:
            table(name.replace("_", " "), COLUMNS, [_row(one) for one in letters])
        else:
            say("nothing was given up" if name == "given_up" else "nothing waits")
    _say_what_is_left_out(found.values())


def replay(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            help="connection/name, as `renkei queue` lists them; with --all-dead: connections"
        ),
    ],
    all_dead: Annotated[
        bool, typer.Option("--all-dead", help="all that was given up at these connections")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(formats=INSTANTS, help="with --all-dead: what came in from then on"),
    ] = None,
    json: Json = False,
) -> None:
    """Let `renkei serve` try again what was given up; nothing is booked twice by it."""
    if since is not None and not all_dead:
        raise typer.BadParameter("--since goes with --all-dead")
    moment, settings = in_japan(since), invocation(context).settings()
    if all_dead:
        back = with_hub(settings, lambda hub: _service(hub).everything(names, moment))
    else:
        back = with_hub(settings, lambda hub: _service(hub).named(names))
    if json:
        as_json({"replayed": back})
    else:
        say(f"{back} put back: `renkei serve` tries {'it' if back == 1 else 'them'} again")


def dismiss(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(help="connection/name, as `renkei queue --dead` lists them")
    ],
    by: Annotated[str, typer.Option(help="who decided; kept with it as said", callback=said)],
    reason: Annotated[
        str, typer.Option(help="why it is never needed; kept as well", callback=said)
    ],
    json: Json = False,
) -> None:
    """Leave deliveries, readings and balances that were given up for good, tried no more."""
    settings = invocation(context).settings()
    left = with_hub(settings, lambda hub: _service(hub).dismiss(names, by, reason))
    if json:
        as_json({"dismissed": left})
    else:
        say(f"{left} left for good")


async def _listed(
    hub: "Hub", connection: str | None, *, dead: bool, waiting: bool
) -> "dict[str, list[Letter]]":
    service = _service(hub)
    found = {"given_up": await service.dead(connection)} if dead else {}
    return found | ({"waiting": await service.waiting(connection)} if waiting else {})


def _say_what_is_left_out(lists: "Iterable[Sequence[Letter]]") -> None:
    from renkei.messaging.dead_letters import MOST

    counts = [number for one in lists for number in Counter(each.queue for each in one).values()]
    if max(counts, default=0) >= MOST:
        say(f"of each queue {MOST:,} are listed at most: there may be more")


def _service(hub: "Hub") -> "Replay":
    from renkei.services.flow.replay import Replay

    return Replay(hub.connections, hub.database, hub.clock)


def _row(one: "Letter") -> tuple[object, ...]:
    full = f"{one.connection}/{one.name}"
    queue = one.queue.replace("_", " ")
    return (queue, full, local(one.since), one.tries, one.why or "", local(one.due))
