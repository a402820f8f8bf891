"""A plugin's call has a deadline, and its faults become ours."""

import asyncio
from typing import NoReturn

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from renkei import __version__
from renkei.connections.calling import PluginFailed, ask, call
from renkei.connections.http import new_client
from renkei_contracts.errors import OutcomeUnknown, Rejected, Unavailable


async def never() -> None:
    await asyncio.Event().wait()


async def stumble() -> NoReturn:
    raise KeyError("hanako@example.jp")


async def refuse() -> NoReturn:
    raise Rejected("no such customer")


@pytest.mark.parametrize(("writes", "error"), [(False, Unavailable), (True, OutcomeUnknown)])
async def test_a_call_that_takes_too_long_is_cut_off(writes: bool, error: type[Exception]) -> None:
    with pytest.raises(error, match="reading"):
        await call("reading", never(), writes=writes, seconds=0.01)


async def test_a_canonical_error_passes_as_it_is() -> None:
    with pytest.raises(Rejected, match="no such customer"):
        await call("reading", refuse())


async def test_a_plugins_own_fault_is_named_and_logged_without_its_text() -> None:
    with capture_logs() as logs, pytest.raises(PluginFailed, match="KeyError") as caught:
        await call("reading", stumble())
    assert [line["event"] for line in logs] == ["plugin_failed"]
    assert "hanako" not in f"{caught.value}{logs}"


def test_a_fault_in_thinking_is_the_same() -> None:
    with pytest.raises(PluginFailed, match="ZeroDivisionError"):
        ask("reading", lambda: 1 // 0)


async def test_the_client_says_who_it_is_and_follows_no_redirect(
    respx_mock: respx.MockRouter,
) -> None:
    elsewhere = {"location": "https://elsewhere.example"}
    route = respx_mock.get("https://shop.example/orders").respond(302, headers=elsewhere)
    async with new_client() as http:
        answer = await http.get("https://shop.example/orders")
    assert answer.status_code == 302
    assert route.calls[0].request.headers["user-agent"] == f"renkei/{__version__}"


async def test_the_log_of_a_call_names_neither_path_nor_query_nor_headers(
    respx_mock: respx.MockRouter,
) -> None:
    respx_mock.get(host="shop.example").respond(200)
    async with new_client() as http:
        with capture_logs() as logs:
            await http.get(
                "https://shop.example/hanako?token=s3cret", headers={"authorization": "s3cret"}
            )
    (line,) = logs
    assert (line["host"], line["status"]) == ("shop.example", 200)
    assert "hanako" not in str(line)
    assert "s3cret" not in str(line)


async def test_the_machines_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    async with new_client() as http:
        assert isinstance(http._transport_for_url(httpx.URL("https://x")), httpx.AsyncHTTPTransport)
        assert http._mounts == {}
