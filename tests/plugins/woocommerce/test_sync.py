"""Reading orders with their refunds, and where reading goes on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected, Unavailable
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_woocommerce.reading import ByChange, ById, merged
from renkei_woocommerce.settings import WooCommerceSettings
from renkei_woocommerce.sync import WooCommerceBalances, WooCommerceMembers, WooCommerceOrders

Connect = Callable[..., Connection[WooCommerceSettings]]
Make = Callable[..., dict[str, Any]]

START = datetime(2026, 7, 1, 1, 0, 0, 500_000, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))


def place(id: int, second: int) -> dict[str, Any]:
    return {"id": id, "date_modified_gmt": f"2026-07-01T01:00:{second:02d}"}


def shop(answers: dict[str, object]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers by path; what is not there is 404, and nothing is in the trash."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("status") == "trash":
            return httpx.Response(200, json=[])
        path = request.url.path.removeprefix("/wp-json/wc/v3")
        found = answers.get(path)
        return httpx.Response(404 if found is None else 200, json=found)

    return answer


def test_a_window_is_asked_for_in_whole_seconds_and_picked_out_exactly() -> None:
    reading = ByChange.begin(WINDOW, None)
    query = reading.query()
    assert query["modified_after"] == "2026-07-01T00:59:59"
    assert query["modified_before"] == "2026-07-01T02:00:01"
    assert [row["id"] for row in reading.within([place(1, 0), place(2, 1)])] == [2]


def test_reading_goes_on_from_the_last_second_without_what_is_known_of_it() -> None:
    reading = ByChange.begin(WINDOW, None)
    cursor = reading.after([place(1, 1), place(2, 2), place(3, 2)])
    reading = ByChange.begin(WINDOW, cursor)
    assert (reading.query()["modified_after"], reading.known) == ("2026-07-01T01:00:01", (2, 3))
    again = ByChange.begin(WINDOW, reading.after([place(4, 2)]))
    assert again.query()["exclude"] == "2,3,4"
    later = ByChange.begin(WINDOW, again.after([place(5, 3)]))
    assert later.query()["exclude"] == "5"
    assert again.after([]) is None
    with pytest.raises(PayloadInvalid):
        again.after([{"id": 6, "date_modified_gmt": "0001-01-01T00:00:00"}])


def test_lists_are_read_as_one_up_to_where_one_of_them_goes_on() -> None:
    long, short = [place(1, 1), place(4, 3)], [place(3, 2), place(2, 3), place(5, 3), place(6, 9)]
    rows, goes_on = merged([(long, True), (short, False)])
    assert ([row["id"] for row in rows], goes_on) == ([1, 3, 2, 4], True)
    assert ByChange.begin(WINDOW, None).after(rows) == "2026-07-01T01:00:03+00:00|2,4"
    assert [row["id"] for row in merged([(long, True), (short[:2], True)])[0]] == [1, 3, 2]
    rows, goes_on = merged([([], False), (short, False)])
    assert ([row["id"] for row in rows], goes_on) == ([3, 2, 5, 6], False)


def test_a_row_whose_place_cannot_be_read_is_kept_and_comes_first() -> None:
    odd = {"id": 9, "date_modified_gmt": None}
    assert merged([([place(1, 1), odd], False), ([place(2, 0)], False)]) == (
        [odd, place(2, 0), place(1, 1)],
        False,
    )


def test_customers_are_read_again_when_one_before_was_deleted() -> None:
    reading = ById.begin(ById().after([{"id": 1}, {"id": 2}, {"id": 3}]))
    assert reading.query()["offset"] == "2"
    assert not reading.moved([{"id": 3}, {"id": 4}])
    assert reading.fresh([{"id": 3}, {"id": 4}]) == [{"id": 4}]
    assert reading.moved([{"id": 4}])
    assert reading.moved([])
    assert reading.after([{"id": 3}]) is None


async def test_no_customer_is_lost_when_one_before_is_deleted(
    connect: Connect, customer: Make
) -> None:
    made = [customer(id=id, date_modified_gmt="2026-07-01T01:10:00") for id in (1, 2, 3, 4, 5)]

    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        total = {"X-WP-Total": str(len(made))}
        return httpx.Response(200, json=made[offset : offset + 2], headers=total)

    members = WooCommerceMembers(connect(answer))
    found, cursor = set[str](), None
    for number in range(20):
        page = await members.changed(WINDOW, cursor)
        found |= {one.ref.id for one in page.items}
        cursor = page.cursor
        if number == 1:
            del made[0]
        if cursor is None:
            break
    assert (found, cursor) == ({"1", "2", "3", "4", "5"}, None)


async def test_customers_are_not_polled_where_the_settings_say_so(connect: Connect) -> None:
    members = WooCommerceMembers(connect(poll_customers=False))
    assert await members.changed(WINDOW, None) == Page(())


async def test_an_order_is_read_with_its_refunds(
    connect: Connect, order: Make, refund: Make
) -> None:
    row = order(refunds=[{"id": 730, "reason": "", "total": "-1080"}])
    back = [refund(730, {316: (-1, "-1000", "-80")}, "1080")]
    answers: dict[str, object] = {"/orders/727": row, "/orders/727/refunds": back}
    orders = WooCommerceOrders(connect(shop(answers)))
    seen = await orders.fetch("727")
    assert [line.returned_amount for line in seen.lines] == [0, 1080]
    answers["/orders/727/refunds"] = []
    with pytest.raises(Unavailable, match="refunded while"):
        await orders.fetch("727")


async def test_a_draft_is_no_order(connect: Connect, order: Make) -> None:
    draft = order(status="checkout-draft")
    answers: dict[str, object] = {"/orders/727": draft, "/orders": [draft, order(id=728)]}
    orders = WooCommerceOrders(connect(shop(answers)))
    with pytest.raises(NotFound):
        await orders.fetch("727")
    page = await orders.changed(WINDOW, None)
    assert ([one.ref.id for one in page.items], page.rejected) == (["728"], ())


def write(points: int) -> BalanceWrite:
    balance = Balance(spendable=points, version=1, as_of=START)
    return BalanceWrite(balance=balance, change=points)


async def test_a_write_to_nobody_is_not_found_and_a_refused_one_is_rejected(
    connect: Connect, customer: Make
) -> None:
    known: dict[str, object] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        refused = httpx.Response(400, json={"code": "woocommerce_rest_invalid_id"})
        return refused if request.method == "PUT" else shop(known)(request)

    balances = WooCommerceBalances(connect(answer))
    with pytest.raises(NotFound):
        await balances.write("26", write(5))
    known["/customers/26"] = customer()
    with pytest.raises(Rejected):
        await balances.write("26", write(5))


async def test_several_values_under_the_points_key_are_refused(
    connect: Connect, customer: Make
) -> None:
    twice = [{"id": id, "key": "_renkei_points", "value": "1"} for id in (1, 2)]
    answers: dict[str, object] = {"/customers/26": customer(meta_data=twice)}
    with pytest.raises(PayloadInvalid):
        await WooCommerceBalances(connect(shop(answers))).read("26")
