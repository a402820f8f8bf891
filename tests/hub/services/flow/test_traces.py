"""One trace for each delivery, in whatever process; none is made where nobody collects them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from acme import Scene, body, bought, hanako
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from renkei.config import Settings
from renkei.errors import ConfigInvalid
from renkei.trace_export import collecting, exporting
from renkei.tracing import Origin, Traces
from renkei.worker import Worker
from renkei_contracts.errors import Rejected, Unavailable


@pytest.fixture
def collected() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(scene: Scene, collected: InMemorySpanExporter) -> Iterator[Scene]:
    """The scene with a collector."""
    with collecting(SimpleSpanProcessor(collected)) as traces:
        watch(scene, traces)
        yield scene


def watch(scene: Scene, traces: Traces) -> None:
    scene.hub.traces = traces
    scene.hub.receiver = replace(scene.hub.receiver, traces=traces)
    scene.worker = Worker(scene.hub)


def of_trace(collected: InMemorySpanExporter, trace: str) -> list[ReadableSpan]:
    every = collected.get_finished_spans()
    return [span for span in every if format(span.context.trace_id, "032x") == trace]


def names(spans: Sequence[ReadableSpan]) -> list[str]:
    return [span.name.removeprefix("renkei.") for span in spans]


async def known(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()


async def test_a_delivery_is_one_trace_from_its_receipt_to_both_channels(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    await known(traced)
    await traced.deliver(body(bought()), "d1")
    watch(traced, traced.hub.traces)  # another worker
    await traced.settle_down()
    spans = of_trace(collected, Origin("cart", "d1").trace)
    assert sorted(names(spans)) == ["push", "push", "read", "receive", "settle"]
    (first,) = [span for span in spans if span.parent is None]
    assert first.name == "renkei.receive"
    below = [span.parent for span in spans if span.parent is not None]
    assert {parent.span_id for parent in below} == {first.context.span_id}
    channels = [dict(span.attributes or {}).get("renkei.channel") for span in spans]
    assert {"cart", "shop"} <= set(channels)
    (settled,) = [dict(span.attributes or {}) for span in spans if span.name == "renkei.settle"]
    assert settled["renkei.order"] == "o1"
    assert settled["renkei.earned"] == 100
    assert "hanako" not in str([span.to_json() for span in collected.get_finished_spans()])


async def test_what_a_hint_leads_to_is_in_the_trace_of_the_hint(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    await known(traced)
    traced.cart.orders["o1"] = bought()
    await traced.deliver(b"", "h1")
    await traced.settle_down()
    spans = of_trace(collected, Origin("cart", "h1").trace)
    assert sorted(names(spans)) == ["fetch", "push", "push", "read", "receive", "settle"]


async def test_an_order_that_waited_for_its_member_stays_in_its_own_trace(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    await traced.deliver(body(bought()), "d1")
    await traced.settle_down()
    await known(traced)
    spans = of_trace(collected, Origin("cart", "d1").trace)
    assert names(spans).count("push") == 2


async def test_a_balance_that_shows_two_purchases_at_once_ends_both_traces(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    await known(traced)
    for number in (1, 2):
        await traced.deliver(body(bought(f"o{number}")), f"d{number}")
    await traced.work("deliveries")
    traced.cart.calls.clear()
    await traced.work("mirror")
    assert [call for call in traced.cart.calls if call.startswith("write")] == ["write c1 200"]
    for number in (1, 2):
        spans = of_trace(collected, Origin("cart", f"d{number}").trace)
        assert names(spans).count("push") == 2


async def test_the_same_delivery_again_is_told_in_the_same_trace(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    for _ in range(2):
        await traced.deliver(body(bought()), "d1")
    assert names(of_trace(collected, Origin("cart", "d1").trace)) == ["receive", "receive_again"]


async def test_a_sale_that_a_poll_finds_has_a_trace_of_its_own(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    traced.cart.members["c1"], traced.cart.orders["o1"] = hanako(), bought()
    await traced.poll()
    await traced.settle_down()
    spans = of_trace(collected, Origin("cart", order="o1").trace)
    assert set(names(spans)) >= {"settle", "push"}
    assert {span.parent for span in spans} == {None}


async def test_what_fails_says_why_in_its_trace(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    await traced.deliver(b"no order", "d1")
    traced.cart.failures.append(Unavailable("down"))
    await traced.deliver(b"", "h1")
    await traced.work("deliveries")
    await traced.work("changed")
    for key, name, reason in (
        ("d1", "read", "acme: the body is no order"),
        ("h1", "fetch", "down"),
    ):
        spans = of_trace(collected, Origin("cart", key).trace)
        (failed,) = [span for span in spans if not span.status.is_ok and span.status.description]
        assert (failed.name, failed.status.description) == (f"renkei.{name}", reason)


async def test_a_share_of_the_traces_is_collected_and_each_of_them_whole(
    scene: Scene, collected: InMemorySpanExporter
) -> None:
    with collecting(SimpleSpanProcessor(collected), 0.5) as traces:
        watch(scene, traces)
        await known(scene)
        for number in range(12):
            await scene.deliver(body(bought(f"o{number}")), f"d{number}")
        await scene.settle_down()
    whole = {"receive", "read", "settle", "push"}
    found = [set(names(of_trace(collected, Origin("cart", f"d{n}").trace))) for n in range(12)]
    assert {frozenset(one) for one in found} == {frozenset(whole), frozenset()}


async def test_without_a_collector_the_same_is_booked_and_shown(scene: Scene) -> None:
    assert not scene.hub.traces.on
    await known(scene)
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}


async def test_a_vendor_that_refuses_leaves_the_trace_without_its_push(
    traced: Scene, collected: InMemorySpanExporter
) -> None:
    await known(traced)
    await traced.deliver(body(bought()), "d1")
    await traced.work("deliveries")
    traced.cart.failures.append(Rejected("no such customer"))
    await traced.work("mirror")
    spans = of_trace(collected, Origin("cart", "d1").trace)
    assert [span.attributes["renkei.channel"] for span in spans if span.name.endswith("push")] == [
        "shop"
    ]


class Collector(BaseHTTPRequestHandler):
    """Takes spans as OTLP over HTTP."""

    got: list[bytes]

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and what it got."""
    got: list[bytes] = []
    server = HTTPServer(("127.0.0.1", 0), type("Of", (Collector,), {"got": got}))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
    server.shutdown()
    server.server_close()


def test_spans_are_sent_to_the_collector_that_is_set(
    tmp_path: Path, collector: tuple[str, list[bytes]]
) -> None:
    url, got = collector
    with exporting(Settings(data_dir=tmp_path, traces_to=url)) as traces:
        traces.tell("receive", Origin("cart", "d1"), 1_000, {"outcome": "stored"})
    (sent,) = [ExportTraceServiceRequest.FromString(one) for one in got]
    (span,) = sent.resource_spans[0].scope_spans[0].spans
    assert span.trace_id.hex() == Origin("cart", "d1").trace
    assert span.name == "renkei.receive"


def test_a_collector_without_the_sdk_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace.export", None)
    settings = Settings(data_dir=tmp_path, traces_to="http://127.0.0.1:9/v1/traces")
    with pytest.raises(ConfigInvalid, match=r"pip install 'renkei\[otel\]'"), exporting(settings):
        pass


def test_a_trace_is_named_by_its_delivery_alone() -> None:
    assert Origin("cart", "d1").trace == Origin("cart", "d1", "o1").trace
    assert len({Origin("cart", "1").trace, Origin("cart", order="1").trace}) == 2
    assert Origin("cart", "d1").trace != Origin("shop", "d1").trace
