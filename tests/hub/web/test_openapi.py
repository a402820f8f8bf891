"""The application describes itself completely, and answers as it says."""

import json
from typing import Any

import httpx
import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_spec_validator import validate

from renkei.web.auth import TOKEN_PATH
from renkei.web.problems import PROBLEMS
from renkei.web.till import ALWAYS

SERVED = {
    ("post", "/webhooks/{connection}"),
    ("post", "/webhooks/{connection}/{path_secret}"),
    ("get", "/till/{connection}"),
    ("post", "/till/{connection}"),
    ("get", "/till/{connection}/{path}"),
    ("post", "/till/{connection}/{path}"),
    ("post", "/pos/v1/members:resolve"),
    ("post", "/pos/v1/members:search"),
    ("post", "/pos/v1/members"),
    ("get", "/.well-known/renkei-keys.json"),
    ("post", "/pos/v1/quotes"),
    ("post", "/pos/v1/holds"),
    ("get", "/pos/v1/holds"),
    ("post", "/pos/v1/holds/{hold}:release"),
    ("post", "/pos/v1/coupons:hold"),
    ("post", "/pos/v1/coupons:release"),
    ("post", "/pos/v1/holds/{hold}:extend"),
    ("post", "/pos/v1/transactions"),
    ("get", "/pos/v1/transactions"),
    ("post", "/pos/v1/transactions:void"),
    ("post", "/pos/v1/transactions:refund"),
    ("post", "/pos/v1/transactions:attach"),
    ("post", "/pos/v1/transactions:return"),
    ("post", "/pos/v1/adjustments"),
    ("post", "/pos/v1/batches"),
    ("get", "/pos/v1/reconciliations"),
    ("post", "/pos/v1/reconciliations"),
    ("post", "/pos/v1/allowances"),
    ("post", "/pos/v1/allowances/{allowance}:close"),
    ("get", "/pos/v1/changes"),
    ("get", "/pos/v1/snapshot"),
    ("post", "/pos/v1/oauth/token"),
    ("post", "/pos/v1/terminals"),
    ("post", "/v1/quotes"),
    ("post", "/v1/activities"),
    ("post", "/v1/rewards"),
    ("post", "/v1/rewards/{coupon}:return"),
    ("post", "/v1/facts"),
    ("post", "/v1/members"),
    ("post", "/v1/holds"),
    ("get", "/v1/holds/{hold}"),
    ("post", "/v1/holds/{hold}:extend"),
    ("post", "/v1/holds/{hold}:release"),
    ("post", "/v1/orders"),
    ("get", "/storefront/{connection}/points"),
    ("post", "/storefront/{connection}/holds"),
    ("get", "/storefront/{connection}/holds"),
    ("post", "/storefront/{connection}/holds/release"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/problems/{code}"),
}


@pytest.fixture
async def spec(client: httpx.AsyncClient) -> dict[str, Any]:
    described: dict[str, Any] = (await client.get("/openapi.json")).json()
    return described


def test_the_description_is_valid_openapi(spec: dict[str, Any]) -> None:
    validate(spec)


def operations(spec: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in spec["paths"].items()
        for method, operation in item.items()
    }


def test_everything_that_is_served_is_described(spec: dict[str, Any]) -> None:
    assert set(operations(spec)) == SERVED


def test_operations_have_names_of_their_own(spec: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(spec).values()]
    assert len(names) == len(set(names))
    assert {"resolve", "quote", "hold", "release", "commit", "changes"} <= set(names)


def test_every_refusal_of_a_register_is_described_with_an_example(spec: dict[str, Any]) -> None:
    for (_, path), operation in operations(spec).items():
        if not path.startswith(("/pos/", "/v1/")) or path == TOKEN_PATH:
            continue
        examples: dict[str, Any] = {}
        for status, answer in operation["responses"].items():
            if status not in ("200", "304"):
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                examples |= content["examples"]
        assert set(ALWAYS) <= set(examples) <= set(PROBLEMS)
        assert operation["security"] == [{"signed": []}, {"static": []}, {"oauth2": []}]


def described(operation: dict[str, Any]) -> set[str]:
    """The codes an operation says it may refuse with."""
    content = [answer.get("content", {}) for answer in operation["responses"].values()]
    examples = [one.get("application/problem+json", {}).get("examples", {}) for one in content]
    return {code for one in examples for code in one}


def test_what_a_key_of_the_callers_own_is_refused_with_is_described(spec: dict[str, Any]) -> None:
    keyed = {
        name: described(operation)
        for name, operation in operations(spec).items()
        if name[1].startswith("/pos/")
        and "idempotency-key" in {one["name"].lower() for one in operation.get("parameters", ())}
    }
    assert len(keyed) > 10
    assert {
        name for name, codes in keyed.items() if not {"bad_request", "key_reused"} <= codes
    } == set()


def test_what_a_sale_is_refused_with_for_its_hold_points_or_returns_is_described(
    spec: dict[str, Any],
) -> None:
    refusals = {"hold_used", "points_not_usable", "refund_exceeds_sale", "coupon_not_usable"}
    assert refusals <= described(operations(spec)["post", "/pos/v1/transactions"])


def test_a_refusal_of_a_token_is_described_as_oauth_tells_it(spec: dict[str, Any]) -> None:
    operation = operations(spec)["post", TOKEN_PATH]
    assert "security" not in operation
    for status in ("400", "401"):
        content = operation["responses"][status]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/TokenRefused"}


def test_the_frameworks_own_errors_are_nowhere(spec: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in spec["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/pos/v1/members:resolve", {"value": "nobody"}),
        ("/pos/v1/members:resolve", {"value": "hanako@example.jp"}),
        ("/pos/v1/members:resolve", {"wrong": 1}),
        ("/pos/v1/quotes", {"lines": []}),
        ("/pos/v1/holds", {"key": "h", "member": "mem_1", "points": 5}),
    ],
)
async def test_answers_are_as_described(
    register: Any, regular: Any, spec: dict[str, Any], path: str, ask: dict[str, Any]
) -> None:
    answer = await register.post(path, ask)
    reads: Any = Config(extra_media_type_deserializers={"application/problem+json": json.loads})
    described = OpenAPI.from_dict({**spec, "servers": [{"url": "http://hub"}]}, config=reads)
    request = MockRequest("http://hub", "post", path)
    response = MockResponse(
        answer.content, answer.status_code, content_type=answer.headers["content-type"]
    )
    described.validate_response(request, response)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_no_page_that_loads_scripts_from_elsewhere_is_served(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 404
