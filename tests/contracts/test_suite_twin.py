"""The suite ``twin``: for each check a twin that is wrong in just that way, and is caught by it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from renkei_contracts.reference.cart.plugin import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.stage import StageContext
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_contracts.vendor import Vendor

IDS = [id for id, check in CHECKS.items() if check.suite == "twin"]


class NoRequests(SchemaLog):
    """Answers without looking at the call."""

    def request(self, problem: str | None) -> bool:
        return problem is None or super().request(problem)


class NoAnswers(SchemaLog):
    """Says what it likes."""

    def answer(self, problem: str | None) -> bool:
        return True


class NoDeliveries(SchemaLog):
    """Sends what it likes."""

    def delivery(self, problem: str | None) -> bool:
        return True


class WrongDeliveries(SchemaLog):
    """Sends what its schema forbids."""

    def delivery(self, problem: str | None) -> bool:
        super().delivery("Order/total breaks type")
        return True


class TakesAnything(SchemaLog):
    """Compares with a schema that forbids nothing."""

    def request(self, problem: str | None) -> bool:
        return super().request(None)


WRONG: dict[str, type[SchemaLog]] = {
    "twin: every request is compared with the schema": NoRequests,
    "twin: every answer is compared with the schema": NoAnswers,
    "twin: every delivery is compared with the schema": NoDeliveries,
    "twin: calls answers and deliveries fit the schema": WrongDeliveries,
    "twin: a request outside the schema is noticed": TakesAnything,
}


def comparing(log: Callable[[str], SchemaLog]) -> Vendor:
    """The reference cart on a twin that logs in this way."""

    def twin(context: StageContext) -> ReferenceTwin:
        made = ReferenceTwin(context)
        made.schema = made.app.checked.log = log(made.schema.source)
        return made

    return replace(VENDOR, twin=twin)


def test_every_check_has_a_twin_that_it_catches() -> None:
    assert list(WRONG) == IDS


@pytest.mark.parametrize("id", IDS)
def test_a_wrong_twin_is_caught_and_told_what_it_must_do(id: str) -> None:
    outcome = asyncio.run(run_check(comparing(WRONG[id]), CHECKS[id]))
    assert outcome.status == "failed"
    assert "must" in outcome.text
    assert "raised" not in outcome.text


def test_a_twin_that_names_no_schema_is_asked_for_nothing() -> None:
    vendor = comparing(lambda source: SchemaLog())
    outcomes = [asyncio.run(run_check(vendor, CHECKS[id])) for id in IDS]
    assert {one.status for one in outcomes} == {"not applicable"}
