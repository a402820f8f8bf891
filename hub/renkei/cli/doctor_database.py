"""The database as `renkei doctor` sees it: server, version, schema, roles, guards, what waits."""

from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text

from renkei.bootstrap import database_home, existing_key_ring, key_place
from renkei.cli.doctor_checks import Finding, judged
from renkei.cli.doctor_queues import watched
from renkei.cli.screen import local, working
from renkei.config import Settings
from renkei.errors import ConfigInvalid, SealBroken
from renkei.ledger.guards import FROZEN_TABLES, REACH, UNGUARDED, UNKEYED
from renkei.messaging import reconciliations
from renkei.messaging.acceptance import KINDS
from renkei.messaging.alerts import OF_CONNECTIONS
from renkei.messaging.queues import MOST
from renkei.services.setup.installation import ABOUT, SEALED
from renkei.storage import embedded, schema
from renkei.storage.engine import APP_ROLE, OLDEST, connect_args, is_database_error

Check = Callable[[Connection], Finding]

NOT_COMPARED = "nothing was compared yet; `renkei serve` does it every night"


def database(settings: Settings) -> Iterator[Finding]:
    """Start or join the embedded server, or reach the other one, and look at what is in it."""
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    if settings.database_url is None:
        server = _embedded(database_home(settings), settings.postgres_bin)
        yield server[0]
        url = server[1]
    if url:
        yield from _inside(url, settings)


def _embedded(home: Path, binaries: Path | None) -> tuple[Finding, str]:
    """How the hub's own server is, and its address where it could be started."""
    name = "own server"
    try:
        before = embedded.status(home)
        if before.version is None:
            return Finding(name, True, "not made yet: `renkei serve` makes it"), ""
        with working("starting the database"):
            server = embedded.start(home, binaries=binaries)
    except embedded.EmbeddedRefused as error:
        said = str(error).splitlines()[0]
        return Finding(name, False, said, "do what it says, and run doctor again"), ""
    except OSError as error:
        mend = f"let its owner read and write all that is in {home}, and be its owner or root"
        return Finding(name, False, str(error), mend), ""
    state = "running" if before.running else "starts"
    return Finding(name, True, f"PostgreSQL {before.version}, {state}"), server.url(APP_ROLE)


def _inside(url: str, settings: Settings) -> Iterator[Finding]:
    args = connect_args(make_url(url), "renkei doctor")
    engine = create_engine(url, hide_parameters=True, connect_args=args)
    try:
        with engine.connect() as conn:
            yield Finding("database", True, "can be reached")
            yield version(conn)
            revision = migrations(conn)
            yield revision
            if revision.ok:
                yield key(conn, settings)
                for check in CHECKS:
                    yield check(conn)
                yield from watched(conn)
    except Exception as error:
        if not is_database_error(error):
            raise
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        mend = "check that it runs, and database_url in renkei.toml or RENKEI_DATABASE_URL"
        yield Finding("database", False, said, mend)
    finally:
        engine.dispose()


def version(conn: Connection) -> Finding:
    """Whether the server is new enough."""
    number = int(conn.execute(text("SHOW server_version_num")).scalar_one())
    said = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    mend = f"use PostgreSQL {OLDEST} or newer"
    ok = number // 10_000 >= OLDEST
    return Finding("database version", ok, said, "" if ok else mend)


def migrations(conn: Connection) -> Finding:
    """Whether the schema is the one this program needs."""
    has, needs = schema.current(conn), schema.newest()
    if has == needs:
        return Finding("schema", True, f"revision {has}")
    said = f"revision {has or 'none'}, this program needs {needs}"
    if has is not None and not schema.knows(has):
        return Finding("schema", False, said, schema.OF_A_NEWER)
    return Finding(
        "schema", False, said, "start `renkei serve` once with the owner's migration_url"
    )


def key(conn: Connection, settings: Settings) -> Finding:
    """Whether the secret key is the one that this database was made with."""
    name, sealed = "key of the database", conn.execute(text(SEALED)).scalar_one_or_none()
    if sealed is None:
        return Finding(name, True, "nothing is sealed yet")
    try:
        existing_key_ring(settings).open(sealed, ABOUT)
    except (ConfigInvalid, SealBroken):
        mend = "put the hub's own key back, as it was kept beside the backups"
        return Finding(name, False, f"{key_place(settings)} does not open what is sealed", mend)
    return Finding(name, True, "opens what is sealed")


def roles(conn: Connection) -> Finding:
    """Whether the running role can change nothing that is posted."""
    role = conn.execute(text("SELECT current_user")).scalar_one()
    if reached := sorted(conn.execute(text(REACH)).scalars()):
        mend = f"let database_url log in as {APP_ROLE}, and migration_url as the owner"
        if role == APP_ROLE:
            mend = f"as the owner: take back what {role} or PUBLIC may do there beyond INSERT"
        said = f"{role} could change what is posted in {', '.join(reached[:3])}"
        more = f" and {len(reached) - 3} more tables" * (len(reached) > 3)
        return Finding("roles", False, said + more, mend)
    return Finding("roles", True, f"runs as {role}, who can change nothing that is posted")


def guards(conn: Connection) -> Finding:
    """Whether the triggers that refuse changes are there, unchanged, and always fire."""
    rows = [*conn.execute(text(UNGUARDED)).scalars(), *conn.execute(text(UNKEYED)).scalars()]
    if missing := sorted({table.removeprefix("table ") for table in rows}):
        mend = (
            "`renkei ledger verify` says of each what is wrong; a guard that was put off, as the "
            "owner: ALTER TABLE <table> ENABLE ALWAYS TRIGGER frozen (delivery: and emptied)"
        )
        return Finding("guards", False, f"not guarded: {', '.join(missing)}", mend)
    return Finding("guards", True, f"{len(FROZEN_TABLES)} tables refuse changes")


def authorizations(conn: Connection) -> Finding:
    """Whether every connection is let in by its vendor."""
    rows = conn.execute(
        text(
            "SELECT connection_id FROM connection WHERE state = 'needs_authorization' "
            "ORDER BY connection_id"
        )
    )
    if waiting := list(rows.scalars()):
        mend = "give it new credentials: `renkei connect <vendor> --id <connection> --replace`"
        return Finding("connections", False, f"not let in: {', '.join(waiting)}", mend)
    return Finding("connections", True, "every connection is let in")


def deliveries(conn: Connection) -> Finding:
    """Whether the vendors' deliveries come, and are genuine, as usual."""
    rows = conn.execute(text(OF_CONNECTIONS), {"kinds": list(KINDS)})
    mend = "do what it says; the alarm ends with the next genuine delivery"
    return judged("deliveries", [message for _, message in rows], mend, "as usual")


def reconciliation(conn: Connection) -> Finding:
    """Whether the vendors show what the books say, as far as it was compared."""
    rows = conn.execute(text(reconciliations.NEWEST), {"c": None}).all()
    kinds = conn.execute(text(reconciliations.BRIEFLY)).all()
    found = reconciliations.outcomes(rows, kinds)
    differing = [_differing(one) for one in found if not one.agrees]
    well = f"{len(found)} connections compared, nothing differs" if found else NOT_COMPARED
    return judged("reconciliation", differing, "renkei reconcile <connection> --repair", well)


def _differing(one: reconciliations.Outcome) -> str:
    kinds = ", ".join(
        f"{count} {kind.replace('_', ' ')}" for kind, count in one.drift.items() if count
    )
    least = "at least " * (sum(one.drift.values()) >= MOST)
    return (
        f"{one.connection}: {one.explained} % explained, {least}{kinds}, since {local(one.oldest)}"
    )


RAISED = f"""
SELECT kind, count(*) FROM (SELECT kind FROM alert WHERE closed_at IS NULL LIMIT {MOST}) open
GROUP BY kind ORDER BY kind"""


def alerts(conn: Connection) -> Finding:
    """Whether the hub asks for a person."""
    rows = conn.execute(text(RAISED)).all()
    if raised := ", ".join(f"{count} {kind}" for kind, count in rows):
        least = "at least " * (sum(count for _, count in rows) >= MOST)
        return Finding(
            "alerts",
            False,
            f"{least}{raised}",
            "`renkei alerts` lists them, and closes those that were dealt with",
        )
    return Finding("alerts", True, "none")


CHECKS: tuple[Check, ...] = (
    roles,
    guards,
    authorizations,
    deliveries,
    reconciliation,
    alerts,
)
"""What is looked at where the schema is this program's."""
