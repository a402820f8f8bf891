"""The network between one node and the database is cut while another node reaches it still."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fault_machine import Network, network
from fault_nodes import Node, Where
from fault_postgres import OWNER, Postgres, prepare, url_of
from fault_story import open_story

from renkei.storage.engine import APP_ROLE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

NOTICED = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 3_000,
    "options": (
        "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
        " -c tcp_user_timeout=3000 -c idle_in_transaction_session_timeout=3s"
    ),
}
"""Both ends find the other gone after three seconds, not after ten: a round takes a third."""


@pytest.fixture
def cable(faults_dir: Path) -> Iterator[Network]:
    """Two lines to a machine of its own."""
    with network(f"rkf{os.getpid()}", lines=2) as made:
        yield made


@pytest.fixture
def far(cable: Network, faults_dir: Path) -> Iterator[Postgres]:
    """A server on that machine, with a migrated database."""
    server = Postgres(faults_dir / "far", host=",".join(cable.there), prefix=cable.inside)
    try:
        server.create()
        server.start()
        prepare(server)
        yield server
    finally:
        server.kill()


async def test_a_node_that_is_cut_off_from_the_database_stops_no_other_and_comes_back(
    cable: Network, far: Postgres, faults_dir: Path, clean: Any, runs: int
) -> None:
    folder = faults_dir / "cut"
    folder.mkdir()
    owner = url_of(OWNER, str(far.folder), more=f"&port={far.port}")

    def seen_by(line: int) -> Where:
        app = url_of(APP_ROLE, f"{cable.there[line]}:{far.port}", more=f"&{urlencode(NOTICED)}")
        return Where(owner, app, folder, folder)

    cut, whole = Node("cut", seen_by(0), works=True), Node("whole", seen_by(1), works=True)
    async with open_story(seen_by(1), cut, whole) as story:

        async def part(_round: int) -> None:
            cable.cut(0)
            await story.refusals(1)
            await story.acknowledgements(20)
            cable.mend(0)

        assert await story.play(runs, part) == clean
