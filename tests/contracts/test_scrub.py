"""Scrubbing: secrets and people go, what a mapping is about stays."""

import json

import httpx
import pytest

from renkei_contracts.toolkit.scrub import STARS, scrubbed

SECRETS = ["s3cret/+", "tok-1"]


def exchange(body: object, answer: object = None, url: str = "https://shop.example.jp/v1/a") -> str:
    request = httpx.Request("POST", url, json=body, headers={"Authorization": "Bearer tok-1"})
    response = httpx.Response(200, json=answer, headers={"Set-Cookie": "session=abc"})
    return json.dumps(scrubbed(request, response, SECRETS), ensure_ascii=False)


@pytest.mark.parametrize(
    "body",
    [
        {"familyName": "山田"},
        {"customer": {"mail_addresses": ["hanako@example.jp"]}},
        {"q": "Yamada <hanako@example.jp>"},
        {"free": "call 090-1234-5678 today"},
        {"phone": "0312345678"},
        {"access_token": "zzz"},
        {"anything": "s3cret/+"},
        {"card": 2900000000018},
    ],
)
def test_secrets_and_people_go(body: dict[str, object]) -> None:
    told = exchange(body, body)
    for gone in ("山田", "hanako", "1234", "0312345678", "zzz", "s3cret", "2900000000018", "tok-1"):
        assert gone not in told
    assert STARS in told


def test_keys_that_name_somebody_at_one_vendor_alone_go_where_they_are_told() -> None:
    body = {"reference_id": "2900000000018", "filter": {"a": {"exact": "2900000000018"}}, "ref": 1}
    request = httpx.Request("POST", "https://a.example/v1?exact=2900000000018", json=body)
    told = scrubbed(request, None, personal={"reference_id", "exact"})["request"]
    assert told["body"] == {"reference_id": STARS, "filter": {"a": {"exact": STARS}}, "ref": 1}
    assert told["url"] == "https://a.example/v1?exact=***"
    assert scrubbed(request, None)["request"]["body"] == body


def test_what_a_mapping_is_about_stays() -> None:
    kept = {
        "id": 5000001000001,
        "total": 17860,
        "lines": [{"sku": "SENCHA-03", "quantity": 2, "tax_rate": "8.0"}],
        "updated_at": "2026-07-01T03:00:00.000+00:00",
        "paid": True,
        "customer_id": None,
    }
    told = json.loads(exchange(kept, kept))
    assert told["request"]["body"] == told["response"]["body"] == kept
    assert told["request"]["method"] == "POST"
    assert told["request"]["headers"]["content-type"] == "application/json"


def test_headers_that_prove_or_name_somebody_go() -> None:
    told = exchange({})
    assert "Bearer" not in told
    assert "session=abc" not in told


def test_addresses_keep_their_path_and_lose_what_is_asked_by() -> None:
    told = exchange(
        {}, url="https://shop.example.jp/v1/customers?email=a%40b.jp&limit=2&k=s3cret%2F%2B"
    )
    assert "/v1/customers?email=***&limit=2&k=***" in told


def test_a_form_is_scrubbed_and_any_other_body_told_by_its_length() -> None:
    form = httpx.Request("POST", "https://a.example", data={"client_secret": "x", "grant": "code"})
    assert scrubbed(form, None)["request"]["body"] == {"client_secret": STARS, "grant": "code"}
    binary = httpx.Request("POST", "https://a.example", content=b"\xff" * 7)
    assert scrubbed(binary, None)["request"]["body"] == "7 bytes"
