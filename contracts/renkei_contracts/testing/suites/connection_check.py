"""The connection check: what a merchant is told before a connection is switched on."""

from collections.abc import Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.errors import FixData, Reauthorize, RenkeiError, TryLater
from renkei_contracts.testing.bench import Bench, made
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.shop import sale
from renkei_contracts.testing.spoiling import with_text
from renkei_contracts.twin.faults import Fault, FaultKind

suite = Suite("check", "check")

PLENTY = 20
"""More calls than a check makes."""
LEAST_WORDS = 10
"""Characters from which on a finding says something."""


async def found(bench: Bench, fault: FaultKind | None = None) -> Sequence[CheckFinding]:
    """What the check says, while the vendor fails so."""
    check = made(bench.vendor.check, bench.connection())
    if fault:
        bench.twin.faults.plan([Fault(fault)] * PLENTY)
    return await check.check()


@suite.check()
async def a_connection_that_is_set_up_well_is_let_through(bench: Bench) -> None:
    """The twin is set up as the README asks for."""
    blocking = [one.text for one in await found(bench) if one.blocks]
    must(not blocking, f"check() must find nothing that blocks on the twin, not {blocking}")


@suite.check()
async def the_vendor_is_asked(bench: Bench) -> None:
    """Settings alone do not show whether they are right."""
    await found(bench)
    must(bool(bench.exchanges), "check() must call the vendor: only it knows whether we may")


@suite.check()
async def credentials_that_are_refused_block(bench: Bench) -> None:
    """Else a connection is switched on that can do nothing."""
    try:
        blocks = any(one.blocks for one in await found(bench, "unauthorized"))
    except Reauthorize:
        blocks = True
    told = (
        "check() must give a finding that blocks, or raise Reauthorize, where the vendor says 401"
    )
    must(blocks, told)


@suite.check()
async def a_vendor_that_is_down_is_no_finding(bench: Bench) -> None:
    """Nothing is set up wrong, and nobody knows whether all is well."""
    told = (
        "check() must raise TryLater where the vendor is down: it is neither well nor set up wrong"
    )
    try:
        await found(bench, "server_error")
    except TryLater:
        return
    must(False, told)


@suite.check()
async def a_shop_that_does_not_sell_in_yen_is_not_let_through(bench: Bench) -> None:
    """Each of its orders would wait for a person."""
    if bench.vendor.orders is not None and bench.twin.kind != "service":
        await sale(bench.twin)  # some vendors tell their currency by an order alone
    bench.on_the_way = with_text(b'"JPY"', b'"USD"')
    try:
        blocks = any(one.blocks for one in await found(bench))
    except FixData:
        blocks = True
    answers = [one.response for one in bench.exchanges if one.response is not None]
    if not any(b'"USD"' in answer.content for answer in answers):
        raise NotApplicable("what the vendor answers to the check does not say a currency")
    told = "check() must give a finding that blocks where the vendor says another currency than JPY"
    must(blocks, told)


@suite.check()
async def a_finding_says_what_is_wrong_and_shows_no_secret(bench: Bench) -> None:
    """A merchant reads it, perhaps aloud."""
    try:
        findings = await found(bench, "unauthorized")
    except RenkeiError as error:
        findings = [CheckFinding(str(error), blocks=True)]
    for finding in findings:
        must(len(finding.text) >= LEAST_WORDS, "a finding must say what is wrong, for a person")
        shown = any(secret in finding.text for secret in bench.given)
        must(not shown, "a finding must not repeat a secret")
