"""GET /metrics for Prometheus: counted as it happens, queues counted when asked."""

import ipaddress
from collections.abc import Iterable
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from renkei.storage.committer import brief
from renkei.storage.engine import is_database_error
from renkei.web.problems import documented, refused
from renkei.web.proof import peer_address
from renkei.web.served import ServedHub, TheHub

log = structlog.get_logger(__name__)

WAITING = """
SELECT 'delivery' AS queue, connection_id AS c, count(*) AS n,
       extract(epoch FROM clock_timestamp() - min(received_at)) AS age
FROM delivery WHERE state = 'new' GROUP BY 2
UNION ALL
SELECT 'changed_object', connection_id, count(*),
       extract(epoch FROM clock_timestamp() - min(due))
FROM changed_object WHERE NOT dead AND due <= clock_timestamp() GROUP BY 2
UNION ALL
SELECT 'mirror', connection_id, count(*), extract(epoch FROM clock_timestamp() - min(due))
FROM mirror WHERE NOT parked AND written_version < wanted_version GROUP BY 2
UNION ALL
SELECT 'hold_code', connection_id, count(*), extract(epoch FROM clock_timestamp() - min(due))
FROM hold_code WHERE state IN ('wanted', 'unwanted') GROUP BY 2"""

DEAD = """
SELECT 'delivery' AS queue, connection_id AS c, count(*) AS n
FROM delivery WHERE state = 'dead' GROUP BY 2
UNION ALL
SELECT 'changed_object', connection_id, count(*) FROM changed_object WHERE dead GROUP BY 2
UNION ALL
SELECT 'mirror', connection_id, count(*) FROM mirror WHERE parked GROUP BY 2
UNION ALL
SELECT 'hold_code', connection_id, count(*) FROM hold_code WHERE state = 'failed' GROUP BY 2"""

NO_LONGER_THAN = "SET LOCAL statement_timeout = '2s'"


class Metrics:
    """One application's own registry: several applications in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "renkei_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "renkei_http_seconds", "Time to answer", ["route"], registry=self.registry
        )
        self.deliveries = Counter(
            "renkei_deliveries",
            "Deliveries by what became of them: stored, duplicate, refused, unknown, busy, failed",
            ["connection", "outcome"],
            registry=self.registry,
        )
        self.answers = Counter(
            "renkei_till_answers",
            "Answers to registers: ok, or the problem's code",
            ["route", "code"],
            registry=self.registry,
        )
        self.batch = self._gauge(
            "renkei_committer_batch_size", "Commands written together last", "lane"
        )
        self.database_up = self._gauge("renkei_database_up", "1: the queues could be counted")
        self.waiting = self._gauge(
            "renkei_waiting",
            "Deliveries, readings, balances and codes that wait",
            "queue",
            "connection",
        )
        self.lag = self._gauge(
            "renkei_lag_seconds", "How late the longest waiting one is", "queue", "connection"
        )
        self.dead = self._gauge(
            "renkei_dead_letters", "Given up: waiting for a person", "queue", "connection"
        )

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(name, help_text, labels, registry=self.registry)

    def show_queues(self, waiting: Iterable[Any], dead: Iterable[Any]) -> None:
        """Replace what the queues showed before."""
        for gauge in (self.waiting, self.lag, self.dead):
            gauge.clear()
        for queue, connection, count, age in waiting:
            self.waiting.labels(queue, connection).set(count)
            self.lag.labels(queue, connection).set(max(0.0, float(age)))
        for queue, connection, count in dead:
            self.dead.labels(queue, connection).set(count)


def metrics_of(app: FastAPI) -> Metrics:
    """The application's own metrics."""
    metrics: Metrics = app.state.metrics
    return metrics


router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    summary="Counters and queues in the format of Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **documented("local_only"),
    },
)
async def show(request: Request, hub: TheHub) -> Response:
    """Only for this machine: connections and their troubles are nobody else's business."""
    address = peer_address(request)
    if address is None or not ipaddress.ip_address(address).is_loopback:
        raise refused("local_only")
    metrics = metrics_of(request.app)
    metrics.batch.labels("intake").set(hub.intake.last_batch)
    metrics.batch.labels("ledger").set(hub.ledger.last_batch)
    metrics.database_up.set(int(await _count_queues(hub, metrics)))
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _count_queues(hub: ServedHub, metrics: Metrics) -> bool:
    try:
        async with hub.database.begin() as conn:
            await conn.execute(text(NO_LONGER_THAN))
            waiting = (await conn.execute(text(WAITING))).all()
            dead = (await conn.execute(text(DEAD))).all()
    except Exception as error:
        if not is_database_error(error):
            raise
        log.warning("queues_not_counted", reason=brief(error))
        metrics.show_queues((), ())
        return False
    metrics.show_queues(waiting, dead)
    return True
