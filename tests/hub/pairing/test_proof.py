"""The proof on the reference pair: equal ledgers pass, and a plugin that errs is told where."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from renkei.pairing.play import Pair
from renkei.pairing.proof import REFERENCE, STEPS, Prover, prove_pair
from renkei.pairing.step import Step, lacking
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.scratch import Scratch
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Observation, OrderSeen
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.reference.cart.sync import ReferenceOrders
from renkei_contracts.reference.cart.webhooks import ReferenceWebhooks
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.stage import StageContext

TEMPLATE = "renkei_template"
"""The migrated database that the fixture ``server`` makes."""

Proving = Callable[[Sequence[Step]], Prover]


def named(*beginnings: str) -> list[Step]:
    """The steps that begin so."""
    return [step for step in STEPS if step.name.startswith(beginnings)]


GIVING_BACK = named("hanako registers", "hanako buys in the cart", "hanako gives one tea back")
SPENDING = named("hanako registers", "hanako buys in the cart", "hanako shows", "hanako spends")


@pytest.fixture
def proving(server: EmbeddedServer, tmp_path: Path) -> Proving:
    return lambda steps: Prover(Scratch(server, TEMPLATE), tmp_path, steps=steps)


def test_the_script_has_forty_steps_with_names_of_their_own() -> None:
    assert len(STEPS) == len({step.name for step in STEPS}) == 40


def test_the_reference_pair_can_do_every_step(tmp_path: Path) -> None:
    context = StageContext(tmp_path)
    stages = [one.twin(context) for one in (REFERENCE.cart, REFERENCE.till) if one.twin]
    assert {lacking(step, stages[0].can, stages[1].can) for step in STEPS} == {""}


async def test_a_till_that_asks_the_hub_and_one_that_spends_its_copy_end_alike(
    proving: Proving,
) -> None:
    outcome = await proving(SPENDING).prove(Pair(REFERENCE.cart, COPY_VENDOR))
    assert outcome.ok, outcome.document()
    assert outcome.steps == tuple(step.name for step in SPENDING)
    assert outcome.state_hash == outcome.reference_hash


def without_returns(order: Order) -> Order:
    lines = [line.model_copy(update={"returned_amount": 0}) for line in order.lines]
    return order.model_copy(update={"lines": tuple(lines)})


class ForgetfulWebhooks(ReferenceWebhooks):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [
            OrderSeen(order=without_returns(one.order)) if isinstance(one, OrderSeen) else one
            for one in super().read(delivery)
        ]


class ForgetfulOrders(ReferenceOrders):
    async def fetch(self, id: str) -> Order:
        return without_returns(await super().fetch(id))

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        page = await super().changed(window, cursor)
        return Page(tuple(map(without_returns, page.items)), page.cursor, page.rejected)


async def test_a_cart_that_forgets_returns_parts_where_goods_come_back(proving: Proving) -> None:
    forgetful = replace(REFERENCE.cart, webhooks=ForgetfulWebhooks, orders=ForgetfulOrders)
    outcome = await proving(GIVING_BACK).prove(Pair(forgetful, REFERENCE.till))
    assert not outcome.ok
    assert outcome.parted_at == "hanako gives one tea back in the cart"
    assert "tea set: hanako: earned is 130, not 120" in outcome.differences
    assert outcome.faults == ()


class DeafWebhooks(ReferenceWebhooks):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return []


async def test_a_cart_whose_deliveries_tell_nothing_fails_at_its_first_step(
    proving: Proving,
) -> None:
    # Without lists to poll either: a poll would find her sooner or later.
    deaf = replace(REFERENCE.cart, webhooks=DeafWebhooks, members=None)
    outcome = await proving(SPENDING).prove(Pair(deaf, REFERENCE.till))
    assert not outcome.ok
    assert outcome.faults[0].startswith("hanako registers in the cart: ")


async def test_what_a_stage_cannot_do_is_left_out_of_both_and_named(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renkei_contracts.reference.till.twin import ReferenceTill

    monkeypatch.setattr(ReferenceTill, "can", frozenset({"guest"}))
    steps = [*named("hanako registers"), *(step for step in STEPS if "adjust" in step.till)]
    outcome = await proving(steps).prove(Pair(REFERENCE.cart, COPY_VENDOR))
    assert outcome.ok
    assert outcome.steps == ("hanako registers in the cart",)
    assert "the till does not adjust" in outcome.left_out[steps[1].name]


async def test_a_vendor_without_a_twin_of_the_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="reference-till has no twin of a cart"):
        await prove_pair(REFERENCE.till, REFERENCE.till, tmp_path)
