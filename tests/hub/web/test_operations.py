"""Health, metrics, the access log and the front page."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text
from structlog.testing import capture_logs

from renkei import __version__
from renkei.trace_export import collecting
from renkei.tracing import Origin
from renkei.web.app import build_app


async def as_owner(engine: Any, *statements: str) -> None:
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            await conn.execute(text(statement))


@pytest.fixture
def outage(server: Any, database_name: str) -> Callable[[], Any]:
    """Makes the database refuse everybody."""
    from sqlalchemy.ext.asyncio import create_async_engine

    async def strike() -> None:
        engine = create_async_engine(server.url())
        await as_owner(
            engine,
            f"ALTER DATABASE {database_name} ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{database_name}'",
        )
        await engine.dispose()

    return strike


async def readiness(client: httpx.AsyncClient) -> tuple[int, str]:
    answer = await client.get("/readyz")
    return answer.status_code, " ".join(answer.json()["reasons"])


async def test_a_hub_that_can_work_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive", "version": __version__}
    assert await readiness(client) == (200, "")


async def test_without_its_database_it_is_alive_but_not_ready(
    client: httpx.AsyncClient, outage: Callable[[], Any]
) -> None:
    await outage()
    assert (await client.get("/livez")).status_code == 200
    status, reasons = await readiness(client)
    assert status == 503
    assert "cannot be reached" in reasons


async def test_a_schema_of_another_version_is_not_ready(
    client: httpx.AsyncClient, owner_engine: Any
) -> None:
    await as_owner(owner_engine, "UPDATE alembic_version SET version_num = 'r0000'")
    status, reasons = await readiness(client)
    assert status == 503
    assert "the schema is r0000" in reasons


async def test_a_role_that_could_change_the_books_is_not_ready(
    client: httpx.AsyncClient, owner_engine: Any
) -> None:
    await as_owner(owner_engine, "GRANT UPDATE ON posting TO renkei_app")
    status, reasons = await readiness(client)
    assert status == 503
    assert "could change what is posted" in reasons


async def test_in_an_outage_a_register_and_a_vendor_are_asked_to_come_again(
    register: Any, client: httpx.AsyncClient, outage: Callable[[], Any], acme_signs: Any
) -> None:
    await client.post("/webhooks/signing", content=b"0", headers=acme_signs(b"0", "d0"))
    await outage()
    till = await register.post("/pos/v1/members:resolve", {"value": "1"})
    vendor = await client.post("/webhooks/signing", content=b"1", headers=acme_signs(b"1"))
    for answer in (till, vendor):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["retryable"] is True
        assert answer.headers["retry-after"] == "1"


CANCEL = """
SELECT count(pg_cancel_backend(pid)) FROM pg_locks WHERE relation IS NOT NULL AND NOT granted"""


@pytest.mark.parametrize("table", ["delivery", "lookup"])
async def test_what_the_server_ended_is_to_be_asked_again(
    register: Any, client: httpx.AsyncClient, owner_engine: Any, acme_signs: Any, table: str
) -> None:
    """By a limit on statements, say: the caller is not at fault, and neither are we."""
    await client.post("/webhooks/signing", content=b"0", headers=acme_signs(b"0", "d0"))
    async with owner_engine.begin() as owner:
        await owner.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        asked = asyncio.create_task(
            client.post("/webhooks/signing", content=b"1", headers=acme_signs(b"1"))
            if table == "delivery"
            else register.post("/pos/v1/members:resolve", {"value": "1"})
        )
        while not asked.done():
            await owner.execute(text(CANCEL))
            await asyncio.wait({asked}, timeout=0.02)
    answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def scrape(client: httpx.AsyncClient) -> str:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    return answer.text


async def test_requests_deliveries_and_answers_are_counted(
    client: httpx.AsyncClient, register: Any, acme_signs: Any
) -> None:
    for _ in range(2):
        await client.post("/webhooks/signing", content=b"1", headers=acme_signs(b"1"))
    await client.post("/webhooks/signing", content=b"forged")
    await client.post("/webhooks/nobody", content=b"1")
    await register.post("/pos/v1/members:resolve", {"value": "1"})
    await client.request("BREW", "/some/random/path")
    told = await scrape(client)
    for line in (
        'renkei_deliveries_total{connection="signing",outcome="stored"} 1.0',
        'renkei_deliveries_total{connection="signing",outcome="duplicate"} 1.0',
        'renkei_deliveries_total{connection="signing",outcome="refused"} 1.0',
        'renkei_deliveries_total{connection="",outcome="unknown"} 1.0',
        'renkei_till_answers_total{code="member_not_found",route="/pos/v1/members:resolve"} 1.0',
        'renkei_http_requests_total{method="other",route="unmatched",status="404"} 1.0',
        'renkei_committer_batch_size{lane="intake"} 1.0',
        "renkei_database_up 1.0",
        'renkei_waiting{connection="signing",queue="delivery"} 1.0',
    ):
        assert line in told


async def test_queues_are_counted_when_asked_and_forgotten_when_empty(
    client: httpx.AsyncClient, owner_engine: Any
) -> None:
    await as_owner(
        owner_engine,
        "INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body, due, state)"
        " SELECT 'signing', n::text, now() - interval '90 s', '', '', now(),"
        " CASE WHEN n = 1 THEN 'new' ELSE 'dead' END FROM generate_series(1, 3) AS n",
        "INSERT INTO changed_object (connection_id, kind, object_id, changed_at, due)"
        " VALUES ('secret', 'order', '1', now(), now() - interval '5 s'),"
        " ('secret', 'order', '2', now() + interval '1 h', now() + interval '1 h')",
        "INSERT INTO member (member_id, program_id, created_at) VALUES ('mem_1', 'default', now())",
        "INSERT INTO mirror (connection_id, member_id, wanted_version, due)"
        " VALUES ('secret', 'mem_1', 3, now() - interval '60 s')",
    )
    told = await scrape(client)
    assert 'renkei_waiting{connection="signing",queue="delivery"} 1.0' in told
    assert 'renkei_waiting{connection="secret",queue="changed_object"} 1.0' in told
    assert 'renkei_waiting{connection="secret",queue="mirror"} 1.0' in told
    assert 'renkei_dead_letters{connection="signing",queue="delivery"} 2.0' in told
    (lag,) = [
        line
        for line in told.splitlines()
        if line.startswith("renkei_lag_seconds{") and "mirror" in line
    ]
    assert 60 <= float(lag.split()[-1]) < 120
    await as_owner(owner_engine, "UPDATE delivery SET state = 'done'")
    assert 'queue="delivery"' not in await scrape(client)


async def test_each_connection_tells_its_state_and_the_share_of_genuine_deliveries(
    hub: Any, client: httpx.AsyncClient, acme_signs: Any, owner_engine: Any
) -> None:
    for _ in range(3):
        await client.post("/webhooks/signing", content=b"1", headers=acme_signs(b"1"))
    await client.post("/webhooks/signing", content=b"forged")
    await hub.counts.write()
    await as_owner(
        owner_engine,
        "UPDATE connection SET failures = 7, open_until = now() + interval '50 s',"
        " state = 'paused' WHERE connection_id = 'secret'",
    )
    told = await scrape(client)
    for line in (
        'renkei_accept_rate{connection="signing"} 0.75',
        'renkei_recent_deliveries{connection="signing",genuine="no"} 1.0',
        'renkei_connection_state{connection="signing",state="active"} 1.0',
        'renkei_connection_state{connection="secret",state="paused"} 1.0',
        'renkei_connection_failures{connection="secret"} 7.0',
        'renkei_connection_rests_seconds{connection="signing"} 0.0',
    ):
        assert line in told
    assert 'renkei_accept_rate{connection="secret"}' not in told
    assert 'renkei_connection_rests_seconds{connection="secret"} 0.0' not in told


async def test_points_that_are_set_aside_now_are_counted(
    client: httpx.AsyncClient, register: Any, regular: Any
) -> None:
    held = [
        (
            await register.post("/pos/v1/holds", {"key": key, "member": regular.id, "points": 1})
        ).json()
        for key in ("h1", "h2")
    ]
    assert 'renkei_open_holds{connection="pos"} 2.0' in await scrape(client)
    for one in held:
        await register.post(f"/pos/v1/holds/{one['hold']}:release")
    told = await scrape(client)
    assert "renkei_open_holds{" not in told
    head, seen = (
        float(line.split()[-1])
        for name in ("renkei_feed_head ", "renkei_feed_seen ")
        for line in told.splitlines()
        if line.startswith(name)
    )
    assert head > 0
    assert seen <= head


async def test_without_the_database_the_other_metrics_are_still_told(
    client: httpx.AsyncClient, outage: Callable[[], Any]
) -> None:
    await scrape(client)
    await outage()
    told = await scrape(client)
    assert "renkei_database_up 0.0" in told
    assert 'renkei_http_requests_total{method="GET",route="/metrics",status="200"} 1.0' in told


@pytest.mark.parametrize("address", ["203.0.113.9", "192.168.1.2"])
async def test_metrics_are_for_this_machine_only(
    caller_from: Callable[[str], httpx.AsyncClient], address: str
) -> None:
    async with caller_from(address) as http:
        answer = await http.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (403, "local_only")


async def test_metrics_are_not_for_those_behind_a_proxy(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status_code == 403


async def test_two_applications_do_not_count_together(hub: Any, client: httpx.AsyncClient) -> None:
    await client.get("/livez")
    other = httpx.ASGITransport(build_app(hub), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=other, base_url="http://hub") as http:
        assert "/livez" not in (await http.get("/metrics")).text


async def test_one_line_is_logged_per_request_without_what_was_asked(
    register: Any, regular: Any
) -> None:
    with capture_logs() as logs:
        await register.post("/pos/v1/members:resolve", {"value": regular.email})
        await register.get("/pos/v1/changes", "cursor=secret-cursor")
    first, second = logs
    assert (first["event"], first["route"], first["status"]) == (
        "request",
        "/pos/v1/members:resolve",
        200,
    )
    assert first["terminal"] == register.credential.terminal
    assert (second["status"], second["code"]) == (400, "cursor_unknown")
    for words in ("hanako", "山田", "secret-cursor", register.credential.secret, regular.id):
        assert words not in str(logs)


async def test_the_line_of_a_delivery_names_it_and_its_trace(
    client: httpx.AsyncClient, acme_signs: Any
) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            await client.post("/webhooks/signing", content=b"1", headers=acme_signs(b"1", "d1"))
    told = [(one["delivery"], one["outcome"], one["trace"]) for one in logs]
    trace = Origin("signing", "d1").trace
    assert told == [("d1", "stored", trace), ("d1", "duplicate", trace)]


async def test_a_sale_at_a_till_has_a_trace_of_its_own_name(
    hub: Any, register: Any, regular: Any, new_sale: Any
) -> None:
    spans = InMemorySpanExporter()
    with collecting(SimpleSpanProcessor(spans)) as traces:
        hub.till.traces = traces
        answer = await register.post("/pos/v1/transactions", new_sale("7", regular.id))
    (span,) = spans.get_finished_spans()
    trace = Origin("pos", order=answer.json()["sale"]).trace
    assert (span.name, format(span.context.trace_id, "032x")) == ("renkei.settle", trace)
    assert (span.attributes or {})["renkei.earned"] == answer.json()["earned"]


async def test_health_checks_do_not_fill_the_log(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        for path in ("/livez", "/readyz", "/metrics"):
            await client.get(path)
    assert {entry["log_level"] for entry in logs} == {"debug"}


async def test_the_front_page_leads_on(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert __version__ in answer.text
    for path in ("/openapi.json", "/readyz"):
        assert path in answer.text
        assert (await client.get(path)).status_code == 200
