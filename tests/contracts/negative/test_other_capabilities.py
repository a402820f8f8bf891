"""Wrong plugins for ``install``, ``coupons``, ``stock``, ``products``, ``messages``, ``facts``."""

import html
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

import pytest
from wrong import Around, altered, checks_of, must_fail, wrapped

from renkei_contracts.capability import Fact, Product, StockLevel
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import GiveUp, NotFound, Rejected, RenkeiError, UnsupportedFeature
from renkei_contracts.ids import ExternalRef
from renkei_contracts.paging import Page, Window
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.client import ReferenceClient, credentials, iso
from renkei_contracts.reference.cart.install import ReferenceInstall
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.reference.cart.twin_shop import CATALOGUE
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.testing.consent import STATE
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.oauth import fetch_grant
from renkei_contracts.vendor import Vendor

SUITES = ("install", "coupons", "stock", "products", "messages", "facts")


class Stateless(Around):
    def authorize_url(self, state: str, callback_url: str) -> str:
        url: str = self.right.authorize_url("", callback_url)
        return url


class SecretInTheAddress(Around):
    def authorize_url(self, state: str, callback_url: str) -> str:
        secret = self.connection.settings.client_secret.get_secret_value()
        return f"{self.right.authorize_url(state, callback_url)}&client_secret={secret}"


class ChecksOnly(Around):
    """Leaves the code for later."""

    async def finish(self, callback: Delivery) -> None:
        return None


class BelievesAnybody(Around):
    """Exchanges the code without asking who brings it."""

    async def finish(self, callback: Delivery) -> None:
        code = parse_qs(callback.body.decode("ascii", "replace")).get("code", [""])[0]
        form = {"grant_type": "authorization_code", "code": code}
        given = self.connection
        grant = await fetch_grant(given.http, credentials(given.settings), given.now(), form)

        async def fetch(_kept: object) -> Any:
            return grant.token

        await given.tokens.replace(None, fetch)


class StateOfItsOwn(Around):
    """Takes the state it would have made for the one that is brought."""

    async def finish(self, callback: Delivery) -> None:
        given = {**dict(parse_qsl(callback.body.decode())), "state": STATE}
        await self.right.finish(replace(callback, body=urlencode(given).encode()))


class Unguarded(Around):
    async def finish(self, callback: Delivery) -> None:
        callback.body.decode()
        await self.right.finish(callback)


class TakesItAsDone(Around):
    async def finish(self, callback: Delivery) -> None:
        try:
            await self.right.finish(callback)
        except RenkeiError:
            return


class TwinOfDays(ReferenceTwin):
    """A vendor whose coupons end with a day."""

    coupons_end_with_days = True


class ByDay(Around):
    """The last day in Japan that is over by the moment asked for."""

    zone: tzinfo = JST
    more = timedelta(0)

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        day = until.astimezone(self.zone).date() + self.more
        await self.make(code, yen, datetime.combine(day, time(), JST))

    async def make(self, code: str, yen: int, until: datetime) -> None:
        await self.right.issue(code, yen, until)


class ByDayOfMarks(ByDay):
    """Takes codes that the reference does not."""

    async def make(self, code: str, yen: int, until: datetime) -> None:
        if "/" in code:
            raise UnsupportedFeature("the shop takes no slash in a code")
        body = {"yen": yen, "until": iso(until)}
        path = f"/v1/coupons/{quote(code, safe='')}"
        await ReferenceClient(self.connection).write("PUT", path, body)


class ByDayOfGreenwich(ByDay):
    zone = UTC


class ByTheNextDay(ByDay):
    more = timedelta(days=1)


class Sen(Around):
    """A hundredth of a yen."""

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        await self.right.issue(code, yen * 100, until)


class WallClock(Around):
    async def issue(self, code: str, yen: int, until: datetime) -> None:
        await self.right.issue(code, yen, until.replace(tzinfo=UTC))


class OnceOnly(Around):
    known: set[str] = set()  # noqa: RUF012 - as a vendor would

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        if code in self.known:
            raise Rejected(f"there is a coupon {code}")
        self.known.add(code)
        await self.right.issue(code, yen, until)


class NeverRevokes(Around):
    async def revoke(self, code: str) -> None:
        return None


class GoneIsAnError(Around):
    async def revoke(self, code: str) -> None:
        await ReferenceClient(self.connection).write("DELETE", f"/v1/coupons/{code}")


class CodeAsAPath(Around):
    async def issue(self, code: str, yen: int, until: datetime) -> None:
        body = {"yen": yen, "until": iso(until)}
        await ReferenceClient(self.connection).write("PUT", f"/v1/coupons/{code}", body)


class AddsUp(Around):
    async def write(self, level: StockLevel) -> None:
        for there in await self.right.read([level.sku]):
            level = replace(level, quantity=level.quantity + there.quantity)
        await self.right.write(level)


class OneMoreEachTime(Around):
    written = itertools.count()

    async def write(self, level: StockLevel) -> None:
        await self.right.write(replace(level, quantity=level.quantity + next(self.written)))


class ReadsAll(Around):
    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        return await self.right.read([item.sku for item in CATALOGUE])  # type: ignore[no-any-return]


class AllOrNothing(Around):
    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        found: Sequence[StockLevel] = await self.right.read(skus)
        if {one.sku for one in found} != set(skus):
            raise NotFound("one of the products is not there")
        return found


class CountedNow(Around):
    """Every count is the newest."""

    async def write(self, level: StockLevel) -> None:
        later = self.connection.now() + timedelta(days=1)
        same = [one for one in await self.right.read([level.sku]) if one.at > level.at]
        await self.right.write(replace(level, at=later) if same else level)


class FirstPageOnly(Around):
    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        return replace(await self.right.changed(window, cursor), cursor=None)


class ChangesProducts(Around):
    values: dict[str, Any]

    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        page: Page[Product] = await self.right.changed(window, cursor)
        return replace(page, items=tuple(replace(one, **self.values) for one in page.items))


class OfAnother(ChangesProducts):
    values = {"ref": ExternalRef(connection="another", id="1")}  # noqa: RUF012


class OwnNumber(ChangesProducts):
    values = {"jan": "TEA-1"}  # noqa: RUF012


class AllEachTime(Around):
    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        since = window.since - timedelta(days=30)
        return await self.right.changed(Window(since, window.until), cursor)  # type: ignore[no-any-return]


class SendsTwice(Around):
    async def send(self, ref: ExternalRef, text: str) -> None:
        for _ in range(2):
            await self.right.send(ref, text)


class Escapes(Around):
    async def send(self, ref: ExternalRef, text: str) -> None:
        await self.right.send(ref, html.escape(text))


class NobodyMinds(Around):
    async def send(self, ref: ExternalRef, text: str) -> None:
        try:
            await self.right.send(ref, text)
        except GiveUp:
            return


class ChangesFacts(Around):
    def other(self, fact: Fact) -> Fact:
        return fact

    async def facts(self, day: date) -> Sequence[Fact]:
        return [self.other(one) for one in await self.right.facts(day)]


class Yesterdays(ChangesFacts):
    def other(self, fact: Fact) -> Fact:
        return replace(fact, day=fact.day - timedelta(days=1))


class InWords(ChangesFacts):
    def other(self, fact: Fact) -> Fact:
        return replace(fact, name="Sale day")


class ByHearsay(ChangesFacts):
    def other(self, fact: Fact) -> Fact:
        return replace(fact, source=" ")


class Fickle(ChangesFacts):
    asked = itertools.count()

    def other(self, fact: Fact) -> Fact:
        return replace(fact, value=bool(next(self.asked) % 2))


class SaysNothing(Around):
    async def facts(self, day: date) -> Sequence[Fact]:
        return []


class AsksForEachHour(Around):
    async def facts(self, day: date) -> Sequence[Fact]:
        for _ in range(23):
            await self.right.facts(day)
        return await self.right.facts(day)  # type: ignore[no-any-return]


WRONG: dict[str, Any] = {
    "install: the address of consent says who asks and where to return": Stateless,
    "install: the address of consent holds no secret": SecretInTheAddress,
    "install: the merchants consent brings a token": ChecksOnly,
    "install: a changed callback brings no token": BelievesAnybody,
    "install: a changed state brings no token": StateOfItsOwn,
    "install: a callback of any bytes is refused": Unguarded,
    "install: a code that was used is refused": TakesItAsDone,
    "coupons: an issued coupon is worth what was said": Sen,
    "coupons: a coupons end is read with its zone": WallClock,
    "coupons: a coupon issued again is the same coupon": OnceOnly,
    "coupons: a revoked coupon is gone": NeverRevokes,
    "coupons: revoking twice is the same as once": GoneIsAnError,
    "coupons: a code names only itself": CodeAsAPath,
    "stock: a written level is read again": AddsUp,
    "stock: writing a level twice is the same as once": OneMoreEachTime,
    "stock: only what was asked for is read": ReadsAll,
    "stock: a product that is not known has no level": AllOrNothing,
    "stock: an older count never replaces a newer one": CountedNow,
    "products: every product comes once over all pages": FirstPageOnly,
    "products: products are named by this connection": OfAnother,
    "products: a jan is one or empty": OwnNumber,
    "products: only what changed in the window comes": AllEachTime,
    "messages: a message reaches its member once": SendsTwice,
    "messages: a message arrives as it was written": Escapes,
    "messages: a message to nobody is given up": NobodyMinds,
    "facts: something is stated within a month": SaysNothing,
    "facts: facts are of the day asked for": Yesterdays,
    "facts: facts are named by slugs": InWords,
    "facts: every fact names its source": ByHearsay,
    "facts: facts asked for again are the same": Fickle,
    "facts: facts take few calls": AsksForEachHour,
}

TABLE: dict[str, Vendor] = {
    id: wrapped(VENDOR, id.partition(":")[0], wrap) for id, wrap in WRONG.items()
}

TABLE["coupons: an order tells the code of a hold that it used"] = wrapped(
    VENDOR, "orders", altered(lambda order: order.model_copy(update={"hold_codes": ()}))
)


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == set().union(*map(checks_of, SUITES))


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)


@pytest.mark.parametrize(
    ("wrap", "wrong"),
    [
        (ByDay, set()),
        (ByDayOfMarks, set()),
        (ByDayOfGreenwich, {"a coupons end is read with its zone"}),
        (
            ByTheNextDay,
            {
                "an issued coupon is worth what was said",
                "a coupons end is read with its zone",
                "a coupon issued again is the same coupon",
            },
        ),
    ],
)
async def test_a_coupon_that_ends_with_a_day_never_ends_too_late_or_a_day_too_soon(
    wrap: type[ByDay], wrong: set[str]
) -> None:
    vendor = replace(wrapped(VENDOR, "coupons", wrap), twin=TwinOfDays)
    told = [CHECKS[id] for id in sorted(checks_of("coupons"))]
    failed = {one.name for one in told if (await run_check(vendor, one)).status == "failed"}
    assert failed == wrong


class Unsigned(ReferenceInstall):
    """Of a vendor that signs no callback."""

    async def finish(self, callback: Delivery) -> None:
        await BelievesAnybody(self, self._connection).finish(callback)


async def test_where_no_callback_is_signed_the_state_is_the_hubs() -> None:
    check = CHECKS["install: a changed state brings no token"]
    outcome = await run_check(replace(VENDOR, install=Unsigned), check)
    assert (outcome.status, outcome.text) == (
        "not applicable",
        "the vendor signs no callback: the hub compares the state",
    )
