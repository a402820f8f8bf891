"""Running the demo: its own database, the hub on a free port, both stages, the story, a report."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from renkei.bootstrap import database_home
from renkei.cli.demo_hub import Books
from renkei.cli.demo_report import Report, show, show_addresses
from renkei.cli.demo_stages import Cast, Wanted, cast
from renkei.cli.demo_story import CART, TILL, Story, StoryBroken, Told
from renkei.cli.hubs import opened
from renkei.cli.invocation import Invocation, require_data_dir
from renkei.cli.ledger import verified
from renkei.cli.running import run_async
from renkei.cli.screen import Progress, as_json
from renkei.config import Settings
from renkei.listening import listen, url_of
from renkei.services.members import members as member_service
from renkei.serving import running, stop_on_signals
from renkei.storage import embedded
from renkei.worker import Pace
from renkei_contracts.stage import Staged, Webhook
from renkei_contracts.vendor import Vendor

POLL_EVERY = timedelta(seconds=1)
PACE = Pace(poll_interval=POLL_EVERY)
PATIENCE = {"twin": 30.0, "peer": 60.0}
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
    with data_dir(plan.given) as folder:
        settings = settings_in(plan.given, folder)
        require_data_dir(settings)
        try:
            return run_async(_run(plan, settings))
        finally:
            embedded.leave(database_home(settings))


@contextmanager
def data_dir(given: Invocation) -> Iterator[Path]:
    """The folder the user named, or one that is gone afterwards with the database in it."""
    if given.data_dir is not None:
        yield given.data_dir.expanduser().absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="renkei-demo-"))
    if os.geteuid() == 0:  # the database runs as another user, who must pass through
        folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings_in(given: Invocation, folder: Path) -> Settings:
    """Settings for an installation of its own, whatever the user's own one is like."""
    own = {
        "data_dir": folder,
        "database_url": None,
        "migration_url": None,
        "secret_key": None,
        "public_url": None,
        "host": "127.0.0.1",
        "workers": True,
    }
    return given.load().model_copy(update=own)


async def _run(plan: Plan, settings: Settings) -> int:
    began = time.monotonic()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with closing(listen(settings.host, 0)) as listener, Progress() as progress:
        async with opened(settings) as hub, running(hub, listener, PACE):
            books = Books(hub, url_of(listener), POLL_EVERY)
            async with _on_stage(books, plan.wanted, progress) as played:
                told = await _tell(books, played, plan.wanted, progress)
                progress.say("")
                report = await _report(books, played, told, time.monotonic() - began)
                _show(plan, report)
                if plan.stay:
                    await _stay(report)
    return 0 if report.ok else 1


@asynccontextmanager
async def _on_stage(books: Books, wanted: Wanted, progress: Progress) -> AsyncIterator[Cast]:
    """Both stages started, connected to the hub and telling it what happens."""
    played = cast(books.hub.registry, wanted, books.hub.settings.data_dir / "stages")
    async with AsyncExitStack() as stack:
        for id, vendor, stage in (
            (CART, played.cart_vendor, played.cart),
            (TILL, played.till_vendor, played.till),
        ):
            progress.say(f"starting {vendor.title}")
            await stack.enter_async_context(stage)
            await _connect(books, id, vendor, stage)
        yield played


async def _connect(books: Books, id: str, vendor: Vendor, stage: Staged) -> None:
    """As an administrator does it; a finding that blocks ends the demo."""
    made = await books.hub.connecting.connect(vendor, id, stage.settings())
    if made.webhook_path:
        await stage.listen(Webhook(books.url + made.webhook_path))


async def _tell(books: Books, played: Cast, wanted: Wanted, progress: Progress) -> Told:
    access = await books.terminal(TILL, *played.till.place)
    await played.till.connect(access)
    story = Story(books, played, access, PATIENCE[wanted.appearance], progress.say)
    try:
        return await story.tell()
    except StoryBroken as broken:
        story.told.faults.append(str(broken))
        return story.told


async def _report(books: Books, played: Cast, told: Told, seconds: float) -> Report:
    """What was told, the explained ledger, and every invariant checked."""
    booking = books.hub.booking
    lines = await member_service.explain(booking, told.member) if told.member else []
    report = await verified(books.hub)
    told.faults += [f"{one.invariant}: {one.subject} {one.detail}" for one in report.findings]
    return Report(
        told=told,
        cart=played.cart_vendor.title,
        till=played.till_vendor.title,
        lines=lines,
        ledger=report,
        addresses={
            "hub": books.url,
            "database": await asyncio.to_thread(_database, books.hub.settings),
            CART: played.cart.address(),
            TILL: played.till.address(),
            "data": str(books.hub.settings.data_dir),
        },
        seconds=seconds,
    )


def _database(settings: Settings) -> str:
    """For psql, as the owner; the password is in a file that only this user can read."""
    return embedded.start(database_home(settings)).libpq_url()


def _show(plan: Plan, report: Report) -> None:
    if plan.json:
        as_json(report.document())
    else:
        show(report)


async def _stay(report: Report) -> None:
    """Leave everything running until Ctrl-C or SIGTERM."""
    stop = stop_on_signals()
    show_addresses(report)
    await stop.wait()
