"""What a plugin makes of a vendor that fails: an error that says what the caller should do."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from renkei_contracts.errors import (
    FixData,
    GiveUp,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Reauthorize,
    RenkeiError,
    TryLater,
    Unavailable,
)
from renkei_contracts.paging import Page
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must, succeeds
from renkei_contracts.testing.operations import operations
from renkei_contracts.testing.trying import PLENTY, Tried, at_business, calling
from renkei_contracts.testing.vectors import many
from renkei_contracts.testing.worth import canonical, wrong
from renkei_contracts.twin.faults import Fault, FaultKind

suite = Suite("faults")

Errors = tuple[type[RenkeiError], ...]

UNANSWERED: Errors = (Unavailable,)
UNSURE: Errors = (OutcomeUnknown,)
UNREADABLE: Errors = (PayloadInvalid, Unavailable)
FOR_A_PERSON: Errors = (Reauthorize, GiveUp, FixData)
"""What a connection check may also say by a finding that blocks."""
TURNS = 10
"""After so many turns of the loop, whatever was started beside has begun."""


def _places(normal: Tried) -> set[int]:
    """The first and the last call of an operation."""
    return {0, max(normal.calls - 1, 0)}


def _ends(tried: Tried, fault: str, errors: Errors, *, success: bool = False) -> None:
    """The operation must end in one of these errors, or succeed where that is allowed."""
    names = " or ".join(error.__name__ for error in errors)
    got = "success" if tried.error is None else type(tried.error).__name__
    said = tried.blocks and any(issubclass(error, FOR_A_PERSON) for error in errors)
    allowed = success or said if tried.error is None else isinstance(tried.error, errors)
    must(allowed, f"{tried.operation.name}, {fault}: must raise {names}, not {got}")


async def _each(
    bench: Bench, *kinds: Fault, last_only: bool = False
) -> Sequence[tuple[Tried, Tried, bool]]:
    """Every operation under the faults: normal, suffered, and whether the last call failed."""
    work, found = await calling(bench), []
    for normal in work.normal:
        last = max(normal.calls - 1, 0)
        for place in {last} if last_only else _places(normal):
            faults = [replace(kind, skip=place) for kind in kinds]
            found.append((normal, await work.suffer(normal.operation, *faults), place == last))
    return found


@suite.check()
async def a_token_refused_once_is_renewed_or_reported(bench: Bench) -> None:
    """401: it may have been revoked a moment ago."""
    for _, tried, _last in await _each(bench, Fault("unauthorized")):
        _ends(tried, "refused once with 401", (Reauthorize,), success=True)


@suite.check()
async def a_token_refused_again_asks_for_authorization(bench: Bench) -> None:
    """401 for the new one as well: a person must act."""
    for _, tried, _last in await _each(bench, *[Fault("unauthorized")] * PLENTY):
        _ends(tried, "refused with 401 each time", (Reauthorize,))


@suite.check()
async def a_forbidden_call_is_not_tried_later(bench: Bench) -> None:
    """403: a scope is missing, and waiting brings none."""
    for _, tried, _last in await _each(bench, *[Fault("forbidden")] * PLENTY):
        _ends(tried, "refused with 403", (Reauthorize, GiveUp))


@suite.check()
async def too_many_calls_are_told_with_the_wait(bench: Bench) -> None:
    """429, and the vendor says how long."""
    for _, tried, _last in await _each(bench, Fault("rate_limited", retry_after=7)):
        _ends(tried, "answered 429 with Retry-After: 7", (RateLimited,))
        assert isinstance(tried.error, RateLimited)
        wait = tried.error.retry_after
        told = f"{tried.operation.name}: RateLimited.retry_after must be 7, not {wait}"
        must(wait is not None and 6 <= wait <= 8, told)


@suite.check()
async def too_many_calls_are_told_without_a_wait(bench: Bench) -> None:
    """429, and the vendor does not say how long."""
    for _, tried, _last in await _each(bench, Fault("rate_limited")):
        _ends(tried, "answered 429 without Retry-After", (RateLimited,))


@suite.check()
async def a_fault_of_the_vendor_is_told_as_its_own(bench: Bench) -> None:
    """500: nothing is wrong with us or with what we sent."""
    for _, tried, _last in await _each(bench, Fault("server_error")):
        writes = tried.operation.writes
        _ends(tried, "answered 500", UNANSWERED + UNSURE if writes else UNANSWERED)


@suite.check()
async def a_call_that_broke_before_it_was_heard_may_be_made_later(bench: Bench) -> None:
    """The connection broke; whether the vendor acted cannot be seen from here."""
    for _, tried, _last in await _each(bench, Fault("drop_before")):
        writes = tried.operation.writes
        _ends(tried, "its connection broke", UNANSWERED + UNSURE if writes else UNANSWERED)


def _after(normal: Tried, tried: Tried, fault: str, last: bool, unread: Errors) -> None:
    """The vendor has acted, if it was the last call of a write."""
    one = tried.operation
    if not one.writes:
        rejected = isinstance(tried.result, Page) and wrong(normal, tried) is None
        _ends(tried, fault, unread, success=rejected)
    elif not last:
        _ends(tried, fault, unread + UNSURE, success=True)
    elif one.idempotent:
        kept = tuple(e for e in unread if one.looks or e is not Unavailable)
        _ends(tried, fault, UNSURE + kept, success=True)
    else:
        _ends(tried, fault, UNSURE, success=True)


@suite.check()
async def a_write_whose_answer_was_lost_may_have_happened(bench: Bench) -> None:
    """The vendor acted, and the connection broke before it could say so."""
    for normal, tried, last in await _each(bench, Fault("drop_after")):
        _after(normal, tried, "acted on, its answer lost", last, UNANSWERED)


@suite.check()
async def a_write_that_is_not_answered_in_time_may_have_happened(bench: Bench) -> None:
    """The vendor acted, and never answered."""
    work = await calling(bench)
    for normal in work.normal:
        fault = Fault("slow", skip=max(normal.calls - 1, 0))
        tried = await work.suffer(normal.operation, fault)
        _after(normal, tried, "acted on, never answered", True, UNANSWERED)


@suite.check()
async def half_an_answer_is_none(bench: Bench) -> None:
    """The connection broke in the middle of the answer."""
    for normal, tried, last in await _each(bench, Fault("half_page")):
        _after(normal, tried, "answered by half a page", last, UNREADABLE)


@suite.check()
async def an_answer_that_is_not_json_is_invalid(bench: Bench) -> None:
    """A page of a proxy, with status 200."""
    for normal, tried, last in await _each(bench, Fault("not_json")):
        _after(normal, tried, "answered by a page of HTML", last, UNREADABLE)


async def _drift(
    bench: Bench, kind: FaultKind, fault: str, left_out: frozenset[str] = frozenset()
) -> None:
    work = await calling(bench)
    for normal in work.normal:
        # A write before may have changed what there is to read.
        fresh = await work.well(normal.operation)
        for key in [one for one in fresh.answer_keys() if one not in left_out]:
            drift = [Fault(kind, field=key)] * PLENTY
            _bears(fresh, await work.suffer(normal.operation, *drift), f"with {key} {fault}")


def _bears(normal: Tried, tried: Tried, fault: str) -> None:
    """No crash, nothing taken for gone, nothing wrong."""
    name = normal.operation.name
    got = type(tried.error).__name__
    told = f"{name}, {fault}: must raise PayloadInvalid or reject the row, not {got}"
    must(canonical(tried) and not isinstance(tried.error, NotFound), told)
    if tried.error is None:
        said = wrong(normal, tried)
        must(said is None, f"{name}, {fault}: must not succeed and say {said}: PayloadInvalid")
    elif normal.operation.writes and not normal.operation.idempotent:
        told = f"{name}, {fault}: has happened, so that it must raise OutcomeUnknown, not {got}"
        must(isinstance(tried.error, OutcomeUnknown), told)


@suite.check()
async def a_field_that_is_gone_never_makes_another_amount(bench: Bench) -> None:
    """Each key of each answer in turn: the vendor changed its interface."""
    # A key that a vendor also leaves out where there is nothing to say looks the same gone.
    left_out: frozenset[str] = getattr(bench.twin, "leaves_out", frozenset())
    await _drift(bench, "field_removed", "removed", left_out)


@suite.check()
async def a_field_of_another_type_never_makes_another_amount(bench: Bench) -> None:
    """Each key of each answer in turn becomes an object."""
    await _drift(bench, "type_changed", "of another type")


@suite.check()
async def a_failed_call_is_not_repeated_by_the_plugin(bench: Bench) -> None:
    """The hub alone decides when; a plugin that repeats keeps a till waiting."""
    kinds: tuple[FaultKind, ...] = ("server_error", "rate_limited")
    work = await calling(bench)
    for kind in kinds:
        for normal in work.normal:
            tried = await work.suffer(normal.operation, *[Fault(kind)] * PLENTY)
            told = f"{tried.operation.name}: must not call again after {kind}: raise at once"
            must(tried.calls <= max(normal.calls, 1), told)


@suite.check()
async def after_a_fault_the_next_call_succeeds(bench: Bench) -> None:
    """A plugin keeps no state, least of all of a failure."""
    work = await calling(bench)
    kinds: tuple[FaultKind, ...] = ("unauthorized", "server_error", "drop_after", "not_json")
    for kind in kinds:
        for normal in work.normal:
            await work.suffer(normal.operation, *[Fault(kind)] * PLENTY)
            told = f"{normal.operation.name}: must succeed once the vendor is well after {kind}"
            with succeeds(told):
                await work.well(normal.operation)


@suite.check()
async def a_plugin_without_calls_makes_none(bench: Bench) -> None:
    """What only reads deliveries cannot fail by its vendor, unless it calls it secretly."""
    buyer, connection = await at_business(bench), bench.connection()
    if await operations(bench, connection, buyer):
        raise NotApplicable(f"{bench.vendor.name} calls its vendor")
    before = bench.begun
    for delivery in await many(bench):
        if bench.vendor.webhooks is not None:
            hooks = bench.vendor.webhooks(connection)
            hooks.verify(delivery, bench.clock())
            hooks.key(delivery)
            hooks.read(delivery)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    must(
        bench.begun == before,
        "a plugin must call its vendor by the capabilities it declares, and not while it reads a "
        "delivery: that must be quick, and the same when it is read again",
    )


LOGIN: tuple[tuple[Fault, Errors], ...] = (
    (Fault("unauthorized"), (Reauthorize,)),
    (Fault("rate_limited", retry_after=7), (TryLater,)),
    (Fault("server_error"), (TryLater,)),
    (Fault("drop_before"), (TryLater,)),
    (Fault("not_json"), (PayloadInvalid, TryLater, Reauthorize)),
)


@suite.check()
async def a_fault_while_logging_in_is_told_like_any_other(bench: Bench) -> None:
    """The first call of a connection may be for a token."""
    work = await calling(bench)
    for fault, errors in LOGIN:
        for normal in work.normal:
            tried = await work.suffer(normal.operation, *[fault] * PLENTY, logged_out=True)
            _ends(tried, f"{fault.kind} while logging in", errors)
