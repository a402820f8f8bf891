"""Balances: written once, read back as they are, and never twice."""

import re
from datetime import timedelta

from renkei_contracts import capability
from renkei_contracts.errors import (
    GiveUp,
    NotFound,
    OutcomeUnknown,
    Rejected,
    RenkeiError,
    TryLater,
)
from renkei_contracts.point import Balance, BalanceWrite, BalanceWritten
from renkei_contracts.stage import Shopper
from renkei_contracts.testing.bench import Bench, OnTheWay
from renkei_contracts.testing.checks import NotApplicable, Suite, must, succeeds
from renkei_contracts.testing.lists import walk, whole_window
from renkei_contracts.testing.shop import HANAKO, TARO, Buyer, points_shown
from renkei_contracts.testing.spoiling import at_call, broken, unreadable
from renkei_contracts.testing.strange import strange_ids

suite = Suite("balances", "balances")

MANY = 9_999_999
LAST_DAY = "2031-12-31"


def prepared(bench: Bench, points: int, seen: int, **more: object) -> BalanceWrite:
    """A write as the hub prepares it: the balance wanted, and the difference to what it read."""
    balance = {"spendable": points, "version": 7, "as_of": bench.clock(), **more}
    return BalanceWrite(
        balance=Balance.model_validate(balance), change=points - seen, note="renkei 7"
    )


async def show(bench: Bench, id: str, points: int) -> BalanceWritten:
    """Make the vendor show these points, as the hub does it: read, then write."""
    balances = bench.balances()
    return await balances.write(id, prepared(bench, points, await balances.read(id)))


async def customer(bench: Bench, shopper: Shopper = HANAKO, points: int = 0) -> str:
    """A customer to whom the vendor shows points."""
    id = await bench.twin.register(shopper)
    if points:
        await show(bench, id, points)
    return id


@suite.check("register")
async def what_was_written_is_read(bench: Bench) -> None:
    """First up, then down."""
    id = await customer(bench)
    for points in (120, 35, 36):
        await show(bench, id, points)
        must(
            await bench.balances().read(id) == points,
            "read() must give what write() wrote: an absolute vendor is set to balance.spendable, "
            "a delta vendor changed by `change`",
        )


@suite.check("register")
async def what_was_written_is_shown_to_the_customer(bench: Bench) -> None:
    """Not into a field that nobody sees."""
    id = await customer(bench, points=120)
    shown = await points_shown(bench.twin, Buyer(id, HANAKO.card))
    must(shown == 120, "write() must change the points that the customer or the register sees")


@suite.check("register")
async def a_new_customer_has_no_points(bench: Bench) -> None:
    """A vendor may have no row for them yet."""
    id = await customer(bench)
    told = "read() must give 0 for a customer who never had points: no row is no error"
    with succeeds(told):
        must(await bench.balances().read(id) == 0, told)


@suite.check("register")
async def points_can_become_none(bench: Bench) -> None:
    """Zero is a balance, too."""
    id = await customer(bench, points=120)
    await show(bench, id, 0)
    must(await bench.balances().read(id) == 0, "write() must be able to bring a balance to 0")


@suite.check("register")
async def many_points_are_written_whole_or_refused(bench: Bench) -> None:
    """Never cut off."""
    id = await customer(bench, points=5)
    try:
        await show(bench, id, MANY)
    except GiveUp:
        must(await bench.balances().read(id) == 5, "a refused write must have changed nothing")
        return
    must(
        await bench.balances().read(id) == MANY,
        "write() must write a large balance whole, or raise Rejected",
    )


@suite.check("register")
async def the_same_write_again_does_what_is_declared(bench: Bench) -> None:
    """By this the hub decides whether it may repeat."""
    id = await customer(bench, points=10)
    balances = bench.balances()
    write = prepared(bench, 25, 10)
    for _ in range(2):
        await balances.write(id, write)
    twice = 40 if balances.mode == "delta" and not balances.idempotent else 25
    must(
        await balances.read(id) == twice,
        "mode and idempotent must be what the vendor does: an absolute write twice is once, a "
        "delta that is not idempotent is applied at each call, exactly once",
    )


@suite.check("register")
async def what_is_written_is_what_the_mode_says(bench: Bench) -> None:
    """A sale rung up between the hub's read and its write must not be overwritten by a delta."""
    id = await customer(bench, points=100)
    balances = bench.balances()
    await balances.write(id, prepared(bench, 150, 130))
    wanted = 120 if balances.mode == "delta" else 150
    must(
        await balances.read(id) == wanted,
        "a delta vendor must apply `change` to what is there; an absolute one must set "
        "balance.spendable, whatever was there",
    )


@suite.check("register")
async def one_customers_points_are_nobody_elses(bench: Bench) -> None:
    """Each by their own id."""
    hers, his = await customer(bench, points=30), await customer(bench, TARO, points=7)
    for id, points, wanted in ((hers, 50, [50, 7]), (his, 9, [50, 9])):
        await show(bench, id, points)
        both = [await bench.balances().read(one) for one in (hers, his)]
        must(both == wanted, "read() and write() must be about the customer they are asked for")


@suite.check("register")
async def an_answer_says_what_the_vendor_shows_now(bench: Bench) -> None:
    """The hub compares it with what it wanted."""
    id = await customer(bench, points=100)
    balances = bench.balances()
    written = await balances.write(id, prepared(bench, 150, 130))
    if written.points is None:
        raise NotApplicable("the vendor's answer does not say what it shows")
    must(
        written.points == await balances.read(id),
        "BalanceWritten.points must be what the vendor shows after the write; None where its "
        "answer does not say so",
    )


@suite.check("register", "adjust")
async def points_changed_by_hand_are_read(bench: Bench) -> None:
    """What somebody did at the vendor is found by the difference."""
    id = await customer(bench, points=100)
    await bench.twin.adjust(id, 177)
    must(await bench.balances().read(id) == 177, "read() must give what the vendor shows now")


@suite.check("register")
async def a_write_whose_outcome_is_unknown_says_so(bench: Bench) -> None:
    """The connection broke after the vendor acted: the hub reads before it writes again."""
    id = await customer(bench, points=100)
    error = await _spoiled(bench, id, broken)
    must(
        isinstance(error, OutcomeUnknown),
        "write() must raise OutcomeUnknown when the connection breaks after the call was sent",
    )


@suite.check("register")
async def a_write_whose_outcome_is_unknown_is_not_repeated(bench: Bench) -> None:
    """Points would be given twice."""
    id = await customer(bench, points=100)
    await _spoiled(bench, id, broken)
    must(
        await bench.balances().read(id) == 103,
        "write() must call the vendor once: never repeat a write inside, the hub does after a read",
    )


@suite.check("register")
async def a_write_whose_answer_cannot_be_read_says_so(bench: Bench) -> None:
    """It has happened all the same."""
    id = await customer(bench, points=100)
    error = await _spoiled(bench, id, unreadable)
    if bench.balances().mode == "absolute":
        must(
            error is not None,
            "write() must raise when the answer cannot be read: nobody knows what was written",
        )
        return
    must(
        isinstance(error, OutcomeUnknown),
        "write() of a delta vendor must raise OutcomeUnknown when the answer cannot be read: the "
        "change has happened, and any other error would invite a second one",
    )


@suite.check("register")
async def a_customer_who_is_not_there_has_no_balance(bench: Bench) -> None:
    """NotFound lets the hub create the customer, or give up."""
    id = await customer(bench, points=5)
    for strange in strange_ids(id):
        for what, act in (("read", _read), ("write", _write)):
            try:
                await act(bench.balances(), bench, strange)
            except NotFound:
                continue
            except Rejected:
                if what == "write":
                    continue
            must(False, f"{what}({strange!a}) must raise NotFound: check the form of an id first")
    must(await bench.balances().read(id) == 5, "a strange id must not change anybody's points")


@suite.check("register")
async def a_write_that_the_vendor_refuses_is_no_success(bench: Bench) -> None:
    """A delta below nothing: somebody spent meanwhile."""
    id = await customer(bench, points=3)
    balances = bench.balances()
    if balances.mode == "absolute":
        raise NotApplicable("an absolute write cannot be below nothing")
    try:
        await balances.write(id, prepared(bench, 0, 10))
    except TryLater:
        must(False, "a change that the vendor refuses must raise Rejected: repeating cannot help")
    except GiveUp:
        must(await balances.read(id) == 3, "a refused write must have changed nothing")
        return
    must(await balances.read(id) == -7, "a change that the vendor refuses must raise Rejected")


@suite.check("register")
async def an_expiry_is_said_where_it_is_declared(bench: Bench) -> None:
    """The vendor would let the whole balance lapse on a day it was told by mistake."""
    id = await customer(bench)
    before = len(bench.exchanges)
    balances = bench.balances()
    await balances.write(id, prepared(bench, 10, 0, latest_expiry=LAST_DAY))
    sent = [one.request.content for one in bench.exchanges[before:]]
    digits = re.sub(rb"[^0-9]", b" ", b" ".join(sent)).replace(b" ", b"")
    must(
        (LAST_DAY.replace("-", "").encode() in digits) is balances.shows_expiry,
        "shows_expiry must be true exactly where write() sends balance.latest_expiry",
    )


@suite.check()
async def how_long_a_read_may_lag_is_a_time(bench: Bench) -> None:
    """The hub adds it to its clock right after a write."""
    balances = bench.balances()
    if not isinstance(balances, capability.Settling):
        raise NotApplicable("the plugin says of no lag: a read shows what was written")
    lag: object = balances.settles_after
    told = "settles_after must be a timedelta above zero: leave it out where no read lags"
    must(isinstance(lag, timedelta) and lag > timedelta(0), told)


@suite.check("register", needs=("orders",))
async def a_written_balance_is_no_sale(bench: Bench) -> None:
    """Vendors book points as transactions, and those are no sales."""
    await customer(bench, points=120)
    walked = await walk(bench.orders(), whole_window(bench))
    must(
        not walked.items and not walked.rejected,
        "a balance that was written must not come back as an order: leave out what is no sale",
    )


async def _spoiled(bench: Bench, id: str, spoil: OnTheWay) -> Exception | None:
    """Write 103 while the answer to the last call of the write is spoiled; what was raised."""
    balances = bench.balances()
    await balances.read(id)  # the token is there from now on
    before = len(bench.exchanges)
    await balances.write(id, prepared(bench, 101, 100))
    bench.on_the_way = at_call(len(bench.exchanges) - before, spoil)
    try:
        await balances.write(id, prepared(bench, 103, 101))
    except RenkeiError as error:
        return error
    finally:
        bench.on_the_way = None
    return None


async def _read(balances: capability.Balances, bench: Bench, id: str) -> None:
    await balances.read(id)


async def _write(balances: capability.Balances, bench: Bench, id: str) -> None:
    await balances.write(id, prepared(bench, 9, 0))
