"""Running the demo: its own database, the hub on a free port, both stages, the story, the report."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli.connecting import NewConnection, connect_shop
from renkei.cli.connection_settings import with_path_secret
from renkei.cli.demo_hub import Books
from renkei.cli.demo_report import Report, show_addresses, show_steps
from renkei.cli.demo_stages import Cast, Wanted, cast
from renkei.cli.demo_story import Story, StoryBroken, Told
from renkei.cli.hubs import opened
from renkei.cli.invocation import Invocation, require_data_dir
from renkei.cli.ledger import verified
from renkei.cli.listening import listen, url_of
from renkei.cli.members import show_lines
from renkei.cli.running import run_async
from renkei.cli.screen import as_json, errors
from renkei.cli.serving import serve_hub, stop_on_signals
from renkei.config import Settings
from renkei_contracts.stage import Staged
from renkei_contracts.vendor import Vendor

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

CART, TILL = "cart", "till"
PATIENCE = {"twin": 15.0, "peer": 60.0}
"""Seconds a balance may take to be seen."""


@dataclass(frozen=True)
class Plan:
    """What the user asked for."""

    given: Invocation
    wanted: Wanted
    stay: bool
    json: bool


def run_demo(plan: Plan) -> int:
    """Run it and say how it went: 0 where everything is as it must be."""
    began = time.monotonic()
    with data_dir(plan.given) as folder:
        given = Invocation(plan.given.config, folder, plan.given.debug)
        settings = given.load(host="127.0.0.1", port=0)
        return run_async(_run(plan, settings, began))


@contextmanager
def data_dir(given: Invocation) -> Iterator[Path]:
    """The folder the user named, or one that is gone afterwards with the database in it."""
    if given.data_dir is not None:
        yield given.data_dir
        return
    folder = Path(tempfile.mkdtemp(prefix="renkei-demo-"))
    if os.geteuid() == 0:  # the database runs as another user, who must pass through
        folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
