"""``renkei till-test``: the 連携テスト of POS vendors, against a hub over HTTP."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.hubs import with_hub
from renkei.cli.invocation import invocation
from renkei.cli.running import run_async
from renkei.cli.screen import as_json, say, table

if TYPE_CHECKING:
    from renkei.till_test.run import Result


def till_test(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="the hub's address, without a path")] = "",
    key: Annotated[str, typer.Option(help="the till's key id")] = "",
    secret: Annotated[
        str, typer.Option(envvar="RENKEI_TILL_SECRET", help="the till's secret")
    ] = "",
    store: Annotated[str, typer.Option(help="the till's store, as its credential has it")] = "",
    till: Annotated[str, typer.Option(help="the till, as its credential has it")] = "",
    prepare: Annotated[
        str | None, typer.Option(help="make the fixed members at this connection, and stop")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="for a program")] = False,
) -> None:
    """Play the cases that a POS vendor signs off on, and print which the hub passed.

    For a test installation: its fixed members are made once, on the hub's machine, by --prepare.
    """
    if prepare is not None:
        _prepare(context, prepare, json=json)
        return
    if not (url and key and secret and store and till):
        raise typer.BadParameter("give --url, --key, --secret, --store and --till, or --prepare")
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"--url {url!r:.80}: must begin with http:// or https://")
    results = run_async(_played(url, key, secret, store, till))
    if json:
        as_json({"passed": all(one.passed for one in results), "cases": [*map(asdict, results)]})
    else:
        _show(results)
    if not all(one.passed for one in results):
        raise typer.Exit(1)


def _prepare(context: typer.Context, connection: str, *, json: bool) -> None:
    from renkei.till_test import members

    with_hub(invocation(context).settings(), lambda hub: members.prepare(hub, connection))
    made = {
        "member with points": members.RICH,
        "members with one phone number": [*members.OTHERS],
        "phone": members.SHARED_PHONE,
    }
    if json:
        as_json(made)
        return
    for name, value in made.items():
        said = value if isinstance(value, str) else ", ".join(value)
        say(f"{name}: {said}")
    say("Next: renkei terminal add, and renkei till-test with its credential.")


async def _played(url: str, key: str, secret: str, store: str, till: str) -> "list[Result]":
    import httpx

    from renkei.till_test.caller import TIMEOUT, Till
    from renkei.till_test.run import play

    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
        return await play(Till(http, key, secret, store, till))


def _show(results: "list[Result]") -> None:
    rows = [
        (one.id, one.title, "合格" if one.passed else "不合格", one.fault or one.expects)
        for one in results
    ]
    table("連携テスト", ("番号", "内容", "判定", "期待する結果・相違"), rows)
    passed = sum(one.passed for one in results)
    say(f"{passed} / {len(results)} 合格")
