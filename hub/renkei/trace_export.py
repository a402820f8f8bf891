"""Sending spans to a collector, by the SDK of OpenTelemetry: the extra ``otel``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from renkei import __version__
from renkei.config import Settings
from renkei.errors import ConfigInvalid
from renkei.tracing import CHOSEN, Traces

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator

SECONDS = 5
"""How long one sending may take, also the last one, when the hub stops."""


@contextmanager
def exporting(settings: Settings) -> Iterator[Traces]:
    """Spans go to ``traces_to`` while the block runs; nothing is sent where it is not set.

    Raises ConfigInvalid where the extra is not installed.
    """
    if settings.traces_to is None:
        yield Traces()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigInvalid(
            "RENKEI_TRACES_TO is set, but the SDK of OpenTelemetry is missing: "
            "pip install 'renkei[otel]'"
        ) from None
    exporter = OTLPSpanExporter(settings.traces_to, timeout=SECONDS)
    with collecting(BatchSpanProcessor(exporter), settings.traces_share) as traces:
        yield traces


@contextmanager
def collecting(processor: "SpanProcessor", share: float = 1.0) -> Iterator[Traces]:
    """The share of all traces, each whole, goes to this processor of the SDK."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    # The id alone decides, and not a parent: each process decides alike, and none tells another.
    provider = TracerProvider(
        sampler=TraceIdRatioBased(share),
        resource=Resource.create({"service.name": "renkei", "service.version": __version__}),
        id_generator=_chosen_ids(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    try:
        yield Traces(provider.get_tracer("renkei", __version__))
    finally:
        provider.shutdown()


def _chosen_ids() -> "IdGenerator":
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class ChosenIds(RandomIdGenerator):
        """Ids that are said beforehand, and random ones where none are."""

        def generate_trace_id(self) -> int:
            """The trace's id."""
            chosen = CHOSEN.get()
            return chosen[0] if chosen else super().generate_trace_id()

        def generate_span_id(self) -> int:
            """The span's id; only a trace's first one is chosen."""
            chosen = CHOSEN.get()
            return chosen[1] if chosen and chosen[1] else super().generate_span_id()

    return ChosenIds()
