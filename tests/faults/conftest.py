"""A durable PostgreSQL, and the run in which nothing breaks, with which every other is compared."""

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from renkei.storage import embedded
from renkei.storage.engine import APP_ROLE
from renkei.storage.schema import migrate, set_app_password

RUNS = int(os.environ.get("RENKEI_FAULT_RUNS", "3"))
"""How often each thing breaks in its test."""

# The tests have no packages: what they share is loaded from beside this file.
_HERE = Path(__file__).parent
_NAMES = ("vendor", "cloud", "nodes", "load", "books", "story", "machine", "postgres")
for _file in (_HERE.parent / "told_cart.py", *(_HERE / f"fault_{name}.py" for name in _NAMES)):
    _spec = importlib.util.spec_from_file_location(_file.stem, _file)
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_file.stem] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_file.stem])

story: Any = sys.modules["fault_story"]
nodes: Any = sys.modules["fault_nodes"]
fault_books: Any = sys.modules["fault_books"]

TEMPLATE = "renkei_template"


@pytest.fixture(scope="session")
def runs() -> int:
    """How often each thing breaks in its test."""
    return RUNS


@pytest.fixture(scope="session")
def faults_dir(quick_place: str) -> Iterator[Path]:
    """A folder every user can reach, short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="rkf-", dir=quick_place))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def durable(faults_dir: Path) -> "Iterator[embedded.EmbeddedServer]":
    """The embedded server as the hub runs it, with a migrated template."""
    home = faults_dir / "pg"
    started = embedded.start(home, ["max_connections=150"])
    prepare(started, TEMPLATE)
    yield started
    embedded.leave(home)


def prepare(server: "embedded.EmbeddedServer", database: str) -> None:
    """A migrated database of this name, and the running hub's role."""
    owner_sql(server, f"CREATE DATABASE {database}")
    migrate(server.url(database=database))
    password = uuid4().hex
    set_app_password(server.url(), password)
    embedded.remember_password(server.home, APP_ROLE, password)


def owner_sql(server: "embedded.EmbeddedServer", statement: str) -> None:
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(statement))
    engine.dispose()


NewWhere = Callable[[], Any]


@pytest.fixture(scope="session")
def new_where(durable: "embedded.EmbeddedServer", faults_dir: Path) -> NewWhere:
    """Makes a fresh database on the durable server."""

    def make() -> Any:
        name = f"t_{uuid4().hex[:12]}"
        owner_sql(durable, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        folder = faults_dir / name
        folder.mkdir()
        return nodes.Where(durable.url(database=name), durable.url(APP_ROLE, name), folder, folder)

    return make


@pytest.fixture
def where(new_where: NewWhere) -> Any:
    """A fresh database on the durable server."""
    return new_where()


_clean: list[Any] = []


@pytest.fixture
async def clean(new_where: NewWhere) -> Any:
    """The end of the same story where nothing breaks; it is told once."""
    if not _clean:
        where = new_where()
        async with story.open_story(where, nodes.Node("only", where, works=True)) as told:
            _clean.append(await told.play(RUNS, _nothing))
    assert _clean[0].wrong == ()
    return _clean[0]


async def _nothing(_round: int) -> None:
    """Nothing breaks."""
