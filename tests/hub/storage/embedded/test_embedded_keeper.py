"""A server that nothing keeps up any more is started again by the hub that uses it."""

import asyncio
import os
import re
import signal
from pathlib import Path

import psycopg
from structlog.testing import capture_logs

from renkei.storage import embedded
from renkei.storage.embedded_keeper import kept_up

OFTEN = 0.05


def abandon(home: Path) -> None:
    """Kill the supervisor and its server, as they are after the supervisor has given up."""
    supervisor = re.findall(r"renkei: supervisor (\d+) starts", (home / "log").read_text())[-1]
    postmaster = (home / "data" / "postmaster.pid").read_text().partition("\n")[0]
    for pid in (supervisor, postmaster):
        os.kill(int(pid), signal.SIGKILL)


async def gone(home: Path) -> None:
    async with asyncio.timeout(60):
        while embedded.status(home).running:  # noqa: ASYNC110 - its last processes are ending
            await asyncio.sleep(OFTEN)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


async def test_a_server_that_was_given_up_is_started_again(home: Path) -> None:
    url = embedded.start(home).libpq_url()
    abandon(home)
    await gone(home)
    async with kept_up(home, every=OFTEN), asyncio.timeout(60):
        while not answers(url):  # noqa: ASYNC110 - another process starts it
            await asyncio.sleep(OFTEN)


async def test_why_it_cannot_be_started_again_is_logged(home: Path) -> None:
    embedded.start(home)
    abandon(home)
    await gone(home)
    (home / "data" / "PG_VERSION").write_text("17\n")
    with capture_logs() as logs:
        async with kept_up(home, every=OFTEN), asyncio.timeout(60):
            while not logs:  # noqa: ASYNC110 - a thread writes it
                await asyncio.sleep(OFTEN)
    assert logs[0]["event"] == "database_stopped"
    assert "is PostgreSQL 17, and" in logs[0]["reason"]
