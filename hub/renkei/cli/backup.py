"""``renkei backup`` and ``renkei restore``: the hub's own database in one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.invocation import invocation
from renkei.cli.screen import as_json, local, say, working
from renkei.config import Settings
from renkei.errors import BackupRefused

if TYPE_CHECKING:
    from renkei.storage.backup import Manifest

File = Annotated[Path, typer.Argument(help="a new file that only you can read")]
Kept = Annotated[Path, typer.Argument(help="a file that `renkei backup` wrote")]
Json = Annotated[bool, typer.Option("--json", help="for a program")]


def backup(context: typer.Context, file: File, json: Json = False) -> None:
    """Write the hub's own database to a file, as it is now; the hub may run meanwhile."""
    from renkei.bootstrap import existing_key_ring, key_place
    from renkei.storage.backup import back_up

    settings = _own_database(invocation(context).settings())
    home = _home(settings)
    if _version(home) is None:
        raise BackupRefused(f"there is no database in {home} yet: `renkei serve` makes it")
    ring, file = existing_key_ring(settings), file.absolute()
    with working("writing the backup"):
        from renkei.storage import embedded

        server = embedded.start(home, binaries=settings.postgres_bin)
        made = back_up(server.url(), _programs(settings), ring, file)
    _show(f"✔ {file}", made, json=json)
    if not json:
        say(
            f"The secret key is not in it: keep a copy of {key_place(settings)} somewhere else. "
            "Without it names, identities and settings cannot be read."
        )


def restore(context: typer.Context, file: Kept, json: Json = False) -> None:
    """Bring a backup back into a data folder that has no database yet, all of it or nothing."""
    from renkei.bootstrap import database_urls, existing_key_ring, key_place
    from renkei.storage import embedded
    from renkei.storage.backup import read_manifest, require_key
    from renkei.storage.backup import restore as bring_back

    settings, file = _own_database(invocation(context).settings()), file.absolute()
    manifest = read_manifest(file)
    require_key(manifest, existing_key_ring(settings), key_place(settings))
    with working("bringing the backup back"):
        server = embedded.start(_home(settings), binaries=settings.postgres_bin)
        bring_back(server.url(), _programs(settings), file)
        database_urls(settings)
    _show(f"✔ restored into {_home(settings)}", manifest, json=json)
    if not json:
        say("Next: renkei ledger verify; then renkei serve. See docs/operations.md on what is new.")


def _own_database(settings: Settings) -> Settings:
    if not settings.embedded:
        raise BackupRefused(
            "RENKEI_DATABASE_URL names a database that is not the hub's own: use pg_dump and "
            "pg_restore, or what your provider has for it"
        )
    return settings


def _home(settings: Settings) -> Path:
    from renkei.bootstrap import database_home

    return database_home(settings)


def _version(home: Path) -> str | None:
    from renkei.storage import embedded

    try:
        return embedded.status(home).version
    except PermissionError as error:
        raise BackupRefused(f"{home} is another user's: run as that user") from error


def _programs(settings: Settings) -> Path:
    from renkei.storage.embedded_binaries import bundled

    return settings.postgres_bin or bundled()


def _show(done: str, manifest: "Manifest", *, json: bool) -> None:
    if json:
        as_json(manifest.model_dump(mode="json", exclude={"key_trial"}))
        return
    holds = manifest.holds
    say(f"{done}: as of {local(manifest.made_at)}, by Renkei {manifest.renkei}")
    say(
        f"{holds.members} members, {holds.transactions} transactions, {holds.orders} orders, "
        f"{holds.deliveries} deliveries; the feed ends at {holds.feed_end}"
    )
