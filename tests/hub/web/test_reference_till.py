"""The till of docs/examples against a real hub, over a real socket."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from renkei.ledger.verify import verify
from renkei_contracts.twin.server import serve

FILE = Path(__file__).parents[3] / "docs" / "examples" / "reference_till.py"

NOBODY = httpx.URL("http://127.0.0.1:9")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("reference_till", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def hub_url(publish: Any, app: FastAPI) -> AsyncIterator[str]:
    """Where a hub answers whose program lets points be used offline."""
    await publish({"offline": {"points": 500, "hours": 24, "grace_hours": 24}})
    async with serve(app) as url:
        yield url


Started = Callable[[], Any]


@pytest.fixture
async def started(
    example: ModuleType, register: Any, hub_url: str, tmp_path: Path
) -> AsyncIterator[Started]:
    """Starts the till, as after each time it was switched off."""
    credential = register.credential.key_id, register.credential.secret
    with httpx.Client(base_url=hub_url, trust_env=False) as http:
        yield lambda: example.Till(http, credential, "shibuya", "1", tmp_path)


async def test_a_day_with_a_broken_line_ends_with_equal_books(
    started: Started, example: ModuleType, regular: Any, hub_url: str, hub: Any
) -> None:
    def day() -> tuple[Any, Any]:
        till = started()
        assert till.sell(regular.id, 1_100, 100)["used"] == 100
        till.prepare(regular.id, 300)
        till.http.base_url = NOBODY
        assert till.sell(regular.id, 1_100, 120) is None
        till = started()  # it was switched off and on, and counts on
        assert till.sell(regular.id, 1_100, 80) is None
        with pytest.raises(example.NoPoints):
            till.sell(regular.id, 1_100, 101)
        assert till.memory["allowances"][regular.id]["counter"] == 2
        till.http.base_url = httpx.URL(hub_url)
        till.sell(regular.id, 1_100)
        return till.report(), till.close(regular.id)

    results, closed = await asyncio.to_thread(day)
    assert [(one["status"], one["answer"]["used"]) for one in results] == [
        ("applied", 120),
        ("applied", 80),
    ]
    assert (closed["booked"], closed["released"], closed["difference"]) == (200, 100, 0)
    async with hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()
        assert (await conn.execute(text("SELECT kind FROM alert"))).all() == []


async def test_a_sale_whose_answer_was_lost_is_told_again_and_booked_once(
    started: Started, regular: Any, hub_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def day() -> Any:
        till = started()
        heard = till.http.post

        def deaf(path: str, **more: Any) -> Any:
            answer = heard(path, **more)
            if path == "/pos/v1/transactions":
                raise httpx.ReadTimeout("the answer was lost")
            return answer

        monkeypatch.setattr(till.http, "post", deaf)
        assert till.sell(regular.id, 1_100, 100) is None
        monkeypatch.setattr(till.http, "post", heard)
        return till.report()

    (result,) = await asyncio.to_thread(day)
    assert (result["status"], result["answer"]["used"]) == ("duplicate", 100)


async def test_a_token_of_another_hub_till_member_or_time_is_no_allowance(
    started: Started, example: ModuleType, regular: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline() -> None:
        till = started()
        till.prepare(regular.id, 300)
        token = till.memory["allowances"][regular.id]["token"]
        head, said, signature = token.split(".")
        for wrong in (f"{head}.{said}.{signature[:-4]}AAAA", "a.b.c", ""):
            with pytest.raises(example.NoPoints):
                till.check(wrong, regular.id)
        with pytest.raises(example.NoPoints):
            till.check(token, "mem_other")
        till.place = {"store": "shibuya", "till": "2"}
        with pytest.raises(example.NoPoints):
            till.check(token, regular.id)
        till.place = {"store": "shibuya", "till": "1"}
        assert till.check(token, regular.id)["points"] == 300
        tomorrow = till.check(token, regular.id)["exp"]
        monkeypatch.setattr(example, "time", SimpleNamespace(time=lambda: tomorrow))
        with pytest.raises(example.NoPoints):
            till.check(token, regular.id)

    await asyncio.to_thread(offline)


def test_it_is_short_enough_to_be_read() -> None:
    assert len(FILE.read_text("utf-8").splitlines()) < 200
