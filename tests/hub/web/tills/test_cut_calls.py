"""A call is cut off at any moment; what the till is told afterwards is true, and once is once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from call_cuts import DONE, NOT_DONE, Cut, asked_while_it_waits, dies
from cut_calls import CALLS, RULES, Call, Prepare, Shop, attach, batch, commit, hold, refund, void
from till_stage import stage_on

from renkei.ledger.verify import verify


@pytest.fixture
async def shop(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A member with many points, and two tills."""
    async with stage_on(server, tmp_path, RULES) as stage:
        till, other = await stage.add_till("1"), await stage.add_till("2")
        made = Shop(stage, till, other, await stage.add_member(), monkeypatch)
        line = {"id": "1", "quantity": 1, "amount": 110_000, "tax_rate": 1000}
        await made.done("/pos/v1/transactions", made.sale("0") | {"lines": [line]})
        yield made


async def cut_and_ask(shop: Shop, call: Call, cut: Cut, whole: dict[str, int], done: bool) -> None:
    """Cut it; the query says at once what is so; once more, and it is done once."""
    before = await shop.books()
    await cut(shop, call)
    assert call.ask is None or await call.ask() is done, cut.__name__
    assert await shop.moved(before) == (whole if done else {}), cut.__name__
    await shop.done(call.path, call.said)
    assert await shop.moved(before) == whole, cut.__name__


async def uncut(shop: Shop, prepare: Prepare) -> dict[str, int]:
    """What the call moves."""
    call = await prepare(shop)
    before = await shop.books()
    await shop.done(call.path, call.said)
    return await shop.moved(before)


@pytest.mark.parametrize("prepare", CALLS, ids=lambda call: call.__name__)
async def test_after_a_cut_the_till_is_told_the_truth_and_again_is_once(
    shop: Shop, prepare: Prepare
) -> None:
    whole = await uncut(shop, prepare)
    assert whole
    for done, cuts in ((False, NOT_DONE), (True, DONE)):
        for cut in cuts:
            await cut_and_ask(shop, await prepare(shop), cut, whole, done)
    async with shop.stage.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


@pytest.mark.parametrize(
    "prepare", [hold, commit, void, refund, attach, batch], ids=lambda call: call.__name__
)
async def test_a_till_that_left_while_its_call_waited_is_told_what_comes_of_it(
    shop: Shop, prepare: Prepare
) -> None:
    whole, call = await uncut(shop, prepare), await prepare(shop)
    before = await shop.books()
    assert await asked_while_it_waits(shop, call)
    assert await shop.moved(before) == whole


@pytest.mark.parametrize(("name", "booked"), [("before_commit", 1), ("after_commit", 2)])
async def test_a_batch_that_broke_off_in_the_middle_is_told_again_as_a_whole(
    shop: Shop, name: str, booked: int
) -> None:
    calls = [await batch(shop) for _ in range(3)]
    lines = [line for call in calls for line in call.said]
    await dies(name, 2)(shop, Call("/pos/v1/batches", lines))
    assert [await call.ask() for call in calls if call.ask] == [n < booked for n in range(3)]
    again = await shop.done("/pos/v1/batches", lines)
    expected = ["duplicate"] * booked + ["applied"] * (3 - booked)
    assert [one["status"] for one in again["results"]] == expected
