"""``renkei till-test``: its cases against a real hub, over a socket."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from renkei.cli import till_test
from renkei.till_test.caller import TIMEOUT, Till
from renkei.till_test.cases import CASES
from renkei.till_test.members import prepare
from renkei.till_test.run import Result, play
from renkei_contracts.twin.server import serve


async def test_every_case_passes_and_passes_again_and_leaves_the_points_as_they_were(
    hub: Any, app: FastAPI, register: Any, count: Any
) -> None:
    for _ in range(2):
        await prepare(hub, "pos")
    assert await count("member") == 3
    known = register.credential
    async with serve(app) as url, httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as http:
        for _ in range(2):
            till = Till(http, known.key_id, known.secret, "shibuya", "1")
            results = await play(till)
            assert [one for one in results if not one.passed] == []
        wrong = Till(http, known.key_id, "another", "shibuya", "1")
        failed = await play(wrong, CASES[:2])
    assert [one.fault for one in failed] == [
        "期待 200、実際 401 unauthorized",
        "code: 期待 'member_not_found'、実際 'unauthorized'",
    ]


async def test_a_hub_that_does_not_answer_is_said_in_the_language_of_the_report() -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9", timeout=TIMEOUT) as http:
        (failed,) = await play(Till(http, "key", "secret", "shibuya", "1"), CASES[:1])
    assert failed.fault == "ハブから応答がありません（ConnectError）"


def test_the_report_names_each_case_and_how_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    faults = zip(CASES, ("", "used: 1"), strict=False)
    first, second = (Result(*case[:3], fault) for case, fault in faults)
    till_test._show([first, second])
    said = capsys.readouterr().out
    for part in ("T01", "合格", "T02", "不合格", "used: 1", "1 / 2 合格"):
        assert part in said
