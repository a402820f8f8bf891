"""Whether the process lives, and whether it can do its work; and the page a person finds first."""

import asyncio
from functools import cache
from html import escape
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Connection, text
from starlette.responses import HTMLResponse, JSONResponse, Response

from renkei import __version__
from renkei.signing import Signer
from renkei.storage import schema
from renkei.storage.committer import brief
from renkei.storage.engine import Database, is_database_error
from renkei.web.problems import PROBLEMS, documented, refused, title_of
from renkei.web.served import Leaving, TheHub

READY_SECONDS = 3
STOPS = "this process is about to stop"

ROLE = """
SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
       OR has_table_privilege(current_user, 'posting', 'UPDATE, DELETE, TRUNCATE'),
       pg_is_in_recovery()"""

PAGE = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Renkei</title>
<h1>Renkei 連携</h1>
<p>Version {escape(__version__)}. One ledger for the members and points of every cart and till.</p>
<ul><li><a href="/openapi.json">the API</a></li><li><a href="/readyz">is it ready?</a></li></ul>
</html>
"""

router = APIRouter(tags=["operations"])


@router.get("/.well-known/renkei-keys.json", summary="Keys that check what the hub has signed")
async def keys(hub: TheHub) -> JSONResponse:
    """A JWK set; a till keeps it, to check an allowance without a network."""
    return JSONResponse(
        Signer(hub.ring).public_keys(), headers={"cache-control": "public, max-age=3600"}
    )


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"
    version: str = __version__


class Readiness(BaseModel):
    """Whether the hub can do its work, and what keeps it from it."""

    status: Literal["ready", "not_ready"]
    version: str = __version__
    reasons: list[str] = []


class ProblemKind(BaseModel):
    """What a problem's ``type`` leads to."""

    code: str
    title: str
    status: int
    message: str
    retryable: bool
    action: str


@router.get("/livez", summary="The process answers")
async def livez() -> Alive:
    """Says nothing of the database: restarting this process would not mend that."""
    return Alive()


@router.get(
    "/readyz",
    summary="The hub can do its work",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "not ready, with the reasons"}},
)
async def readyz(hub: TheHub, leaving: Leaving) -> Response:
    """The database answers, has the schema of this program, takes writes, and guards the books.

    Nor is this process about to stop: then it still answers, and whoever shares out requests has
    time to turn to another.
    """
    reasons = [STOPS] if leaving.is_set() else await _reasons(hub.database)
    ready = Readiness(status="not_ready" if reasons else "ready", reasons=reasons)
    return JSONResponse(ready.model_dump(), 503 if reasons else 200)


async def _reasons(database: Database) -> list[str]:
    try:
        async with asyncio.timeout(READY_SECONDS), database.begin() as conn:
            revision = await conn.run_sync(schema.current)
            if revision != _newest():
                return [f"the schema is {revision or 'missing'}, this program needs {_newest()}"]
            return await conn.run_sync(_reasons_of_role)
    except TimeoutError:
        return [f"the database does not answer within {READY_SECONDS} seconds"]
    except Exception as error:
        if not is_database_error(error):
            raise
        return [f"the database cannot be reached ({brief(error)})"]


def _reasons_of_role(conn: Connection) -> list[str]:
    role, could_change, standby = conn.execute(text(ROLE)).one()
    reasons = ["the database is a standby: it takes no writes"] if standby else []
    if could_change:
        reasons.append(f"the role {role} could change what is posted")
    return reasons


@cache
def _newest() -> str:
    return schema.newest()


@router.get(
    "/problems/{code}",
    summary="What a problem's type means",
    responses=documented("not_found", "request_invalid"),
)
async def problem_kind(code: str) -> ProblemKind:
    """One row of docs/errors.md."""
    if (row := PROBLEMS.get(code)) is None:
        raise refused("not_found")
    return ProblemKind(code=code, title=title_of(code), **row._asdict())


@router.get("/", include_in_schema=False)
async def front_page() -> HTMLResponse:
    """For a person who opens the address."""
    return HTMLResponse(PAGE, headers={"content-security-policy": "default-src 'none'"})
