"""GET /metrics for Prometheus: counted as it happens, queues counted when asked."""

import ipaddress

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
from starlette.requests import Request
from starlette.responses import Response

from renkei.messaging import queues
from renkei.messaging.queues import Queues
from renkei.messaging.reconciliations import BRIEFLY, NEWEST, Outcome, outcomes
from renkei.storage.committer import brief
from renkei.storage.engine import is_database_error
from renkei.storage.trip import Statement, travel
from renkei.web.gauges import Gauges
from renkei.web.problems import documented, refused
from renkei.web.proof import peer_address
from renkei.web.served import ServedHub, TheHub

log = structlog.get_logger(__name__)

ASKED = (
    Statement("SET LOCAL statement_timeout = '2s'"),
    *(Statement(one) for one in queues.EVERY),
    Statement(NEWEST, {"c": None}),
    Statement(BRIEFLY),
)


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
        self.database_up = Gauge(
            "renkei_database_up", "1: the queues could be counted", registry=self.registry
        )
        self.gauges = Gauges(self.registry)


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
    for name, lane in (("intake", hub.intake), ("ledger", hub.ledger)):
        metrics.gauges.show_lane(name, lane.last_batch, lane.waiting)
    counted = await _counted(hub)
    found, compared = counted or (Queues(), [])
    metrics.gauges.show(found)
    metrics.gauges.show_compared(compared, hub.clock())
    metrics.gauges.feed_seen.set(hub.feed_head.end)
    metrics.database_up.set(int(counted is not None))
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _counted(hub: ServedHub) -> tuple[Queues, list[Outcome]] | None:
    """What waits and what differs; None where the database does not say so in time."""
    try:
        async with hub.database.begin() as conn:
            answers = await travel(conn, ASKED)
    except Exception as error:
        if not is_database_error(error):
            raise
        log.warning("queues_not_counted", reason=brief(error))
        return None
    _, *waiting, newest, differing = (answer.rows for answer in answers)
    return queues.told(waiting), outcomes(newest, differing)
