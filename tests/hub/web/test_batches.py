"""A batch of what happened offline: a result for each record, and each record by itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from renkei.services.till.offline import gaps, waves
from renkei_contracts.batch import RECORD, SequenceGap

BATCHES = "/pos/v1/batches"
SALES = "/pos/v1/transactions"
DAY = "2026-11-26"
NDJSON = {"Content-Type": "application/x-ndjson"}

Tell = Callable[..., Any]


def record(sequence: int, kind: str, body: Any) -> dict[str, Any]:
    at = f"{DAY}T21:00:00+09:00"
    return {"type": kind, "sequence": sequence, "device_time": at, "body": body}


def key(receipt: str) -> dict[str, Any]:
    return {"store": "shibuya", "till": "1", "business_date": DAY, "receipt_number": receipt}


def void(receipt: str) -> dict[str, Any]:
    return {"sale": key(receipt), "voided_at": f"{DAY}T11:00:00+09:00", "business_date": DAY}


def lines_of(*records: Any) -> bytes:
    return b"\n".join(
        one if isinstance(one, bytes) else json.dumps(one).encode() for one in records
    )


@pytest.fixture
def tell(register: Any) -> Tell:
    """Sends records as the lines of a batch, and gives the answer."""
    register.headers |= NDJSON

    async def told(*records: Any) -> dict[str, Any]:
        answer = await register.send(BATCHES, lines_of(*records))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return told


def statuses(answer: dict[str, Any]) -> list[tuple[int | None, str, str | None]]:
    return [(one["sequence"], one["status"], one["code"]) for one in answer["results"]]


async def test_each_record_has_its_own_result_and_a_rubbish_line_stops_nobody(
    regular: Any, tell: Tell, new_sale: Any
) -> None:
    records = (
        record(1, "commit", new_sale("1", regular.id, yen=11_000, points_used=100)),
        b'{"type": "commit", ',
        record(3, "commit", new_sale("3", "mem_nobody")),
        record(4, "void", void("9")),
        record(5, "commit", new_sale("5", regular.id) | {"wrong": 1}),
        b"",
        record(7, "void", void("1")),
    )
    answer = await tell(*records)
    assert statuses(answer) == [
        (1, "applied", None),
        (None, "rejected", "request_invalid"),
        (3, "rejected", "member_not_found"),
        (4, "parked", None),
        (5, "rejected", "request_invalid"),
        (7, "applied", None),
    ]
    assert [one["line"] for one in answer["results"]] == [1, 2, 3, 4, 5, 7]
    assert answer["results"][4]["errors"][0]["pointer"] == "#/body/wrong"
    assert answer["results"][0]["answer"]["used"] == 100
    assert answer["results"][5]["answer"]["spendable"] == 500
    assert answer["missing"] == [{"first": 2, "last": 2}, {"first": 6, "last": 6}]


async def test_a_batch_told_again_is_answered_the_same_and_books_nothing(
    regular: Any, tell: Tell, new_sale: Any, count: Any
) -> None:
    records = [record(n, "commit", new_sale(str(n), regular.id)) for n in (1, 2)]
    records.append(record(3, "void", void("1")))
    first, booked = await tell(*records), await count("txn")
    again = await tell(*records)
    assert [one["status"] for one in again["results"]] == ["duplicate"] * 3
    assert [one["answer"] for one in again["results"]] == [
        one["answer"] for one in first["results"]
    ]
    assert await count("txn") == booked
    other = record(2, "commit", new_sale("2", regular.id, yen=2_200))
    assert statuses(await tell(other)) == [(2, "rejected", "key_reused")]
    assert (await tell(record(6, "void", void("2"))))["missing"] == [{"first": 4, "last": 5}]


async def test_a_rejected_record_may_be_told_better_under_its_number(
    regular: Any, tell: Tell, new_sale: Any
) -> None:
    assert statuses(await tell(record(1, "commit", new_sale("1", "mem_nobody")))) == [
        (1, "rejected", "member_not_found")
    ]
    better = await tell(record(1, "commit", new_sale("1", regular.id)))
    assert (statuses(better), better["missing"]) == ([(1, "applied", None)], [])


async def test_what_was_told_online_before_the_line_broke_is_known(
    register: Any, regular: Any, new_sale: Any, tell: Tell
) -> None:
    del register.headers["Content-Type"]
    sold = await register.post(SALES, new_sale("1", regular.id, points_used=100))
    register.headers |= NDJSON
    answer = await tell(record(1, "commit", new_sale("1", regular.id, points_used=100)))
    assert statuses(answer) == [(1, "duplicate", None)]
    assert answer["results"][0]["answer"] == sold.json()


async def test_a_sale_in_a_batch_is_a_fact_unless_it_says_otherwise(
    regular: Any, tell: Tell, new_sale: Any
) -> None:
    too_much = new_sale("1", regular.id, yen=110_000, points_used=900)
    asked = await tell(record(1, "commit", too_much | {"occurred": False}))
    assert statuses(asked) == [(1, "rejected", "insufficient_points")]
    assert statuses(await tell(record(2, "commit", too_much))) == [(2, "applied", None)]


async def test_the_other_records_are_those_of_the_online_calls(
    regular: Any, tell: Tell, new_sale: Any
) -> None:
    back = [{"id": "1", "quantity": 0, "amount": 550}]
    at = f"{DAY}T12:00:00+09:00"
    answer = await tell(
        record(1, "commit", new_sale("1", None, yen=11_000)),
        record(2, "attach", {"sale": key("1"), "member": regular.id}),
        record(
            3,
            "refund",
            {"receipt": key("r"), "sale": key("1"), "refunded_at": at, "lines": back},
        ),
        record(4, "release", {"hold": "hld_x_1"}),
    )
    assert [one["status"] for one in answer["results"]] == ["applied"] * 3 + ["rejected"]
    assert answer["results"][1]["answer"]["earned"] == 100
    assert answer["results"][3]["code"] == "hold_not_found"


async def test_what_the_books_cannot_take_is_that_records_result(
    regular: Any, tell: Tell, new_sale: Any
) -> None:
    most = 999_999_999_999
    beyond = new_sale("1", regular.id, yen=most, earned_printed=most)
    answer = await tell(record(1, "commit", beyond), record(2, "commit", new_sale("2", regular.id)))
    assert statuses(answer) == [(1, "rejected", "request_invalid"), (2, "applied", None)]


async def test_lines_of_json_are_their_own_kind_of_body(register: Any) -> None:
    answer = await register.send(BATCHES, b"{}")
    assert (answer.status_code, answer.json()["code"]) == (415, "content_type_unsupported")
    register.headers |= NDJSON
    answer = await register.send(BATCHES, b"1\n" * 2_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    answer = await register.send("/pos/v1/members:resolve", b'{"value": "1"}')
    assert (answer.status_code, answer.json()["code"]) == (415, "content_type_unsupported")


async def test_a_batch_in_training_books_nothing(
    regular: Any, register: Any, tell: Tell, new_sale: Any, count: Any
) -> None:
    booked = await count("txn")
    register.headers |= {"Renkei-Training": "true"}
    answer = await tell(record(1, "commit", new_sale("1", regular.id)))
    assert (statuses(answer), await count("txn")) == ([(1, "applied", None)], booked)


def test_only_sales_of_different_members_are_booked_side_by_side(new_sale: Any) -> None:
    said = [
        ("commit", new_sale("1", "a")),
        ("commit", new_sale("2", "b")),
        ("commit", new_sale("3", "a")),
        ("void", void("3")),
        ("commit", new_sale("4", "c")),
        ("commit", new_sale("5", None)),
        ("commit", new_sale("5", None)),
    ]
    records = [
        (n, RECORD.validate_python(record(n, kind, body))) for n, (kind, body) in enumerate(said, 1)
    ]
    made = [[line for line, _ in wave] for wave in waves(records)]
    assert made == [[1, 2], [3], [4], [5, 6], [7]]


def test_gaps_are_between_what_is_known_and_what_came() -> None:
    assert gaps(4, [5, 8, 9]) == (SequenceGap(first=6, last=7),)
    assert gaps(0, [3]) == (SequenceGap(first=1, last=2),)
    assert gaps(2, [3, 4]) == ()
