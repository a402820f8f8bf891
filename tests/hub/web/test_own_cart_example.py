"""The cart of docs/examples as a program of its own, against a real hub over a real socket."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from renkei.bootstrap import Hub, new_id
from renkei.ledger.verify import verify
from renkei.services.setup import installation
from renkei.services.till import terminals
from renkei_contracts.twin.server import serve

FILE = Path(__file__).parents[3] / "docs" / "examples" / "own_cart.py"


async def test_the_example_sells_with_points_and_leaves_sound_books(hub: Hub, app: FastAPI) -> None:
    async with hub.database.begin() as conn:
        await installation.ensure_own_cart(conn, hub.ring, "net", hub.clock())
        credential = await terminals.add_application(
            conn, hub.ring, new_id, hub.clock(), connection="net", name="site"
        )
    keys = {"CART_KEY": credential.key_id, "CART_SECRET": credential.secret}
    async with serve(app) as url:
        told = await asyncio.to_thread(run, url, keys)
    booked = [(one["outcome"], one["earned"], one["used"], one["spendable"]) for one in told]
    assert booked == [
        ("settled", 19, 20, 20 - 20 + 19),
        ("settled", 9, 10, 19),
        ("settled", 0, 0, 20),
    ]
    async with hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()
        assert (await conn.execute(text("SELECT kind FROM alert"))).all() == []


def run(url: str, keys: dict[str, str]) -> list[dict[str, Any]]:
    """What the program has to say."""
    command = [sys.executable, str(FILE), url, "net"]
    done = subprocess.run(
        command, env=os.environ | keys, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_it_is_short_enough_to_be_read() -> None:
    assert len(FILE.read_text("utf-8").splitlines()) < 150
