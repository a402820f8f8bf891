"""Storefront: whose browser it is, and only where the vendor vouches for it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.stage import Shopper
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.shop import HANAKO, TARO
from renkei_contracts.testing.vectors import other_first
from renkei_contracts.twin.shown import PassesOn

suite = Suite("storefront", "storefront")

ASKED = {"points": "500", "key": "5e0f7a2c-1"}
REFUSED = "shopper() must refuse with SignatureInvalid what the vendor did not pass on as it is: "


def _twin(bench: Bench) -> PassesOn:
    twin = bench.twin
    if not isinstance(twin, PassesOn):
        raise NotApplicable("the twin passes nothing on: see twin/shown.py")
    return twin


async def _customer(bench: Bench, shopper: Shopper = HANAKO) -> str:
    return await bench.twin.register(shopper)


def _refuses(bench: Bench, delivery: Delivery) -> bool:
    try:
        bench.storefront().shopper(delivery, bench.clock())
    except SignatureInvalid:
        return True
    return False


@suite.check("register")
async def who_is_signed_in_is_named(bench: Bench) -> None:
    """By the vendor's own id of the customer."""
    twin, customer = _twin(bench), await _customer(bench)
    found = bench.storefront().shopper(twin.passed_on(customer, ASKED), bench.clock())
    told = "shopper() must name the customer who is signed in, of this connection"
    must(found == ExternalRef(connection=CONNECTION, id=customer), told)


@suite.check()
async def who_is_not_signed_in_is_nobody(bench: Bench) -> None:
    """And is not refused: a shop is looked at by strangers."""
    passed, told = _twin(bench).passed_on("", ASKED), "shopper() must give None where nobody is"
    must(not _refuses(bench, passed), told)
    must(bench.storefront().shopper(passed, bench.clock()) is None, told)


@suite.check("register")
async def a_request_that_was_changed_is_refused(bench: Bench) -> None:
    """Any part of it, in turn: another customer, other points."""
    passed = _twin(bench).passed_on(await _customer(bench), ASKED)
    for name, changed in (*_without_one(passed), *_other_values(passed)):
        must(_refuses(bench, changed), f"{REFUSED}{name} was another")


@suite.check("register")
async def a_request_with_something_added_is_refused(bench: Bench) -> None:
    """By whoever calls us instead of the vendor."""
    twin, customer = _twin(bench), await _customer(bench)
    passed, other = twin.passed_on(customer, ASKED), await _customer(bench, TARO)
    wanted = dict(parse_qsl(twin.passed_on(other, ASKED).query, keep_blank_values=True))
    for name, value in wanted.items():
        for query in (f"{passed.query}&{urlencode({name: value})}", f"more=1&{passed.query}"):
            must(
                _refuses(bench, replace(passed, query=query)),
                f"{REFUSED}{name} came twice, or more came",
            )


@suite.check()
async def an_empty_request_is_refused(bench: Bench) -> None:
    """Nothing is vouched for."""
    passed = _twin(bench).passed_on("", ASKED)
    must(_refuses(bench, replace(passed, query="", headers=())), f"{REFUSED}it was empty")


@suite.check("register")
async def a_request_of_long_ago_is_refused(bench: Bench) -> None:
    """Somebody may have kept it."""
    passed = _twin(bench).passed_on(await _customer(bench), ASKED)
    bench.clock.forward(timedelta(days=1))
    must(_refuses(bench, passed), f"{REFUSED}it is a day old")


@suite.check("register", "rotate")
async def while_a_secret_is_replaced_the_shop_stays_open(bench: Bench) -> None:
    """The old one and the new one."""
    twin, customer = _twin(bench), await _customer(bench)
    before = twin.passed_on(customer, ASKED)
    await bench.twin.rotate()
    for passed in (before, twin.passed_on(customer, ASKED)):
        must(not _refuses(bench, passed), "shopper() must take both secrets while one is replaced")


def _other_values(passed: Delivery) -> Iterator[tuple[str, Delivery]]:
    """Each parameter with another value."""
    asked = parse_qsl(passed.query, keep_blank_values=True)
    for at, (name, value) in enumerate(asked):
        other = [*asked[:at], (name, other_first(value) if value else "1"), *asked[at + 1 :]]
        yield name, replace(passed, query=urlencode(other))


def _without_one(passed: Delivery) -> Iterator[tuple[str, Delivery]]:
    """Each parameter gone."""
    asked = parse_qsl(passed.query, keep_blank_values=True)
    for at, (name, _) in enumerate(asked):
        yield name, replace(passed, query=urlencode([*asked[:at], *asked[at + 1 :]]))
