"""A list that comes on one page says nothing of paging: no check of it passes, nor is it silver."""

from dataclasses import replace

import pytest
from wrong import wrapped
from wrong_lists import PastAtOnce

from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.stage import StageContext
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.testing.running import Outcome
from renkei_contracts.testing.tier import judge

PAGING = {
    "orders": [
        "paging ends and loses nothing",
        "orders of one second are all given",
        "no order is lost when others change between two pages",
        "an order that changes between two pages comes again",
        "paging ends although new orders come",
    ],
    "members": [
        "paging of members ends and loses nobody",
        "members of one second are all given",
        "no member is lost when others change between two pages",
        "paging ends although new members come",
    ],
    "products": ["every product comes once over all pages"],
}


def long_pages(context: StageContext) -> ReferenceTwin:
    """A twin that pays no heed to the page size."""
    return ReferenceTwin(replace(context, page_size=1000))


ONE_PAGE = replace(VENDOR, twin=long_pages)


async def on_one_page(suite: str, name: str, exempt: str = "") -> Outcome:
    return await run_check(ONE_PAGE, CHECKS[f"{suite}: {name}"], exempt)


@pytest.mark.parametrize(
    ("suite", "name"), [(suite, name) for suite, names in PAGING.items() for name in names]
)
async def test_a_check_of_paging_does_not_apply_to_one_page(suite: str, name: str) -> None:
    outcome = await on_one_page(suite, name)
    assert (outcome.status, outcome.text[:27]) == ("not applicable", "everything came on one page")


@pytest.mark.parametrize("suite", PAGING)
async def test_a_list_on_one_page_is_missing_for_silver(suite: str) -> None:
    outcome = await on_one_page(suite, PAGING[suite][0])
    others = [Outcome(one, "passed") for one in CHECKS.values() if one is not outcome.check]
    judged = judge([*others, outcome], {})
    assert (judged.tier, judged.next) == ("bronze", "silver")
    (missing,) = judged.missing
    assert missing.startswith(f"{suite}: {PAGING[suite][0]}: must apply (everything came on")


async def test_a_vendor_that_has_one_page_only_may_say_so() -> None:
    outcome = await on_one_page("members", PAGING["members"][0], "Acme lists all at once")
    assert (outcome.status, outcome.text) == ("exempt", "Acme lists all at once")
    others = [Outcome(one, "passed") for one in CHECKS.values() if one is not outcome.check]
    assert judge([*others, outcome], {}).tier == "silver"


async def test_the_order_of_one_page_is_looked_at_all_the_same() -> None:
    outcome = await on_one_page("orders", "the oldest change comes first")
    assert outcome.status == "passed"


async def test_a_past_on_one_page_says_nothing_of_going_on() -> None:
    at_once = wrapped(VENDOR, "orders", PastAtOnce)
    outcome = await run_check(at_once, CHECKS["orders: the past goes on behind a page"])
    assert (outcome.status, outcome.text[:31]) == (
        "not applicable",
        "all orders came on one page, so",
    )
