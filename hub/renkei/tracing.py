"""One trace for each delivery, from its receipt to the balance that shows what it gave.

A trace's id is made of the delivery's name: whatever process books it or shows the balance, now or
after a crash, knows that name from the row it works on, and so the trace. No row carries a trace,
and whoever samples decides alike everywhere, as the id alone decides. A sale of which no delivery
told (a till's, a poll's) has a trace of its own name.

Without a collector nothing is made: ``on`` is False, and one attribute was looked at.
"""

import hashlib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from time import time_ns
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

CHOSEN: ContextVar[tuple[int, int | None] | None] = ContextVar("renkei_chosen_ids", default=None)
"""Trace and span id that the next span without a parent takes (None: any span id)."""

SAMPLED = TraceFlags(TraceFlags.SAMPLED)

Facts = Mapping[str, object]
"""Ids of ours and counts; what is no number is written as text."""


class Origin(NamedTuple):
    """What something was done for: a delivery of a connection, or an order none told of."""

    connection: str
    delivery: str | None = None
    order: str | None = None

    @property
    def trace(self) -> str:
        """The trace's id, 32 hexadecimal digits, always the same."""
        return self._digest()[:16].hex()

    def ids(self) -> tuple[int, int]:
        """The ids of the trace and of its first span."""
        digest = self._digest()
        return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])

    def _digest(self) -> bytes:
        named = ("order", self.order) if self.delivery is None else ("delivery", self.delivery)
        return hashlib.sha256("\x1f".join((self.connection, *map(str, named))).encode()).digest()


@dataclass(frozen=True)
class Traces:
    """Where spans go; ``tracer`` None: nobody collects them."""

    tracer: Tracer | None = None

    @property
    def on(self) -> bool:
        """Whether it is worth looking anything up for a span."""
        return self.tracer is not None

    def tell(
        self,
        name: str,
        origin: Origin,
        began: int,
        facts: Facts,
        *,
        failed: str | None = None,
    ) -> None:
        """A span that began at that nanosecond and ends now.

        ``receive`` is the first of a delivery's trace, and the others are its children.
        """
        if self.tracer is None:
            return
        trace, first = origin.ids()
        apart = origin.delivery is None or name == RECEIVE
        chosen = CHOSEN.set((trace, first if name == RECEIVE else None))
        context = Context() if apart else _below(trace, first)
        span = self.tracer.start_span(
            f"renkei.{name}", context, start_time=began, attributes=_named(origin, facts)
        )
        CHOSEN.reset(chosen)
        if failed is not None:
            span.set_status(Status(StatusCode.ERROR, failed))
        span.end(time_ns())


NO_TRACES = Traces()
RECEIVE = "receive"


def nanoseconds(at: datetime) -> int:
    """An instant as spans count it."""
    return int(at.timestamp() * 1_000_000) * 1_000


def _below(trace: int, first: int) -> Context:
    return set_span_in_context(
        NonRecordingSpan(SpanContext(trace, first, is_remote=True, trace_flags=SAMPLED)), Context()
    )


def _named(origin: Origin, facts: Facts) -> dict[str, str | int]:
    names = {"connection": origin.connection, "delivery": origin.delivery, "order": origin.order}
    known = {name: value for name, value in names.items() if value is not None}
    return {f"renkei.{name}": _plain(value) for name, value in (known | dict(facts)).items()}


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)
