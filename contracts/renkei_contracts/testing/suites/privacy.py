"""No secret and no personal data leaves a plugin by a log, an error, a repr or a recording."""

import json

from renkei_contracts.errors import RenkeiError
from renkei_contracts.paging import Page
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.bodies import REMOVED
from renkei_contracts.testing.checks import Suite, must
from renkei_contracts.testing.leaks import Leaks, leaks, logged, told_by
from renkei_contracts.testing.trying import PLENTY, Ready, Tried, calling, ready
from renkei_contracts.testing.vectors import (
    changed,
    many,
    mutations,
    other_first,
    proofs,
    value_of,
    with_body,
)
from renkei_contracts.toolkit.scrub import scrubbed
from renkei_contracts.twin.faults import Fault, FaultKind

suite = Suite("privacy")

FAULTS: tuple[FaultKind, ...] = (
    "unauthorized", "forbidden", "rate_limited", "server_error", "drop_before", "drop_after",
    "half_page", "not_json",
)  # fmt: skip
DRIFTS = (
    "id", "name", "email", "points", "point", "total", "lines", "details", "customer", "updated_at",
    "updatedAt", "status", "state", "rows", "data", "result",
)  # fmt: skip


def _keeps(bench: Bench, secret: Leaks, text: str, what: str) -> None:
    found = secret.found(text)
    must(found is None, f"{what} must not hold {found}")


async def _at_work(bench: Bench) -> tuple[Ready, Leaks]:
    return await calling(bench), await leaks(bench)


async def _failures(work: Ready) -> list[Tried]:
    """Every operation under every fault."""
    found = []
    for normal in work.normal:
        plans = [[Fault(kind)] * PLENTY for kind in FAULTS]
        told = set(normal.answer_keys())
        plans += [[Fault("type_changed", field=key)] * PLENTY for key in DRIFTS if key in told]
        found += [await work.suffer(normal.operation, *plan) for plan in plans]
    return found


@suite.check()
async def no_log_of_a_day_that_is_well_tells_a_secret_or_a_person(bench: Bench) -> None:
    """Logs are read by many and kept for long."""
    work, secret = await _at_work(bench)
    for normal in work.normal:
        await work.well(normal.operation)
    _keeps(bench, secret, logged(bench.records), "what the plugin logs")


@suite.check()
async def no_log_of_a_fault_tells_a_secret_or_a_person(bench: Bench) -> None:
    """It is then that things are logged."""
    work, secret = await _at_work(bench)
    await _failures(work)
    _keeps(bench, secret, logged(bench.records), "what the plugin logs of a vendor that fails")


@suite.check()
async def no_error_of_a_call_tells_a_secret_or_a_person(bench: Bench) -> None:
    """Nor do its causes: they are printed with it."""
    work, secret = await _at_work(bench)
    for tried in await _failures(work):
        what = f"{tried.operation.name}: the error (or what it was raised from)"
        _keeps(bench, secret, told_by(tried.error), what)


@suite.check()
async def no_rejected_row_tells_a_person(bench: Bench) -> None:
    """Its reason is shown in the console."""
    work, secret = await _at_work(bench)
    for tried in [*work.normal, *await _failures(work)]:
        reasons = tried.result.rejected if isinstance(tried.result, Page) else ()
        text = "\n".join(reason for _, reason in reasons)
        _keeps(bench, secret, text, f"{tried.operation.name}: the reason of a rejected row")


@suite.check(needs=("webhooks",))
async def no_error_of_a_delivery_tells_a_person(bench: Bench) -> None:
    """What cannot be understood waits as a dead letter with this text."""
    sent = await many(bench)
    secret = await leaks(bench)
    for delivery in sent:
        cut = [with_body(delivery, delivery.body[:-2])]
        spoilt = [one for new in (REMOVED, None, {}) for _, one in mutations(delivery, new)]
        for one in [*cut, *spoilt]:
            try:
                bench.webhooks().read(one)
            except RenkeiError as error:
                _keeps(bench, secret, told_by(error), "an error of read()")


@suite.check(needs=("webhooks",))
async def no_refused_delivery_tells_the_secret(bench: Bench) -> None:
    """Nor the signature that would have been right."""
    sent = await many(bench)
    secret = await leaks(bench)
    for delivery in sent:
        for place in proofs(bench, delivery):
            right = value_of(delivery, place)
            try:
                forged = changed(delivery, place, other_first(right))
                bench.webhooks().verify(forged, bench.clock())
            except RenkeiError as error:
                told = told_by(error)
                _keeps(bench, secret, told, "an error of verify()")
                long = len(right) > 15
                must(not (long and right in told), "an error of verify() must not hold the proof")


@suite.check()
async def no_repr_tells_a_secret(bench: Bench) -> None:
    """A repr goes into traces."""
    work = await ready(bench)
    secret = await leaks(bench)
    made = [getattr(bench.vendor, name)(work.connection) for name in bench.vendor.capabilities()]
    for one in [work.connection, *made]:
        _keeps(bench, secret, f"{one!r} {one}", f"the repr of {type(one).__name__}")


@suite.check(needs=("webhooks",))
async def no_log_of_a_delivery_tells_a_secret_or_a_person(bench: Bench) -> None:
    """Neither when it is genuine nor when it is not."""
    sent = await many(bench)
    secret = await leaks(bench)
    for delivery in sent:
        hooks = bench.webhooks()
        hooks.verify(delivery, bench.clock())
        hooks.key(delivery)
        hooks.read(delivery)
        proofs(bench, delivery)
    _keeps(bench, secret, logged(bench.records), "what the plugin logs of a delivery")


@suite.check()
async def a_recorded_exchange_is_scrubbed(bench: Bench) -> None:
    """What is kept for tests holds nobody's data."""
    _, secret = await _at_work(bench)
    known = list(secret.credentials())
    personal: frozenset[str] = getattr(bench.twin, "personal_keys", frozenset())
    for one in bench.exchanges:
        told = json.dumps(scrubbed(one.request, one.response, known, personal), ensure_ascii=False)
        call = f"{one.request.method} {one.request.url.path}"
        what = f"{call}, scrubbed by toolkit.scrub (by the twin's personal_keys, too),"
        _keeps(bench, secret, told, what)
