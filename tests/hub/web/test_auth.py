"""Who may call as a register, and who may not."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from renkei.bootstrap import Hub
from renkei.storage.trip import Statement, travel
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.toolkit.till_signature import signed_text

DOCUMENT = Path(__file__).parents[3] / "docs" / "pos-v1.md"
RESOLVE = "/pos/v1/members:resolve"
CHANGES = "/pos/v1/changes"
ASK = {"value": "4900000000000"}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestSigned:
    async def test_a_request_signed_as_documented_is_accepted(self, register: Any) -> None:
        assert code(await register.post(RESOLVE, ASK)) == (404, "member_not_found")

    async def test_a_query_is_signed_as_sent(self, register: Any) -> None:
        answer = await register.get(CHANGES, "types=balance%2Cmember&limit=5")
        assert answer.status_code == 200

    async def test_an_encoded_path_is_signed_as_sent(self, register: Any) -> None:
        answer = await register.post("/pos/v1/members%3Aresolve", ASK)
        assert code(answer) == (404, "member_not_found")

    async def test_a_replayed_request_is_refused(self, register: Any) -> None:
        await register.post(RESOLVE, ASK, nonce="n" * 16)
        again = await register.post(RESOLVE, ASK, nonce="n" * 16)
        assert code(again) == (401, "nonce_reused")

    async def test_after_a_nonce_that_did_not_wait_for_the_disk_what_is_booked_does(
        self, register: Any, hub: Hub
    ) -> None:
        async def every_connection(sql: str) -> list[Any]:
            idle = hub.database.idle
            return [(await travel(one, [Statement(sql)], commit=True))[0].rows for one in idle]

        await register.post(RESOLVE, ASK)
        await every_connection("SET synchronous_commit = on")  # the tests' server is in a hurry
        await register.post(RESOLVE, ASK)
        said = await every_connection("SELECT current_setting('synchronous_commit')")
        assert {row[0] for (row,) in said} == {"on"}

    async def test_of_ten_copies_at_once_one_is_accepted(self, register: Any) -> None:
        copies = (register.post(RESOLVE, ASK, nonce="n" * 16) for _ in range(10))
        answers = await asyncio.gather(*copies)
        assert sorted(answer.status_code for answer in answers) == [401] * 9 + [404]

    async def test_two_registers_may_use_the_same_nonce(
        self, register: Any, client: httpx.AsyncClient, add_terminal: Any
    ) -> None:
        other = type(register)(client, await add_terminal("2"))
        for one in (register, other):
            assert (await one.post(RESOLVE, ASK, nonce="n" * 16)).status_code == 404

    async def test_a_forged_request_does_not_use_up_the_nonce(self, register: Any) -> None:
        register.headers = {"Renkei-Signature": base64.b64encode(b"x" * 32).decode()}
        assert code(await register.post(RESOLVE, ASK, nonce="n" * 16)) == (401, "unauthorized")
        register.headers = {}
        assert (await register.post(RESOLVE, ASK, nonce="n" * 16)).status_code == 404

    @pytest.mark.parametrize("offset", [-290, 290])
    async def test_a_clock_that_is_a_little_off_is_accepted(
        self, register: Any, offset: int
    ) -> None:
        assert (await register.post(RESOLVE, ASK, offset=offset)).status_code == 404

    @pytest.mark.parametrize("offset", [-310, 310, -(10**9), 10**9])
    async def test_a_stale_or_future_timestamp_is_refused(self, register: Any, offset: int) -> None:
        assert code(await register.post(RESOLVE, ASK, offset=offset)) == (401, "clock_skew")

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("Renkei-Key", None),
            ("Renkei-Key", ""),
            ("Renkei-Key", "key_unknown"),
            ("Renkei-Key", "key_' OR 1=1"),
            ("Renkei-Timestamp", None),
            ("Renkei-Timestamp", "tomorrow"),
            ("Renkei-Timestamp", "1" * 400),
            ("Renkei-Nonce", None),
            ("Renkei-Nonce", "short"),
            ("Renkei-Nonce", "n" * 65),
            ("Renkei-Nonce", "n" * 16 + "!"),
            ("Renkei-Nonce", "o" * 32),
            ("Renkei-Signature", None),
            ("Renkei-Signature", ""),
            ("Renkei-Signature", "Zm9yZ2Vk"),
            ("Renkei-Signature", "A" * 100_000),
        ],
    )
    async def test_a_header_that_is_missing_or_changed_is_refused(
        self, register: Any, header: str, value: str | None
    ) -> None:
        register.headers = {header: value}
        answer = await register.post(RESOLVE, ASK)
        assert answer.status_code == 401

    async def test_a_signature_that_is_not_ascii_is_refused(
        self, register: Any, client: httpx.AsyncClient
    ) -> None:
        headers: dict[str, Any] = register.signed("GET", CHANGES)
        headers["Renkei-Signature"] = "署名".encode()
        assert code(await client.get(CHANGES, headers=headers)) == (401, "unauthorized")

    @pytest.mark.parametrize("change", ["hex", "urlsafe", "prefix", "padding"])
    async def test_a_signature_in_another_form_is_refused(
        self, register: Any, client: httpx.AsyncClient, change: str
    ) -> None:
        headers = register.signed("GET", CHANGES)
        raw = base64.b64decode(headers["Renkei-Signature"])
        headers["Renkei-Signature"] = {
            "hex": raw.hex(),
            "urlsafe": base64.urlsafe_b64encode(raw).decode() + ".",
            "prefix": headers["Renkei-Signature"][:20],
            "padding": headers["Renkei-Signature"].rstrip("="),
        }[change]
        assert code(await client.get(CHANGES, headers=headers)) == (401, "unauthorized")

    async def test_another_registers_secret_is_refused(
        self, register: Any, client: httpx.AsyncClient, add_terminal: Any
    ) -> None:
        other = type(register)(client, await add_terminal("2"))
        other.headers = {"Renkei-Key": register.credential.key_id}
        assert code(await other.post(RESOLVE, ASK)) == (401, "unauthorized")

    @pytest.mark.parametrize("sent", [b'{"value":"2"}', b'{"value":"1"} ', b""])
    async def test_a_body_changed_on_the_way_is_refused(
        self, register: Any, client: httpx.AsyncClient, sent: bytes
    ) -> None:
        headers = register.signed("POST", RESOLVE, b'{"value":"1"}')
        answer = await client.post(RESOLVE, content=sent, headers=headers)
        assert code(answer) == (401, "unauthorized")

    @pytest.mark.parametrize("path", ["/pos/v1/quotes", "/pos/v1/members%3Aresolve"])
    async def test_a_path_changed_on_the_way_is_refused(
        self, register: Any, client: httpx.AsyncClient, path: str
    ) -> None:
        headers = register.signed("POST", RESOLVE, b"{}")
        answer = await client.post(path, content=b"{}", headers=headers)
        assert code(answer) == (401, "unauthorized")

    @pytest.mark.parametrize("query", ["", "limit=6", "limit=5&cursor=x", "limit=%35"])
    async def test_a_query_changed_on_the_way_is_refused(
        self, register: Any, client: httpx.AsyncClient, query: str
    ) -> None:
        headers = register.signed("GET", CHANGES, query="limit=5")
        answer = await client.get(f"{CHANGES}?{query}", headers=headers)
        assert code(answer) == (401, "unauthorized")

    async def test_a_signature_for_another_method_is_refused(
        self, register: Any, client: httpx.AsyncClient
    ) -> None:
        headers = register.signed("POST", CHANGES)
        assert code(await client.get(CHANGES, headers=headers)) == (401, "unauthorized")

    async def test_a_wrong_signature_is_not_made_good_by_the_secret_beside_it(
        self, register: Any
    ) -> None:
        register.headers = {"Renkei-Signature": "x"} | bearer(register)
        assert code(await register.post(RESOLVE, ASK)) == (401, "unauthorized")


def bearer(register: Any) -> dict[str, str]:
    known = register.credential
    return {"Authorization": f"Bearer {known.key_id}.{known.secret}"}


class TestStatic:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    async def test_the_secret_itself_is_accepted_from_its_networks(
        self, register: Any, caller_from: Callable[[str], httpx.AsyncClient], address: str
    ) -> None:
        async with caller_from(address) as http:
            answer = await http.post(RESOLVE, json=ASK, headers=bearer(register))
        assert code(answer) == (404, "member_not_found")

    async def test_a_network_of_the_store_can_be_named(
        self, register: Any, add_terminal: Any, caller_from: Callable[[str], httpx.AsyncClient]
    ) -> None:
        register.credential = await add_terminal("2", static_from=("192.168.7.0/24",))
        async with caller_from("192.168.7.20") as http:
            assert (await http.get(CHANGES, headers=bearer(register))).status_code == 200
        async with caller_from("192.168.8.20") as http:
            assert (await http.get(CHANGES, headers=bearer(register))).status_code == 401

    @pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.1", "::ffff:10.0.0.1", "nowhere"])
    async def test_from_a_foreign_network_it_is_refused_and_told_without_the_secret(
        self, register: Any, caller_from: Callable[[str], httpx.AsyncClient], address: str
    ) -> None:
        with capture_logs() as logs:
            async with caller_from(address) as http:
                answer = await http.get(CHANGES, headers=bearer(register))
        assert code(answer) == (401, "unauthorized")
        assert "secret_from_foreign_network" in [entry["event"] for entry in logs]
        assert register.credential.secret not in str(logs)

    @pytest.mark.parametrize(
        "header",
        [
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Real-IP",
            "Via",
            "Forwarded",
        ],
    )
    async def test_behind_a_proxy_it_is_refused_whatever_the_proxy_says(
        self, register: Any, client: httpx.AsyncClient, header: str
    ) -> None:
        headers = bearer(register) | {header: "127.0.0.1"}
        assert code(await client.get(CHANGES, headers=headers)) == (401, "unauthorized")

    @pytest.mark.parametrize(
        "credential",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer .",
            "Bearer {secret}",
            "Bearer {key}",
            "Bearer {key}.",
            "Bearer {key}.{secret}x",
            "Bearer {key}:{secret}",
            "Bearer key_unknown.{secret}",
            "Bearer key_unknown.-",
            "Basic {key}.{secret}",
            "{key}.{secret}",
        ],
    )
    async def test_a_credential_that_is_not_one_is_refused(
        self, register: Any, client: httpx.AsyncClient, credential: str
    ) -> None:
        known = register.credential
        said = credential.format(key=known.key_id, secret=known.secret)
        answer = await client.get(CHANGES, headers={"Authorization": said})
        assert code(answer) == (401, "unauthorized")

    async def test_nobody_at_all_is_refused_and_told_how(self, client: httpx.AsyncClient) -> None:
        answer = await client.get(CHANGES)
        assert code(answer) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


async def sql(engine: Any, statement: str, **values: Any) -> None:
    async with engine.begin() as conn:
        await conn.execute(text(statement), values)


class TestCredential:
    async def test_a_disabled_terminal_is_refused(self, register: Any, owner_engine: Any) -> None:
        await sql(owner_engine, "UPDATE terminal SET disabled_at = now()")
        assert code(await register.post(RESOLVE, ASK)) == (401, "unauthorized")

    @pytest.mark.parametrize(
        "change", ["valid_until = now() - interval '1 s'", "valid_from = now() + interval '1 h'"]
    )
    async def test_a_credential_outside_its_time_is_refused(
        self, register: Any, owner_engine: Any, change: str
    ) -> None:
        await sql(owner_engine, f"UPDATE terminal_credential SET {change}")
        assert code(await register.post(RESOLVE, ASK)) == (401, "unauthorized")

    async def test_a_new_credential_works_beside_the_old_one(
        self, register: Any, add_terminal: Any
    ) -> None:
        old, register.credential = register.credential, await add_terminal()
        assert register.credential.terminal == old.terminal
        assert (await register.post(RESOLVE, ASK)).status_code == 404
        register.credential = old
        assert (await register.post(RESOLVE, ASK)).status_code == 404

    async def test_a_register_that_may_only_read_cannot_book(
        self, register: Any, owner_engine: Any, new_sale: Any
    ) -> None:
        await sql(owner_engine, "UPDATE terminal_credential SET scopes = '{till:read}'")
        assert (await register.post(RESOLVE, ASK)).status_code == 404
        for path, ask in (
            ("/pos/v1/transactions", new_sale("1", None)),
            ("/pos/v1/holds", {"key": "k", "member": "mem_1", "points": 1}),
            ("/pos/v1/holds/hld_1_1:release", None),
        ):
            assert code(await register.post(path, ask)) == (403, "scope_missing")

    async def test_a_register_that_may_only_book_cannot_look_up(
        self, register: Any, owner_engine: Any
    ) -> None:
        await sql(owner_engine, "UPDATE terminal_credential SET scopes = '{till:write}'")
        assert code(await register.post(RESOLVE, ASK)) == (403, "scope_missing")
        assert code(await register.get(CHANGES)) == (403, "scope_missing")

    async def test_who_calls_is_asked_before_what_is_asked(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(RESOLVE, content=b"{", headers={"Content-Type": "text/plain"})
        assert code(answer) == (401, "unauthorized")


def test_the_documented_example_has_the_documented_signature() -> None:
    """Its signature was made with openssl."""
    rows = [line.split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines()]
    example = {row[1].strip(): row[2].strip(" `") for row in rows if len(row) == 4}
    method, path = example["request"].split()
    text_signed = signed_text(
        method,
        path.encode(),
        b"",
        example["timestamp"],
        example["nonce"],
        example["body"].encode(),
    )
    assert hmac_sha256_base64(example["secret"], text_signed) == example["signature"]
