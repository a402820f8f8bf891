"""`renkei connect --authorize`: an owner's consent in the browser, pasted back, opens the shop."""

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx
import pytest

from renkei.registry import load_registry
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE
from renkei_contracts.testing import Bench

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
TOKENS = {"eccube": "refresh_token", "colorme": "access_token"}
"""The setting that is left out, since the owner's consent is to bring what it holds."""


async def pasted_back(asked: asyncio.StreamReader) -> str:
    """The address at which the browser ends, once the page of consent is shown."""
    while line := (await asked.readline()).decode():
        if found := re.search(r"https?://\S+", line):
            async with httpx.AsyncClient(trust_env=False) as browser:
                return (await browser.get(found[0])).headers["location"] + "\n"
    raise AssertionError("no page was shown")


@pytest.mark.parametrize("vendor", TOKENS)
async def test_an_owner_authorizes_the_hub_by_hand(
    vendor: str, server: EmbeddedServer, database_name: str, tmp_path: Path
) -> None:
    here = {
        "RENKEI_DATABASE_URL": server.url(APP_ROLE, database_name),
        "RENKEI_MIGRATION_URL": server.url(database=database_name),
        "RENKEI_SECRET_KEY": KEY,
        "RENKEI_DATA_DIR": str(tmp_path),
    }
    async with Bench(load_registry().vendors[vendor]) as bench:
        given = {name: one for name, one in bench.settings().items() if name != TOKENS[vendor]}
        settings = [part for name, one in given.items() for part in ("--set", f"{name}={one}")]
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "renkei", "connect", vendor, "--authorize", *settings),
            env={**os.environ, **here},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert ran.stderr is not None
        async with asyncio.timeout(100):
            address = await pasted_back(ran.stderr)
            told, said = await ran.communicate(address.encode())
    assert ran.returncode == 0, said.decode()
    assert f"{vendor} is connected" in told.decode()
