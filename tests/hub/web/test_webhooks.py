"""Deliveries come in: verified, stored once, answered; or nothing is stored."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from renkei.errors import Busy
from renkei_contracts.delivery import Delivery

SIGNING = "/webhooks/signing"
SECRET = "/webhooks/secret"
PATH_SECRET = "acme-is-known-by-this-path"
BODY = b'{"order": 1}'

Signer = Callable[..., dict[str, str]]


async def test_a_signed_delivery_is_stored_and_answered_with_nothing(
    client: httpx.AsyncClient, acme_signs: Signer, count: Any
) -> None:
    answer = await client.post(SIGNING, content=BODY, headers=acme_signs(BODY))
    assert (answer.status_code, answer.content) == (200, b"")
    assert await count("delivery") == 1


async def test_the_same_delivery_again_is_answered_alike_and_stored_once(
    client: httpx.AsyncClient, acme_signs: Signer, count: Any
) -> None:
    sending = (client.post(SIGNING, content=BODY, headers=acme_signs(BODY)) for _ in range(10))
    answers = await asyncio.gather(*sending)
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    assert await count("delivery") == 1


async def test_the_plugin_is_given_bytes_and_headers_exactly_as_they_came(
    client: httpx.AsyncClient, acme_signs: Signer, monkeypatch: pytest.MonkeyPatch, hub: Any
) -> None:
    given: list[Delivery] = []
    monkeypatch.setattr(
        (await hub.connections.get("signing")).webhooks,
        "verify",
        lambda one, now: given.append(one),
    )
    body = bytes(range(256))
    headers: list[tuple[str, Any]] = [("X-Name", "café".encode("latin-1"))]
    headers += [("X-Twice", "1"), ("X-Twice", "2"), *acme_signs(body).items()]
    answer = await client.post(SIGNING, content=body, headers=headers)
    (delivery,) = given
    assert answer.status_code == 200
    assert delivery.body == body
    assert delivery.header("x-name") == "café"
    twice = [value for name, value in delivery.headers if name.lower() == "x-twice"]
    assert twice == ["1", "2"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Acme-Signature": ""},
        {"Acme-Signature": "Zm9yZ2Vk"},
        {"Acme-Signature": "署名".encode()},
    ],
)
async def test_a_forged_delivery_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient, count: Any, headers: dict[str, Any]
) -> None:
    answer = await client.post(SIGNING, content=BODY, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "delivery_refused")
    assert await count("delivery") == 0


async def test_a_body_changed_on_the_way_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient, acme_signs: Signer, count: Any
) -> None:
    answer = await client.post(SIGNING, content=BODY + b" ", headers=acme_signs(BODY))
    assert answer.status_code == 401
    assert await count("delivery") == 0


async def test_a_vendor_that_signs_nothing_is_known_by_its_path(
    client: httpx.AsyncClient, count: Any
) -> None:
    answer = await client.post(f"{SECRET}/{PATH_SECRET}", content=BODY)
    assert answer.status_code == 200
    assert await count("delivery") == 1


@pytest.mark.parametrize("path", ["", "/wrong", f"/{PATH_SECRET}x", "/%00", "/%ff"])
async def test_a_wrong_path_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient, count: Any, path: str
) -> None:
    answer = await client.post(f"{SECRET}{path}", content=BODY)
    assert answer.status_code == 401
    assert await count("delivery") == 0


@pytest.mark.parametrize(
    "name", ["nobody", "%00", "Signing", "signing%20", "%E5%B1%B1", "x" * 64, "'; --"]
)
async def test_an_unknown_connection_is_not_found(
    client: httpx.AsyncClient, acme_signs: Signer, name: str
) -> None:
    answer = await client.post(f"/webhooks/{name}", content=BODY, headers=acme_signs(BODY))
    assert (answer.status_code, answer.json()["code"]) == (404, "connection_unknown")


async def test_the_registers_own_connection_takes_no_deliveries(
    client: httpx.AsyncClient, count: Any
) -> None:
    answer = await client.post("/webhooks/pos", content=BODY)
    assert answer.status_code in (401, 404)
    assert await count("delivery") == 0


async def test_other_methods_and_other_paths_are_refused_by_name(client: httpx.AsyncClient) -> None:
    assert (await client.get("/webhooks/shop")).json()["code"] == "method_not_allowed"
    for path in (
        "/webhooks",
        "/webhooks/",
        "/webhooks/shop/",
        "/webhooks/shop/a/b",
        "/x/webhooks/shop",
    ):
        answer = await client.post(path, content=b"{}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_both_refusals_look_alike(client: httpx.AsyncClient) -> None:
    forged = await client.post(SIGNING, content=BODY)
    unknown = await client.post("/webhooks/nobody", content=BODY)
    assert forged.json().keys() == unknown.json().keys()
    assert max(len(forged.content), len(unknown.content)) < 500


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1_000):
        yield b"x" * 1_000


async def test_a_body_announced_too_large_is_refused_unread(
    client: httpx.AsyncClient, acme_signs: Signer, count: Any
) -> None:
    body = b"x" * 10_001
    answer = await client.post(SIGNING, content=body, headers=acme_signs(body))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"
    assert await count("delivery") == 0


async def test_a_body_without_end_is_refused_at_the_limit(
    client: httpx.AsyncClient, acme_signs: Signer, count: Any
) -> None:
    read = 0

    async def without_end() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1_000
            yield b"x" * 1_000

    headers = acme_signs(b"")
    answer = await client.post(SIGNING, content=without_end(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert read <= 12_000
    assert await count("delivery") == 0


async def test_a_body_of_exactly_the_limit_is_stored(
    client: httpx.AsyncClient, acme_signs: Signer, count: Any
) -> None:
    headers = acme_signs(b"x" * 10_000)
    answer = await client.post(SIGNING, content=in_pieces(10_000), headers=headers)
    assert answer.status_code == 200
    assert await count("delivery") == 1


async def test_a_body_that_stops_on_its_way_is_given_up(
    app: Any, acme_signs: Signer, count: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renkei.web.body.BODY_SECONDS", 0.05)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        answer = await http.post(SIGNING, content=stalled(), headers=acme_signs(b"x"))
    assert (answer.status_code, answer.json()["code"]) == (408, "body_timeout")
    assert await count("delivery") == 0


async def test_a_full_intake_asks_to_come_again(
    client: httpx.AsyncClient, acme_signs: Signer, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(command: object) -> None:
        raise Busy("full", retry_after=3)

    monkeypatch.setattr(hub.intake, "submit", full)
    answer = await client.post(SIGNING, content=BODY, headers=acme_signs(BODY))
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "3"


async def test_while_the_plugin_cannot_be_used_the_vendor_is_asked_to_come_again(
    client: httpx.AsyncClient, add_connection: Any, count: Any
) -> None:
    await add_connection("broken", {"signing_secret": ["not", "a", "secret"]})
    answer = await client.post("/webhooks/broken", content=BODY)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await count("delivery") == 0


async def test_a_paused_connection_still_stores(
    client: httpx.AsyncClient, acme_signs: Signer, owner_engine: Any, count: Any
) -> None:
    async with owner_engine.begin() as conn:
        await conn.execute(text("UPDATE connection SET state = 'paused'"))
    assert (await client.post(SIGNING, content=BODY, headers=acme_signs(BODY))).status_code == 200
    assert await count("delivery") == 1


async def test_neither_the_path_nor_what_came_is_logged(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        for secret in (PATH_SECRET, "guessed-secret"):
            await client.post(
                f"{SECRET}/{secret}?token=query-secret",
                content=b"body-of-hanako",
                headers={"X-Secret": "header-secret"},
            )
    (told, refused) = [entry for entry in logs if entry["event"] == "request"]
    assert told["route"] == "/webhooks/{connection}/{path_secret}"
    assert (told["connection"], told["outcome"]) == ("secret", "stored")
    assert refused["code"] == "delivery_refused"
    for secret in (PATH_SECRET, "guessed-secret", "query-secret", "hanako", "header-secret"):
        assert secret not in str(logs)
