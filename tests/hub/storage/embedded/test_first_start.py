"""Several processes that start a new hub at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from renkei.bootstrap import database_home, database_urls
from renkei.config import Settings
from renkei.storage import embedded
from renkei.storage.engine import APP_ROLE
from renkei.storage.schema import migrate

AT_ONCE = 8


@pytest.fixture
def settings(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a hub whose database is there already, and into which nobody is let yet."""
    monkeypatch.delenv("RENKEI_DATABASE_URL", raising=False)
    made = Settings(data_dir=open_folder)
    migrate(embedded.start(database_home(made), ["fsync=off"]).url())
    return made


def role_at(url: str) -> str:
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            return str(conn.execute(text("SELECT current_user")).scalar_one())
    finally:
        engine.dispose()


def test_the_hub_is_let_in_by_one_of_them(settings: Settings) -> None:
    with ThreadPoolExecutor(AT_ONCE) as started:
        urls = list(started.map(lambda _: database_urls(settings), range(AT_ONCE)))
    assert [role_at(one.app) for one in urls] == [APP_ROLE] * AT_ONCE
    embedded.leave(database_home(settings))
