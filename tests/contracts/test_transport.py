"""Every failure of a call ends in the canonical error that says what the caller should do."""

import httpx
import pytest
import respx

from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    Unavailable,
)
from renkei_contracts.toolkit.transport import json_of, path_id, path_number, send

URL = "https://vendor.example/points?token=hush"


async def call(*, writes: bool, **answer: object) -> httpx.Response:
    with respx.mock:
        respx.post("https://vendor.example/points").mock(**answer)  # type: ignore[arg-type]
        async with httpx.AsyncClient() as http:
            request = http.build_request("POST", URL, headers={"authorization": "Bearer hush"})
            return await send(http, request, writes=writes)


@pytest.mark.parametrize(
    ("status", "writes", "error"),
    [
        (401, False, AuthenticationFailed),
        (403, False, AuthenticationFailed),
        (404, False, NotFound),
        (400, False, Rejected),
        (302, False, Rejected),
        (422, True, Rejected),
        (429, True, RateLimited),
        (500, False, Unavailable),
        (500, True, OutcomeUnknown),
        (502, True, OutcomeUnknown),
        (503, True, Unavailable),
    ],
)
async def test_a_status_becomes_its_error(
    status: int, writes: bool, error: type[RenkeiError]
) -> None:
    with pytest.raises(error) as failure:
        await call(writes=writes, return_value=httpx.Response(status))
    assert "hush" not in str(failure.value)


@pytest.mark.parametrize(
    ("problem", "writes", "error"),
    [
        (httpx.ConnectError("refused"), True, Unavailable),
        (httpx.ConnectTimeout("slow"), True, Unavailable),
        (httpx.ReadTimeout("slow"), False, Unavailable),
        (httpx.ReadTimeout("slow"), True, OutcomeUnknown),
        (httpx.RemoteProtocolError("cut off"), True, OutcomeUnknown),
    ],
)
async def test_a_broken_connection_says_whether_the_vendor_may_have_acted(
    problem: httpx.TransportError, writes: bool, error: type[RenkeiError]
) -> None:
    with pytest.raises(error):
        await call(writes=writes, side_effect=problem)


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30.0), ("1.5", 1.5), ("soon", None), ("nan", None), ("-1", None)]
)
async def test_the_wait_that_the_vendor_asks_for_is_passed_on(
    header: str, seconds: float | None
) -> None:
    answer = httpx.Response(429, headers={"retry-after": header})
    with pytest.raises(RateLimited) as failure:
        await call(writes=False, return_value=answer)
    assert failure.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b'{"email": "hanako', b"\xff\xfe", b"[" * 100_000])
async def test_an_answer_that_is_not_json_is_invalid_and_not_repeated(body: bytes) -> None:
    response = await call(writes=False, return_value=httpx.Response(200, content=body))
    with pytest.raises(PayloadInvalid) as failure:
        json_of(response)
    assert (failure.value.__cause__, failure.value.__context__) == (None, None)


@pytest.mark.parametrize("id", ["", "1/../2", "1?a=b", "１", "1\n", "x" * 256])
def test_what_cannot_be_an_id_is_never_asked_for(id: str) -> None:
    for fit in (path_id, path_number):
        with pytest.raises(NotFound):
            fit(id, "order")


def test_an_id_may_be_as_long_as_vendors_make_them() -> None:
    refund = "bP9mAsEMYPUGjjGNaNO5ZDVyLhSZY_69MmgHubkLqx9wGhnmenRUHOaKitE6llfZuxcWYjGxd"
    assert path_id(refund, "refund") == refund, "an example of Square's own"


@pytest.mark.parametrize("id", ["0", "01", "-1", "x", "1" * 19])
def test_an_id_that_is_a_number_begins_with_one_and_fits_64_bits(id: str) -> None:
    assert path_id(id, "order") == id
    with pytest.raises(NotFound):
        path_number(id, "order")
