"""Coupons: issued once, worth what was said, and gone when revoked."""

from datetime import UTC, datetime, time, timedelta

from renkei_contracts.capability import CodesTold
from renkei_contracts.errors import UnsupportedFeature
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must, succeeds
from renkei_contracts.testing.shop import enrolled, some_items
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.twin.shown import ShowsCoupons, TakesCodes

suite = Suite("coupons", "coupons")

CODE, YEN = "SPRING-100", 100
HOLD_CODE = "hld-0f1e2d3c4b5a69788796"
"""As the hub makes them for holds."""


def _until(bench: Bench) -> datetime:
    return bench.clock() + timedelta(days=30)


async def _shown(bench: Bench, code: str = CODE) -> tuple[int, datetime] | None:
    twin = bench.twin
    if not isinstance(twin, ShowsCoupons):
        raise NotApplicable("the twin does not show coupons: see twin/shown.py")
    return await twin.coupon_shown(code)


def _right(
    bench: Bench, shown: tuple[int, datetime] | None, until: datetime, yen: int = YEN
) -> bool:
    """Whether it is worth the yen until this moment; where it ends with a day, the last one."""
    if shown is None or shown[0] != yen:
        return False
    end = shown[1]
    if not getattr(bench.twin, "coupons_end_with_days", False):
        return end == until
    midnight = end.astimezone(JST).time() == time()
    return midnight and timedelta(0) <= until - end < timedelta(days=1)


@suite.check()
async def an_issued_coupon_is_worth_what_was_said(bench: Bench) -> None:
    """Yen, and no other unit."""
    await bench.coupons().issue(CODE, YEN, _until(bench))
    told = (
        "issue() must make a coupon of this code, worth these yen, until this moment; where it "
        "ends with a day (the twin's coupons_end_with_days), with the last one over by then"
    )
    must(_right(bench, await _shown(bench), _until(bench)), told)


@suite.check()
async def a_coupons_end_is_read_with_its_zone(bench: Bench) -> None:
    """Midnight in Japan is not midnight."""
    half_past_midnight = _until(bench).astimezone(JST).replace(hour=0, minute=30)
    for number, zone in enumerate((JST, UTC)):
        code, until = f"{CODE}-{number}", half_past_midnight.astimezone(zone)
        await bench.coupons().issue(code, YEN, until)
        told = "issue() must tell the vendor the same moment, whatever zone it is written in"
        must(_right(bench, await _shown(bench, code), until), told)


@suite.check()
async def a_coupon_issued_again_is_the_same_coupon(bench: Bench) -> None:
    """The answer to the first call may have been lost."""
    told = "issue() must take the same coupon again: one that is there already is done"
    with succeeds(told):
        for _ in range(2):
            await bench.coupons().issue(CODE, YEN, _until(bench))
    must(_right(bench, await _shown(bench), _until(bench)), told)


@suite.check()
async def a_revoked_coupon_is_gone(bench: Bench) -> None:
    """Nobody can use it any more."""
    await bench.coupons().issue(CODE, YEN, _until(bench))
    await bench.coupons().revoke(CODE)
    must(await _shown(bench) is None, "revoke() must take the coupon away at the vendor")


@suite.check()
async def revoking_twice_is_the_same_as_once(bench: Bench) -> None:
    """Nor is one that never was an error."""
    await bench.coupons().issue(CODE, YEN, _until(bench))
    with succeeds("revoke() must take a coupon that is not there for revoked"):
        for _ in range(2):
            await bench.coupons().revoke(CODE)
        await bench.coupons().revoke("NEVER-ISSUED")


@suite.check()
async def a_code_names_only_itself(bench: Bench) -> None:
    """Codes are made by programs of the shop's: marks in them are no part of an address."""
    await bench.coupons().issue(CODE, YEN, _until(bench))
    for code in (f"{CODE}/../X", f"X/{CODE}", f"{CODE}?a=b", f"{CODE}#2", "50% OFF"):
        try:
            await bench.coupons().issue(code, 200, _until(bench))
        except UnsupportedFeature:
            continue
        told = f"issue() must make {code!r} as it is written, or raise UnsupportedFeature"
        must(_right(bench, await _shown(bench, code), _until(bench), 200), told)
        must(_right(bench, await _shown(bench), _until(bench)), told)


@suite.check("register", needs=("orders",))
async def an_order_tells_the_code_of_a_hold_that_it_used(bench: Bench) -> None:
    """Else the points of the hold would come back although they were used."""
    coupons, twin = bench.coupons(), bench.twin
    if not (isinstance(coupons, CodesTold) and coupons.codes_told):
        raise NotApplicable("its orders do not say which codes they used: codes_told")
    told = "a twin must be able to use a code that orders tell: see TakesCodes in twin/shown.py"
    must(isinstance(twin, TakesCodes), told)
    assert isinstance(twin, TakesCodes)
    await coupons.issue(HOLD_CODE, YEN, _until(bench))
    buyer, items = await enrolled(twin), await some_items(twin)
    order = await bench.orders().fetch(await twin.buy_with_code(buyer.id, items, HOLD_CODE))
    must(order.hold_codes == (HOLD_CODE,), "an order must name the code of a hold that it used")
    goods = sum(item.yen * item.quantity for item in items)
    told = "the lines of such an order count before the code, whose points are the hub's to value"
    must(sum(line.amount for line in order.lines) == goods, told)
    must((order.points_used, order.points_value) == (0, 0), told)
