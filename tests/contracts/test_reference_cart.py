"""The reference cart: it passes every suite, and its twin behaves as it says."""

from datetime import timedelta

import pytest

from renkei_contracts.errors import RateLimited
from renkei_contracts.reference.cart import VENDOR, twin_app
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.stage import CartStage, Shopper
from renkei_contracts.testing import Bench, contract_tests
from renkei_contracts.testing.shop import HANAKO, enrolled, sale
from renkei_contracts.twin.base import Twin

test_contract = contract_tests(VENDOR)


def twin_of(bench: Bench) -> ReferenceTwin:
    assert isinstance(bench.twin, ReferenceTwin)
    return bench.twin


async def test_its_twin_is_a_cart_and_a_twin() -> None:
    async with Bench(VENDOR) as bench:
        assert isinstance(bench.twin, CartStage)
        assert isinstance(bench.twin, Twin)


async def test_nothing_it_asks_or_hears_is_outside_its_schema() -> None:
    async with Bench(VENDOR) as bench:
        buyer = await enrolled(bench.twin)
        order = await sale(bench.twin, buyer)
        seen = await bench.orders().fetch(order)
        assert (seen.customer and seen.customer.id, seen.ref.id) == (buyer.id, order)
        assert (await bench.members().fetch(buyer.id)).family_name == HANAKO.family_name
        assert twin_of(bench).app.checked.log.complaints == []


async def test_a_token_ends_after_an_hour_and_another_is_fetched() -> None:
    async with Bench(VENDOR) as bench:
        members, buyer = bench.members(), await enrolled(bench.twin)
        for _ in range(2):
            await members.fetch(buyer.id)
            bench.clock.forward(timedelta(hours=1))
        asked = [one.request.url.path for one in bench.exchanges]
        assert asked == ["/oauth/token", f"/v1/customers/{buyer.id}"] * 2


async def test_too_many_calls_in_a_second_are_refused_until_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(twin_app, "CALLS_A_SECOND", 2)
    async with Bench(VENDOR) as bench:
        members, buyer = bench.members(), await enrolled(bench.twin)
        await members.fetch(buyer.id)
        await members.fetch(buyer.id)
        with pytest.raises(RateLimited) as refused:
            await members.fetch(buyer.id)
        assert refused.value.retry_after == 1
        bench.clock.forward(timedelta(seconds=1))
        await members.fetch(buyer.id)


async def test_a_customer_without_an_address_and_a_guest_are_known_there() -> None:
    async with Bench(VENDOR) as bench:
        nameless = await bench.twin.register(Shopper("", "", ""))
        assert len((await bench.members().fetch(nameless)).identities) == 2
        twin = twin_of(bench)
        order = twin.shop.place("", await twin.catalogue())
        assert (await bench.orders().fetch(order["id"])).customer is None
