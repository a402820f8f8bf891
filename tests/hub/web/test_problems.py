"""Every refusal is a documented problem, and a bug tells nobody anything."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from renkei.services.refusals import REFUSALS
from renkei.web.problems import OF_THE_WEB, PROBLEMS, title_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "errors.md"
ACTIONS = {"proceed_without_points", "rescan", "call_staff", "retry"}


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_fits_the_cashiers_display(code: str) -> None:
    row = PROBLEMS[code]
    assert 0 < len(row.message) <= 40
    assert not row.message.isascii()
    assert row.action in ACTIONS
    assert 400 <= row.status < 600
    assert row.retryable == (row.action == "retry")


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_documented_as_it_is(code: str) -> None:
    row = PROBLEMS[code]
    again = "yes" if row.retryable else "no"
    line = f"| `{code}` | {row.status} | {row.message} | {again} | `{row.action}` |"
    assert line in DOCUMENT.read_text(encoding="utf-8")


def test_no_code_is_documented_that_does_not_exist() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    listed = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert sorted(listed) == sorted(PROBLEMS)


def test_no_code_is_defined_twice() -> None:
    assert not REFUSALS.keys() & OF_THE_WEB.keys()


async def test_a_problems_type_leads_to_what_it_means(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nowhere")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (404, "not_found")
    kind = (await client.get(problem["type"])).json()
    assert kind == {
        "code": "not_found",
        "title": title_of("not_found"),
        "status": 404,
        "message": problem["message"],
        "retryable": False,
        "action": "call_staff",
    }
    assert (await client.get("/problems/none")).status_code == 404


async def test_another_method_is_a_problem_that_says_which_are_allowed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.delete("/pos/v1/quotes")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_trailing_slash_is_another_address(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/signing/")).status_code == 404


async def test_a_bug_answers_with_an_id_and_logs_its_place_but_no_words(
    register: Any, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(terminal: object, ask: object) -> None:
        raise KeyError("090-1234-5678 of Yamada Hanako")

    monkeypatch.setattr(hub.till, "resolve", broken)
    with capture_logs() as logs:
        answer = await register.post("/pos/v1/members:resolve", {"value": "090-1234-5678"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert problem["instance"] == answer.headers["renkei-request"]
    assert "Traceback" not in answer.text
    (bug,) = [entry for entry in logs if entry["event"] == "bug"]
    assert (bug["error"], bug["route"]) == ("KeyError", "/pos/v1/members:resolve")
    assert any("broken" in place for place in bug["at"])
    for words in ("090-1234", "Hanako"):
        assert words not in answer.text
        assert words not in str(logs)


async def test_a_caller_that_hangs_up_is_no_bug(app: Any) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/signing",
        "raw_path": b"/webhooks/signing",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    with capture_logs() as logs:
        await app(scope, receive, send)
    assert [entry["event"] for entry in logs] == ["request"]
    assert logs[0]["code"] == "client_closed"
