"""What /metrics counts when it is asked: queues, connections, polls, holds, the feed, lanes, and
what the last comparison with each shop found.
"""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from renkei.messaging.drift import WHOLE
from renkei.messaging.queues import Poll, Queues, Shop
from renkei.messaging.reconciliations import Outcome

SHOP = "connection"

WATCHED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("waiting", "What waits to be worked off; a queue without any is absent", ("queue", SHOP)),
    ("lag_seconds", "How long the longest waiting one has waited", ("queue", SHOP)),
    ("dead_letters", "Given up: waiting for a person", ("queue", SHOP)),
    ("open_holds", "Holds whose points are set aside now", (SHOP,)),
    ("connection_state", "1: active, paused or needs_authorization", (SHOP, "state")),
    ("connection_failures", "Failed calls to the vendor since the last good one", (SHOP,)),
    ("connection_rests_seconds", "How long the vendor is left alone still", (SHOP,)),
    ("recent_deliveries", "Deliveries of the last 15 minutes, by all processes", (SHOP, "genuine")),
    ("accept_rate", "Share of genuine ones among them; absent where none came", (SHOP,)),
    ("poll_behind_seconds", "Age of what polls are sure to have read", (SHOP, "kind")),
    ("poll_failures", "Failed pages since the last good one", (SHOP, "kind")),
    ("explained_share", "Share of the compared points on which all agree", (SHOP,)),
    ("differences", "What the last comparison found to differ", (SHOP, "kind")),
    ("oldest_difference_seconds", "How long the oldest has differed; 0: nothing does", (SHOP,)),
    ("compared_timestamp_seconds", "When the last comparison ended, since 1970", (SHOP,)),
)


class Gauges:
    """Shown as they were when last asked; what is not there any more is forgotten."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._of = {
            name: Gauge(f"renkei_{name}", said, labels, registry=registry)
            for name, said, labels in WATCHED
        }
        self.feed_head = Gauge("renkei_feed_head", "Number of the newest change", registry=registry)
        self.feed_seen = Gauge(
            "renkei_feed_seen", "The newest that registers of this process know", registry=registry
        )
        self._lanes = {
            name: Gauge(f"renkei_committer_{name}", said, ["lane"], registry=registry)
            for name, said in (
                ("batch_size", "Commands written together last"),
                ("waiting", "Commands that wait for the next batch"),
            )
        }

    def show(self, queues: Queues) -> None:
        """Replace what was shown before."""
        for gauge in self._of.values():
            gauge.clear()
        for queue, connection, number, seconds in queues.waiting:
            self._of["waiting"].labels(queue, connection).set(number)
            self._of["lag_seconds"].labels(queue, connection).set(seconds)
        for queue, connection, number in queues.dead:
            self._of["dead_letters"].labels(queue, connection).set(number)
        for connection, number in queues.holds:
            self._of["open_holds"].labels(connection).set(number)
        self._show_shops(queues.shops)
        self._show_polls(queues.polls)
        self.feed_head.set(queues.feed)

    def show_compared(self, found: Iterable[Outcome], now: datetime) -> None:
        """What the last comparisons found, as of now. After ``show``."""
        for one in found:
            age = max(0.0, (now - one.oldest).total_seconds()) if one.oldest else 0.0
            self._of["explained_share"].labels(one.connection).set(one.share / WHOLE)
            self._of["oldest_difference_seconds"].labels(one.connection).set(age)
            ended = one.finished_at.timestamp()
            self._of["compared_timestamp_seconds"].labels(one.connection).set(ended)
            for kind, number in one.drift.items():
                self._of["differences"].labels(one.connection, kind).set(number)

    def show_lane(self, lane: str, last_batch: int, waiting: int) -> None:
        """How a committer of this process does."""
        self._lanes["batch_size"].labels(lane).set(last_batch)
        self._lanes["waiting"].labels(lane).set(waiting)

    def _show_shops(self, shops: Iterable[Shop]) -> None:
        for one in shops:
            self._of["connection_state"].labels(one.connection, one.state).set(1)
            self._of["connection_failures"].labels(one.connection).set(one.failures)
            self._of["connection_rests_seconds"].labels(one.connection).set(one.rests)
            self._of["recent_deliveries"].labels(one.connection, "yes").set(one.accepted)
            self._of["recent_deliveries"].labels(one.connection, "no").set(one.refused)
            if one.accept_rate is not None:
                self._of["accept_rate"].labels(one.connection).set(one.accept_rate)

    def _show_polls(self, polls: Iterable[Poll]) -> None:
        for one in polls:
            self._of["poll_behind_seconds"].labels(one.connection, one.kind).set(one.behind)
            self._of["poll_failures"].labels(one.connection, one.kind).set(one.failures)
