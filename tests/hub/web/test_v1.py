"""/v1 as a merchant's own cart or app sees it: the same rules as a till's and a settlement's."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from renkei.bootstrap import Hub
from renkei.services.points.corrections import Adjust
from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.order import Order
from renkei_contracts.point import Adjustment

QUOTES = "/v1/quotes"
ACTIVITIES = "/v1/activities"
FACTS = "/v1/facts"
SALES = "/pos/v1/transactions"

PROGRAM = {
    "campaigns": [
        {"name": "online", "when": "member.known && order.store == ''", "percent": 200},
        {"name": "card", "when": "'card' in order.tenders", "fixed": 7},
        {"name": "rain", "when": 'facts["rain"]', "fixed": 5},
    ],
    "activities": [
        {"name": "own-bag", "points": 1, "per_receipt": 1},
        {"name": "review", "points": 5, "per_object": 1, "per_day": 2},
    ],
}
LINES = [{"id": "1", "quantity": 1, "amount": 11_000, "tax_rate": 1000}]


@pytest.fixture
async def application(new_application: Any, regular: Any) -> Any:
    """The site of the connection ``signing``, under a program with campaigns and activities."""
    return await new_application(PROGRAM)


def told(key: str = "k1", **more: Any) -> dict[str, Any]:
    """A review of tea by the customer whom everybody here knows."""
    fields = {"key": key, "customer": "c1", "kind": "review", "object": "tea"}
    return fields | {"occurred_at": "2026-11-26T10:00:00+09:00"} | more


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_a_cart_hears_what_its_order_earns_and_why(
    application: Any, regular: Any, hub: Hub
) -> None:
    ask = {"customer": "c1", "lines": LINES, "points_wanted": 100}
    ask |= {"tenders": [{"kind": "card", "amount": 1}]}
    quote = (await application.post(QUOTES, ask)).json()
    assert (quote["points_used"], quote["max_usable"], quote["total"]) == (100, 500, 10_900)
    assert quote["earns"] == 99 + 99 + 7
    said = " ".join(quote["reasons"])
    for words in ("online", "card: 7 points: 7", 'rain: 1:8: Key not found in map : "rain"'):
        assert words in said
    now = datetime.now(UTC) - timedelta(seconds=1)
    order = Order.model_validate(
        {
            "ref": {"connection": "signing", "id": "o1"},
            "changed_at": now,
            "placed_at": now,
            "state": "paid",
            "customer": {"connection": "signing", "id": "c1"},
            "points_used": 100,
            "points_value": 100,
        }
        | {"lines": ask["lines"], "tenders": ask["tenders"]}
    )
    settled = await hub.booking.settle(order, read_at=None, delivery_key=None)
    assert settled.earned == quote["earns"]


async def test_a_cart_of_nobody_earns_what_everybody_does(application: Any) -> None:
    quote = (await application.post(QUOTES, {"lines": LINES})).json()
    assert (quote["earns"], quote["max_usable"], quote["balance_version"]) == (100, 0, None)


async def test_a_quote_by_our_own_id_is_the_same(application: Any, regular: Any) -> None:
    by_customer, by_member = [
        (await application.post(QUOTES, {"lines": LINES} | who)).json()
        for who in ({"customer": "c1"}, {"member": regular.id})
    ]
    assert by_customer == by_member


@pytest.mark.parametrize("path", [QUOTES, ACTIVITIES])
@pytest.mark.parametrize("who", [{"customer": "stranger"}, {"member": "mem_none"}])
async def test_who_is_not_known_is_refused(application: Any, path: str, who: Any) -> None:
    ask = {"lines": LINES} if path == QUOTES else told(customer=None)
    assert refusal(await application.post(path, ask | who)) == (404, "member_not_found")


async def test_an_activity_counts_once_per_key_and_within_its_caps(application: Any) -> None:
    first, again = [(await application.post(ACTIVITIES, told())).json() for _ in range(2)]
    assert first == again
    assert (first["points"], first["reason"], first["spendable"]) == (5, "review", 505)
    capped = (await application.post(ACTIVITIES, told("k2"))).json()
    assert (capped["points"], capped["reason"]) == (0, "at most 1 for one object")
    given = [
        (await application.post(ACTIVITIES, told(f"k{n}", object=f"o{n}"))).json()["points"]
        for n in (3, 4)
    ]
    assert given == [5, 0]


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"object": "rice"}, (409, "key_reused")),
        ({"key": "k2", "kind": "dancing"}, (422, "activity_unknown")),
        ({"key": "k2", "occurred_at": "2199-01-01T00:00:00Z"}, (422, "request_invalid")),
        ({"key": "k2", "customer": None}, (422, "request_invalid")),
        ({"key": "k2", "member": "mem_1"}, (422, "request_invalid")),
        ({"key": "k2", "kind": "Not a slug"}, (422, "request_invalid")),
    ],
)
async def test_what_cannot_be_booked_is_refused_by_name(
    application: Any, more: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert (await application.post(ACTIVITIES, told())).status_code == 200
    assert refusal(await application.post(ACTIVITIES, told() | more)) == refused


async def test_points_that_would_be_more_than_can_be_counted_are_not_given(
    application: Any, regular: Any, hub: Hub
) -> None:
    fields = {"member": regular.id, "key": "1", "points": MAX_AMOUNT - 500, "reason": "", "by": ""}
    await hub.booking.committer.submit(Adjust(Adjustment.model_validate(fields), hub.ring))
    assert refusal(await application.post(ACTIVITIES, told())) == (422, "request_invalid")


async def test_a_register_may_not_speak_as_an_application_nor_the_other_way(
    application: Any, register: Any, regular: Any, new_sale: Any
) -> None:
    forbidden = (403, "scope_missing")
    assert refusal(await register.post(QUOTES, {"lines": LINES})) == forbidden
    assert refusal(await register.post(ACTIVITIES, told())) == forbidden
    assert refusal(await application.post("/pos/v1/quotes", {"lines": LINES})) == forbidden
    assert refusal(await application.post(SALES, new_sale("1", regular.id))) == forbidden
    unsigned = await application.http.post(QUOTES, json={"lines": LINES})
    assert refusal(unsigned) == (401, "unauthorized")


async def test_an_own_bag_told_with_a_sale_counts_once_for_it(
    application: Any, register: Any, regular: Any, new_sale: Any
) -> None:
    bag = {"kind": "own-bag"}
    ask = new_sale("7", regular.id, activities=[bag, bag, {"kind": "dancing"}])
    done = (await register.post(SALES, ask)).json()
    assert [(one["kind"], one["points"]) for one in done["activities"]] == [
        ("own-bag", 1),
        ("dancing", 0),
    ]
    assert "dancing" in done["activities"][1]["reason"]
    assert done["spendable"] == 500 + done["earned"] + 1
    assert (await register.post(SALES, ask)).json() == done
    restated = ask | {"revision": 2, "sold_at": "2026-11-26T10:01:00+09:00"}
    assert (await register.post(SALES, restated)).json()["spendable"] == done["spendable"]
    voided = ask | {"revision": 3, "voided": True}
    assert (await register.post(SALES, voided)).json()["spendable"] == 501


async def test_activities_of_one_sale_share_their_caps(
    application: Any, register: Any, regular: Any, new_sale: Any
) -> None:
    reviews = [{"kind": "review", "object": f"o{n}"} for n in range(4)]
    done = (await register.post(SALES, new_sale("9", regular.id, activities=reviews))).json()
    assert [one["points"] for one in done["activities"]] == [5, 5, 0, 0]


async def test_activities_of_a_sale_without_a_member_give_nobody_anything(
    application: Any, register: Any, new_sale: Any
) -> None:
    ask = new_sale("8", None, activities=[{"kind": "own-bag"}])
    assert (await register.post(SALES, ask)).json()["activities"] == []


def today() -> date:
    """Asked anew each time: midnight in Japan may pass while tests run."""
    return datetime.now(ZoneInfo("Asia/Tokyo")).date()


def rain(**more: Any) -> dict[str, Any]:
    return {"facts": [{"name": "rain", "day": today().isoformat()} | more]}


async def test_a_fact_that_was_stated_counts_for_the_next_quote(application: Any) -> None:
    before = (await application.post(QUOTES, {"lines": LINES})).json()
    told = await application.post(FACTS, rain())
    assert (told.status_code, told.json()) == (200, {"new": 1, "differ": 0})
    after = (await application.post(QUOTES, {"lines": LINES})).json()
    assert after["earns"] - before["earns"] == 5


async def test_what_was_stated_first_stays(application: Any) -> None:
    await application.post(FACTS, rain(area="kyoto"))
    assert (await application.post(FACTS, rain(area="kyoto", value=False))).json() == {
        "new": 0,
        "differ": 1,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"facts": []},
        rain(area="kyoto", store="s1"),
        rain(value="yes"),
        rain(area="京都"),
        {"facts": [*rain()["facts"], *rain(value=False)["facts"]]},
    ],
)
async def test_facts_that_say_nothing_clear_are_refused(application: Any, wrong: Any) -> None:
    assert (await application.post(FACTS, wrong)).status_code == 422


async def test_what_contradicts_itself_is_pointed_to_and_not_repeated(application: Any) -> None:
    told = [*rain(area="kyoto")["facts"], *rain(area="kyoto", value=False)["facts"]]
    answer = await application.post(FACTS, {"facts": told})
    [fault] = answer.json()["errors"]
    assert fault == {"pointer": "#/facts", "detail": "two of them contradict each other"}


async def test_a_register_may_state_no_facts(register: Any) -> None:
    assert refusal(await register.post(FACTS, rain())) == (403, "scope_missing")


async def test_a_cart_hears_why_a_coupon_takes_nothing_off(application: Any) -> None:
    ask = {"customer": "c1", "lines": LINES, "coupons": ["123456789012345678"]}
    [tried] = (await application.post(QUOTES, ask)).json()["coupons"]
    assert (tried["code"], tried["value"]) == ("123456789012345678", 0)
    assert tried["reason"]
