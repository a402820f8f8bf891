"""The twin: every call, answer and delivery is compared with a schema, and all of them fit.

A twin that names no schema is bronze at best: nothing here applies to it.
"""

from collections.abc import Iterable, Sequence

import httpx

from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.operations import operations
from renkei_contracts.testing.trying import at_business
from renkei_contracts.testing.vectors import sample
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_contracts.twin.server import NO_TLS

suite = Suite("twin")

SPOILT: dict[str, object] = {"unexpected": {}}
"""A body that no call can mean."""


async def every_call(bench: Bench) -> tuple[int, int, int]:
    """Each call the plugin makes, once: how many there were, and what was compared meanwhile.

    There are more sales than a page holds.
    """
    log, buyer = bench.twin.schema, await at_business(bench, sales=3)
    calls = requests = answers = 0
    for operation in await operations(bench, bench.connection(), buyer):
        if operation.before is not None:
            await operation.before()
        before = (len(bench.exchanges), log.requests, log.answers)
        await operation.run()
        calls += len(bench.exchanges) - before[0]
        requests += log.requests - before[1]
        answers += log.answers - before[2]
    return calls, requests, answers


def _compared(bench: Bench) -> SchemaLog:
    """What the twin compared, where it does."""
    if not bench.twin.schema.source:
        raise NotApplicable("the twin names no schema: see twin/schema_log.py")
    return bench.twin.schema


async def _calls(bench: Bench) -> tuple[int, int, int]:
    """Make every call; what came of it."""
    found = await every_call(bench)
    if not found[0]:
        raise NotApplicable(f"{bench.vendor.name} calls nobody")
    return found


@suite.check()
async def every_request_is_compared_with_the_schema(bench: Bench) -> None:
    """A call that the vendor would refuse must not pass here."""
    _compared(bench)
    made, requests, _ = await _calls(bench)
    must(requests == made, f"the twin must compare every request: of {made} it compared {requests}")


@suite.check()
async def every_answer_is_compared_with_the_schema(bench: Bench) -> None:
    """An answer the vendor would never give proves nothing."""
    _compared(bench)
    made, _, answers = await _calls(bench)
    must(answers == made, f"the twin must compare every answer: of {made} it compared {answers}")


@suite.check(needs=("webhooks",))
async def every_delivery_is_compared_with_the_schema(bench: Bench) -> None:
    """A delivery the vendor would never send proves nothing."""
    log, sent = _compared(bench), await sample(bench)
    must(
        log.deliveries == len(sent),
        f"the twin must compare every delivery: of {len(sent)} it compared {log.deliveries}",
    )


@suite.check()
async def calls_answers_and_deliveries_fit_the_schema(bench: Bench) -> None:
    """Plugin or twin is wrong about the vendor otherwise."""
    log = _compared(bench)
    await bench.deliveries(lambda: every_call(bench))
    must(
        not log.complaints,
        f"plugin and twin must keep to the schema: {'; '.join(log.complaints[:5])}",
    )


@suite.check()
async def a_request_outside_the_schema_is_noticed(bench: Bench) -> None:
    """A schema that takes everything is none."""
    log = _compared(bench)
    await every_call(bench)
    requests = _different(one.request for one in bench.exchanges if _is_json(one.request))
    if not requests:
        raise NotApplicable(f"{bench.vendor.name} sends no JSON")
    async with httpx.AsyncClient(trust_env=False, timeout=5, verify=NO_TLS) as http:
        for request in requests:
            complained = len(log.complaints)
            await _send_spoilt(http, request)
            must(
                len(log.complaints) > complained,
                f"the twin must complain of {request.method} {request.url.path} with another "
                "object as its body: its schema takes anything",
            )


def _different(requests: Iterable[httpx.Request]) -> Sequence[httpx.Request]:
    """One of those that say the same."""
    found = {(one.method, str(one.url), one.content): one for one in requests}
    return list(found.values())


async def _send_spoilt(http: httpx.AsyncClient, request: httpx.Request) -> None:
    dropped = {"content-length", "host", "transfer-encoding"}
    headers = {key: value for key, value in request.headers.items() if key not in dropped}
    await http.request(request.method, request.url, headers=headers, json=SPOILT)


def _is_json(request: httpx.Request) -> bool:
    return "json" in request.headers.get("content-type", "")
