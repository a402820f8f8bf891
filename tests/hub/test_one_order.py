"""Where is order 1001? One order over real HTTP, as the command and its trace tell of it."""

import asyncio
import json
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest
from acme import Scene, body, bought, hanako, shown
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from renkei.bootstrap import open_hub
from renkei.cli import run
from renkei.listening import listen, url_of
from renkei.serving import running
from renkei.trace_export import collecting
from renkei.worker import Pace
from renkei_contracts.toolkit.signature import hmac_sha256_base64

FAST = Pace(tick=0.02, poll_interval=timedelta(hours=1))


def signed(content: bytes, id: str) -> dict[str, str]:
    return {"acme-signature": hmac_sha256_base64("acme", content), "acme-id": id}


async def test_one_trace_answers_where_an_order_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings, spans = scene.hub.settings, InMemorySpanExporter()
    scene.cart.members["c1"] = hanako()
    numbered = body(bought().model_copy(update={"number": "1001"}))
    with (
        collecting(SimpleSpanProcessor(spans)) as traces,
        closing(listen("127.0.0.1", 0)) as listener,
    ):
        async with (
            open_hub(settings, traces=traces) as hub,
            running(hub, listener, FAST),
            httpx.AsyncClient(base_url=url_of(listener)) as http,
        ):
            for _ in range(2):
                headers = signed(numbered, "d1")
                sent = await http.post("/webhooks/cart", content=numbered, headers=headers)
                assert sent.status_code == 200
            assert (await http.post("/webhooks/cart", content=numbered)).status_code == 401
            await shown(scene.cart, {"c1": 100})
            await shown(scene.shop, {"made-1": 100})
        # What is written once a vendor has answered is written now: the worker was drained.
    told = await answered(settings, monkeypatch, capfd)
    assert told["order"] == "cart/o1"
    assert told["answer"].endswith("; shown in cart, shop")
    assert {"received", "seen", "booked", "shown"} == {step["what"] for step in told["steps"]}
    of_trace = {
        span.name
        for span in spans.get_finished_spans()
        if format(span.context.trace_id, "032x") in told["traces"]
    }
    assert {"renkei.receive", "renkei.read", "renkei.settle", "renkei.push"} <= of_trace


async def answered(
    settings: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Any:
    """What `renkei trace 1001` answers."""
    for name in ("database_url", "migration_url", "secret_key"):
        monkeypatch.setenv(f"RENKEI_{name.upper()}", getattr(settings, name).get_secret_value())
    monkeypatch.setenv("RENKEI_DATA_DIR", str(settings.data_dir))
    capfd.readouterr()
    assert await asyncio.to_thread(run, ["trace", "1001", "--json"]) == 0
    return json.loads(capfd.readouterr().out)
