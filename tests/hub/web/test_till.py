"""/pos/v1 as a register sees it."""

import json
from typing import Any

import httpx
import pytest

from renkei.errors import Busy

RESOLVE = "/pos/v1/members:resolve"
QUOTES = "/pos/v1/quotes"
HOLDS = "/pos/v1/holds"
SALES = "/pos/v1/transactions"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_a_scanned_card_shows_a_masked_name_and_the_balance(
    register: Any, regular: Any
) -> None:
    answer = await register.post(RESOLVE, {"scheme": "card", "value": regular.card})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["member"], found["spendable"]) == (regular.id, 500)
    assert found["by_expiry"][0]["points"] == 500
    assert "花子" not in answer.text
    assert "山田" not in answer.text


async def test_a_quote_says_what_a_basket_earns_and_may_use(register: Any, regular: Any) -> None:
    lines = [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}]
    ask = {"member": regular.id, "lines": lines, "points_wanted": 100}
    quote = (await register.post(QUOTES, ask)).json()
    assert (quote["points_used"], quote["total"], quote["max_usable"]) == (100, 1_000, 500)


async def test_a_hold_takes_points_aside_and_its_release_gives_them_back(
    register: Any, regular: Any
) -> None:
    held = (await register.post(HOLDS, {"key": "h1", "member": regular.id, "points": 300})).json()
    assert held["spendable"] == 200
    for _ in range(2):
        given = await register.post(f"{HOLDS}/{held['hold']}:release")
        assert given.json()["spendable"] == 500


async def test_a_hold_is_found_by_the_key_of_the_till_that_placed_it_and_says_how_it_ended(
    register: Any, regular: Any, new_sale: Any, add_terminal: Any, client: httpx.AsyncClient
) -> None:
    ask = {"key": "h1", "member": regular.id, "points": 300}
    assert refusal(await register.get(HOLDS, "key=h1")) == (404, "hold_not_found")
    held = (await register.post(HOLDS, ask)).json()
    found = (await register.get(HOLDS, "key=h1")).json()
    assert (found["hold"], found["lapses_at"]) == (held["hold"], held["lapses_at"])
    assert (found["state"], found["points"], found["sale"]) == ("open", 300, "")
    await register.post(SALES, new_sale("1", regular.id, points_used=100, hold=held["hold"]))
    found = (await register.get(HOLDS, "key=h1")).json()
    assert (found["state"], found["points"], found["lapses_at"]) == ("captured", 0, None)
    assert found["sale"] == "|shibuya|1|2026-11-26|0|1"
    other = type(register)(client, await add_terminal("2"))
    assert refusal(await other.get(HOLDS, "key=h1")) == (404, "hold_not_found")


async def test_the_same_hold_again_is_the_same_hold_and_another_is_refused(
    register: Any, regular: Any
) -> None:
    ask = {"key": "h1", "member": regular.id, "points": 300}
    first, again = [(await register.post(HOLDS, ask)).json() for _ in range(2)]
    assert first == again
    assert refusal(await register.post(HOLDS, ask | {"points": 200})) == (409, "key_reused")


async def test_more_points_than_there_are_are_refused_in_words_for_the_cashier(
    register: Any, regular: Any
) -> None:
    answer = await register.post(HOLDS, {"key": "h1", "member": regular.id, "points": 501})
    assert refusal(answer) == (409, "insufficient_points")
    said = answer.json()
    assert len(said["message"]) <= 40
    assert (said["retryable"], said["action"]) == (False, "proceed_without_points")
    assert said["instance"] == answer.headers["renkei-request"]


async def test_a_sale_with_a_hold_uses_its_points_and_earns(
    register: Any, regular: Any, new_sale: Any
) -> None:
    hold = (await register.post(HOLDS, {"key": "h1", "member": regular.id, "points": 300})).json()
    ask = new_sale("1001", regular.id, hold=hold["hold"], points_used=300)
    booked = (await register.post(SALES, ask)).json()
    assert booked["used"] == 300
    assert booked["spendable"] == 200 + booked["earned"]


async def test_the_name_of_a_hold_with_more_behind_it_is_no_hold(
    register: Any, regular: Any, new_sale: Any
) -> None:
    hold = (await register.post(HOLDS, {"key": "h1", "member": regular.id, "points": 300})).json()
    member, version = hold["hold"].rsplit("_", 1)
    ask = new_sale("1001", regular.id, points_used=300, hold=f"{member}_{version:0>18}9")
    assert refusal(await register.post(SALES, ask)) == (404, "hold_not_found")


async def test_a_sale_sent_twice_is_booked_once(register: Any, regular: Any, new_sale: Any) -> None:
    ask = new_sale("1001", regular.id)
    first, again = [(await register.post(SALES, ask)).json() for _ in range(2)]
    assert first == again


async def test_a_sale_of_another_till_is_refused(
    register: Any, add_terminal: Any, client: httpx.AsyncClient, new_sale: Any
) -> None:
    other = type(register)(client, await add_terminal("2"))
    answer = await other.post(SALES, new_sale("1001", None))
    assert refusal(answer) == (403, "sale_of_other_till")


async def test_what_has_happened_is_not_refused_for_a_hold_that_is_none(
    register: Any, regular: Any, new_sale: Any
) -> None:
    ask = new_sale("1001", regular.id, hold="no-hold", points_used=100)
    assert refusal(await register.post(SALES, ask)) == (404, "hold_not_found")
    booked = await register.post(SALES, ask | {"occurred": True})
    assert (booked.status_code, booked.json().get("used")) == (200, 100)


async def test_an_unknown_hold_is_not_found(register: Any) -> None:
    answer = await register.post(f"{HOLDS}/hld_0_7:release")
    assert refusal(answer) == (404, "hold_not_found")


@pytest.mark.parametrize("hold", ["x", "hld_%00_1", "hld_a_" + "9" * 30, "hld_a_b", "..%2f"])
async def test_what_cannot_be_a_hold_is_refused(register: Any, hold: str) -> None:
    answer = await register.post(f"{HOLDS}/{hold}:release")
    assert answer.status_code in (404, 422)


class TestBodies:
    """What a body may look like."""

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"points": 1.5}, "#/points"),
            ({"points": "10"}, "#/points"),
            ({"points": True}, "#/points"),
            ({"points": 2**63}, "#/points"),
            ({"points": 0}, "#/points"),
            ({"points": None}, "#/points"),
            ({"ttl_seconds": 1}, "#/ttl_seconds"),
            ({"pionts": 1}, "#/pionts"),
            ({"a/b~c": 1}, "#/a~1b~0c"),
            ({"member": ""}, "#/member"),
            ({"member": "x" * 201}, "#/member"),
        ],
    )
    async def test_a_fault_is_named_by_its_place(
        self, register: Any, change: dict[str, Any], pointer: str
    ) -> None:
        ask = {"key": "h1", "member": "mem_1", "points": 1} | change
        answer = await register.post(HOLDS, ask)
        assert refusal(answer) == (422, "request_invalid")
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"x"',
            b"{",
            b'{"value": "1",}',
            b'{"value": "1", "value": "2"}',
            b'{"value": "\\u0000"}',
            b'{"value": "\\ud800"}',
            b'{"value\\ud800": "1"}',
            b'{"value": NaN}',
            b'{"value": -Infinity}',
            b'{"value": ' + b"9" * 5_000 + b"}",
            b"[" * 9_000,
            b'{"value": "' + "山".encode("cp932") + b'"}',
            '{"value": "1"}'.encode("utf-16"),
            b'\xef\xbb\xbf{"value": "1"}',
        ],
    )
    async def test_what_is_not_plain_json_is_refused(self, register: Any, body: bytes) -> None:
        answer = await register.send(RESOLVE, body)
        assert refusal(answer) == (422, "request_invalid")
        assert answer.json()["errors"]

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b'{"value": 1,}', "Expecting property name"),
            (b'{"value": "1", "value": "2"}', "a name is repeated"),
            (b"[" * 9_000, "nested too deeply"),
            (b'\xef\xbb\xbf{"value": "1"}', "BOM"),
        ],
    )
    async def test_it_is_said_why_a_body_is_no_json(
        self, register: Any, body: bytes, why: str
    ) -> None:
        (fault,) = (await register.send(RESOLVE, body)).json()["errors"]
        assert why in fault["detail"]
        assert fault["pointer"] == "#"

    async def test_an_escaped_backslash_is_not_taken_for_an_escape(self, register: Any) -> None:
        answer = await register.send(RESOLVE, b'{"value": "C:\\\\u0000 \\ud83d\\ude00"}')
        assert refusal(answer) == (404, "member_not_found")

    @pytest.mark.parametrize("type", [None, "text/plain", "application/x-www-form-urlencoded"])
    async def test_another_content_type_is_refused(self, register: Any, type: str | None) -> None:
        register.headers = {"Content-Type": type}
        answer = await register.post(RESOLVE, {"value": "1"})
        assert refusal(answer) == (415, "content_type_unsupported")

    async def test_a_charset_beside_the_content_type_is_accepted(self, register: Any) -> None:
        register.headers = {"Content-Type": "Application/JSON; charset=utf-8"}
        assert (await register.post(RESOLVE, {"value": "1"})).status_code == 404

    async def test_a_body_over_the_limit_is_refused(self, register: Any) -> None:
        answer = await register.post(RESOLVE, {"value": "x" * 20_000})
        assert refusal(answer) == (413, "body_too_large")

    async def test_at_most_twenty_faults_are_listed(self, register: Any) -> None:
        answer = await register.post(RESOLVE, {"value": "1"} | {f"x{n}": n for n in range(50)})
        assert len(answer.json()["errors"]) == 20

    async def test_a_refusal_never_repeats_a_value(self, register: Any) -> None:
        answer = await register.post(RESOLVE, {"value": ["090-1234-5678"], "scheme": "hanako"})
        assert "090" not in answer.text
        assert "hanako" not in answer.text


async def test_a_full_queue_is_busy_and_says_when_to_come_again(
    register: Any, hub: Any, new_sale: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(command: object) -> None:
        raise Busy("full", retry_after=7)

    monkeypatch.setattr(hub.ledger, "submit_first", full)
    answer = await register.post(SALES, new_sale("1", None))
    assert refusal(answer) == (503, "busy")
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["retryable"] is True


class TestChanges:
    """The feed a register polls."""

    async def test_pages_lead_on_to_the_end_and_then_stay_there(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id))
        cursor, seen, pages = "", [], 0
        while True:
            query = f"types=balance&limit=1&cursor={cursor}" if cursor else "types=balance&limit=1"
            page = (await register.get("/pos/v1/changes", query)).json()
            seen += page["data"]
            cursor, pages = page["next_cursor"], pages + 1
            if not page["has_more"]:
                break
        assert pages > 1
        assert {change["member"] for change in seen} == {regular.id}
        assert seen[-1]["spendable"] == 510
        after = (await register.get("/pos/v1/changes", f"cursor={cursor}")).json()
        assert after == {"data": [], "next_cursor": cursor, "has_more": False}

    async def test_other_types_are_passed_over(self, register: Any, regular: Any) -> None:
        page = (await register.get("/pos/v1/changes", "types=coupon")).json()
        assert (page["data"], page["has_more"]) == ([], False)

    @pytest.mark.parametrize("cursor", ["x", "%00", "ZjA6LTE", "8J-Yg", "%E5%B1%B1"])
    async def test_a_cursor_that_is_not_ours_is_refused(self, register: Any, cursor: str) -> None:
        answer = await register.get("/pos/v1/changes", f"cursor={cursor}")
        assert refusal(answer) == (400, "cursor_unknown")

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "types=", "types=a;b"])
    async def test_a_parameter_out_of_bounds_is_named(self, register: Any, query: str) -> None:
        answer = await register.get("/pos/v1/changes", query)
        assert refusal(answer) == (422, "request_invalid")
        assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]

    async def test_a_parameter_that_is_said_twice_is_refused_and_not_half_heard(
        self, register: Any
    ) -> None:
        answer = await register.get("/pos/v1/changes", "types=store&types=rule")
        assert refusal(answer) == (422, "request_invalid")
        assert answer.json()["errors"][0]["parameter"] == "types"

    @pytest.mark.parametrize("path", ["/pos/v1/changes", "/pos/v1/snapshot"])
    async def test_a_type_that_is_misspelt_is_refused_and_says_which_there_are(
        self, register: Any, path: str
    ) -> None:
        answer = await register.get(path, "types=balance,cupon")
        assert refusal(answer) == (422, "request_invalid")
        (fault,) = answer.json()["errors"]
        assert fault["parameter"] == "types"
        assert fault["detail"].startswith("'cupon'")
        assert "member, balance, coupon, rule, store" in fault["detail"]


async def test_balances_are_never_kept_by_a_cache(register: Any, regular: Any) -> None:
    answer = await register.post(RESOLVE, {"value": regular.card})
    assert answer.headers["cache-control"] == "no-store"
    assert json.loads(answer.content)["member"] == regular.id


async def test_a_sale_from_a_clock_that_is_days_ahead_is_refused_and_says_where(
    register: Any, regular: Any
) -> None:
    sale = {"store": "shibuya", "till": "1", "business_date": "2026-11-01", "receipt_number": "9"}
    lines = [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}]
    ask = {"sale": sale, "sold_at": "2199-01-01T00:00:00Z", "member": regular.id, "lines": lines}
    answer = await register.post(SALES, ask)
    assert refusal(answer) == (422, "request_invalid")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["#/sold_at"]


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2100-01-01", "9999-12-31"])
async def test_a_business_day_that_cannot_be_is_refused_and_named(
    register: Any, regular: Any, new_sale: Any, day: str
) -> None:
    ask = new_sale("1001", regular.id)
    ask["sale"]["business_date"] = day
    answer = await register.post(SALES, ask)
    assert refusal(answer) == (422, "request_invalid")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/sale/business_date"]
