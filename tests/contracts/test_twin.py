"""The base of the twins: a server on loopback, deliveries as vendors send them, planned faults."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_contracts.stage import Mischief
from renkei_contracts.twin import emitter
from renkei_contracts.twin.emitter import Emitter, Outgoing
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.server import serve


class Hub:
    """Answers with the planned statuses, then 200; keeps what came."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[bytes, str | None]] = []
        self.app = Starlette(routes=[Route("/", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.heard.append((await request.body(), request.headers.get("x-extra")))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)


ONE, TWO = Outgoing({"a": "1"}, b"one"), Outgoing({"a": "2"}, b"two")


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emitter, "RETRY_SECONDS", (0.0, 0.0))


async def test_mischief_sends_twice_and_newest_first() -> None:
    hub = Hub()
    async with serve(hub.app) as url:
        sender = Emitter(retries=False, url=url, extra_headers={"x-extra": "e"})
        await sender.emit([ONE, TWO], Mischief(times=2, reversed=True))
    assert [body for body, _ in hub.heard] == [b"two", b"one", b"two", b"one"]
    assert {extra for _, extra in hub.heard} == {"e"}


async def test_a_lost_delivery_is_never_sent() -> None:
    hub = Hub()
    async with serve(hub.app) as url:
        await Emitter(retries=True, url=url).emit([ONE], Mischief(lost=True))
    assert hub.heard == []


async def test_a_vendor_that_retries_sends_the_same_bytes_again() -> None:
    hub = Hub(503, 500)
    async with serve(hub.app) as url:
        sender = Emitter(retries=True, url=url)
        await sender.emit([ONE])
    assert [body for body, _ in hub.heard] == [b"one"] * 3
    assert sender.answers == [200]


async def test_a_vendor_that_does_not_retry_sends_once() -> None:
    hub = Hub(503)
    async with serve(hub.app) as url:
        sender = Emitter(retries=False, url=url)
        await sender.emit([ONE])
    assert sender.answers == [503]


async def test_a_hub_that_is_away_is_no_error_of_the_vendor() -> None:
    async with serve(Hub().app) as url:
        pass
    sender = Emitter(retries=False, url=url)
    await sender.emit([ONE])
    assert sender.answers == [0]


async def test_the_server_binds_loopback_only() -> None:
    async with serve(Hub().app) as url, httpx.AsyncClient() as http:
        assert url.startswith("http://127.0.0.1:")
        assert (await http.post(url)).status_code == 200


def test_a_fault_happens_once_and_to_the_call_it_is_meant_for() -> None:
    script = FaultScript()
    script.plan([Fault("rate_limited", "/orders"), Fault("server_error")])
    assert script.take("/orders/1") == Fault("rate_limited", "/orders")
    assert script.take("/orders/1") == Fault("server_error")
    assert script.take("/orders/1") is None


@pytest.mark.parametrize(
    ("answer", "seen"), [(b'{"id": 7, "yen": 5}', b'{"id": 7}'), (b"<yen>5</yen>", b"<yen>5</yen>")]
)
async def test_only_what_is_json_drifts(answer: bytes, seen: bytes) -> None:
    async def told(request: Request) -> Response:
        return Response(answer)

    script = FaultScript()
    script.plan([Fault("field_removed", field="yen")])
    app = Faulty(Starlette(routes=[Route("/", told)]), script)
    async with serve(app) as url, httpx.AsyncClient() as http:
        assert (await http.get(url)).content == seen
