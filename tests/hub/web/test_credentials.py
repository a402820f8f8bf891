"""Tokens, rotation, disabling, and gateways that call for many tills."""

import base64
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from fastapi import FastAPI
from sqlalchemy import text
from structlog.testing import capture_logs

from renkei.bootstrap import Hub, new_id
from renkei.clock import Clock, utcnow
from renkei.services.members.look_ups import MISSES
from renkei.services.till import credentials, terminals
from renkei.services.till.terminals import NewCredential
from renkei_contracts.errors import SettingsInvalid

TOKEN = "/pos/v1/oauth/token"
TERMINALS = "/pos/v1/terminals"
RESOLVE = "/pos/v1/members:resolve"
CHANGES = "/pos/v1/changes"
SALES = "/pos/v1/transactions"
NOBODY = {"value": "4900000000000"}
SHIBUYA = "%E6%B8%8B%E8%B0%B7"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class Shifted:
    """The time, so much later than it is."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> Any:
        return utcnow() + self.by


@pytest.fixture
def clock() -> Clock:
    return Shifted()


async def ask_token(client: httpx.AsyncClient, known: NewCredential, **form: str) -> httpx.Response:
    ask = {"grant_type": "client_credentials"} | form
    return await client.post(TOKEN, data=ask, auth=(known.key_id, known.secret))


async def bearer(client: httpx.AsyncClient, known: NewCredential, **form: str) -> dict[str, str]:
    token = (await ask_token(client, known, **form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def disable(hub: Hub, terminal: str) -> None:
    async with hub.database.begin() as conn:
        await credentials.disable(conn, terminal, hub.clock())


class TestToken:
    async def test_a_token_does_what_its_credential_may_from_anywhere(
        self, client: httpx.AsyncClient, register: Any, caller_from: Any, new_sale: Any
    ) -> None:
        with capture_logs() as logs:
            answer = await ask_token(client, register.credential)
        said = answer.json()
        token = said.pop("access_token")
        assert register.credential.terminal in str(logs)
        assert register.credential.secret not in str(logs)
        assert token not in str(logs)
        assert said == {
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": "till:read till:write",
        }
        assert answer.headers["cache-control"] == "no-store"
        async with caller_from("203.0.113.9") as http:
            headers = {"Authorization": f"bearer {token}", "X-Forwarded-For": "10.0.0.1"}
            booked = await http.post(SALES, json=new_sale("1", None), headers=headers)
        assert booked.status_code == 200

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    async def test_an_oauth_library_gets_a_token_and_uses_it(
        self, app: FastAPI, register: Any, method: str
    ) -> None:
        known = register.credential
        async with AsyncOAuth2Client(
            known.key_id,
            known.secret,
            scope="till:read",
            token_endpoint_auth_method=method,
            transport=httpx.ASGITransport(app, client=("203.0.113.9", 50_000)),
            base_url="https://hub",
        ) as http:
            await http.fetch_token(f"https://hub{TOKEN}", grant_type="client_credentials")
            assert (await http.get(CHANGES)).status_code == 200

    async def test_the_secret_may_be_in_the_form_and_scopes_may_be_fewer(
        self, client: httpx.AsyncClient, register: Any, new_sale: Any
    ) -> None:
        known = register.credential
        form = {
            "grant_type": "client_credentials",
            "client_id": known.key_id,
            "client_secret": known.secret,
            "scope": "till:read",
        }
        said = (await client.post(TOKEN, data=form)).json()
        assert said["scope"] == "till:read"
        headers = {"Authorization": f"Bearer {said['access_token']}"}
        assert (await client.get(CHANGES, headers=headers)).status_code == 200
        booked = await client.post(SALES, json=new_sale("1", None), headers=headers)
        assert code(booked) == (403, "scope_missing")

    async def test_a_token_ends_by_itself_and_with_its_terminal_and_with_its_credential(
        self, client: httpx.AsyncClient, register: Any, hub: Any, clock: Any
    ) -> None:
        headers = await bearer(client, register.credential)
        clock.by = timedelta(seconds=870)  # however long this machine takes
        assert (await client.get(CHANGES, headers=headers)).status_code == 200
        clock.by = timedelta(seconds=901)
        over = await client.get(CHANGES, headers=headers)
        assert code(over) == (401, "token_expired")
        assert over.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        headers = await bearer(client, register.credential)
        await disable(hub, register.credential.terminal)
        assert code(await client.get(CHANGES, headers=headers)) == (401, "unauthorized")
        signed = await register.post(RESOLVE, NOBODY, offset=901)
        assert code(signed) == (401, "unauthorized")
        assert (await ask_token(client, register.credential)).status_code == 401
        async with hub.database.begin() as conn:
            await credentials.enable(conn, register.credential.terminal)
        assert (await client.get(CHANGES, headers=headers)).status_code == 200
        async with hub.database.begin() as conn:
            await credentials.rotate(
                conn, hub.ring, new_id, hub.clock(), register.credential.terminal, timedelta()
            )
        assert code(await client.get(CHANGES, headers=headers)) == (401, "unauthorized")

    async def test_a_token_of_another_kind_or_hub_is_none(
        self, client: httpx.AsyncClient, register: Any, regular: Any, hub: Any
    ) -> None:
        from renkei.services.members.look_ups import draw_qr

        good = (await bearer(client, register.credential))["Authorization"]
        head, claims, signature = good.removeprefix("Bearer ").split(".")
        qr = draw_qr(hub.ring, regular.id, hub.clock(), "q1")
        other = f"{head}.{claims}.{signature[::-1]}"
        odd = ('{"alg":"Ed25519","crit":1}', '{"alg":"Ed25519","crit":[[]]}')
        heads = [urlsafe_b64encode(one.encode()).decode().rstrip("=") for one in odd]
        strange = [f"{one}.{claims}.{signature}" for one in heads]
        for token in (qr, other, f"{head}.{claims}.", "a.b.c", "..", *strange):
            answer = await client.get(CHANGES, headers={"Authorization": f"Bearer {token}"})
            assert code(answer) == (401, "unauthorized")

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
            ({"grant_type": ""}, 400, "invalid_request"),
            ({"scope": "till:read terminals:write"}, 400, "invalid_scope"),
            ({"scope": " "}, 400, "invalid_scope"),
            ({"client_secret": "x"}, 400, "invalid_request"),
        ],
    )
    async def test_a_request_that_is_none_is_told_as_oauth_does(
        self,
        client: httpx.AsyncClient,
        register: Any,
        form: dict[str, str],
        status: int,
        error: str,
    ) -> None:
        answer = await ask_token(client, register.credential, **form)
        assert (answer.status_code, answer.json()["error"]) == (status, error)

    async def test_who_is_not_the_client_gets_nothing(
        self, client: httpx.AsyncClient, register: Any
    ) -> None:
        known = register.credential
        form = {"grant_type": "client_credentials"}
        pair = base64.b64encode(f"{known.key_id}:wrong".encode()).decode()
        for header in (
            None,
            f"Basic {pair}",
            f"Basic {base64.b64encode(b'key_x:y').decode()}",
            f"Basic {base64.b64encode(bytes([255])).decode()}",
            "Basic !",
            f"Bearer {known.key_id}.{known.secret}",
        ):
            headers = {} if header is None else {"Authorization": header}
            answer = await client.post(TOKEN, data=form, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic ")

    async def test_a_body_that_is_no_form_is_refused(self, client: httpx.AsyncClient) -> None:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        for body, headers in (
            (b"{}", {"Content-Type": "application/json"}),
            (b"scope=%ff", kind),
            (b"scope=a&scope=b", kind),
            (b"\xff", kind),
            (b"&".join(b"a%d=1" % at for at in range(30)), kind),
        ):
            answer = await client.post(TOKEN, content=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_rotated_credential_goes_on_for_the_overlap(
    client: httpx.AsyncClient, register: Any, hub: Any, owner_engine: Any, clock: Any
) -> None:
    old = register.credential
    async with owner_engine.begin() as conn:
        await conn.execute(text("UPDATE terminal_credential SET scopes = '{till:read}'"))
    async with hub.database.begin() as conn:
        new = await credentials.rotate(
            conn, hub.ring, new_id, hub.clock(), old.terminal, timedelta(days=7)
        )
    assert new.terminal == old.terminal
    for known in (old, new):
        assert (await ask_token(client, known)).json()["scope"] == "till:read"
    clock.by = timedelta(days=7, minutes=1)
    assert (await ask_token(client, old)).status_code == 401
    assert (await ask_token(client, new)).status_code == 200


class TestGateway:
    """A headquarters server."""

    @pytest.fixture
    async def gateway(self, client: httpx.AsyncClient, hub: Any, register: Any) -> Any:
        """Of the same connection as till 1 of Shibuya."""
        async with hub.database.begin() as conn:
            known = await terminals.add_gateway(
                conn, hub.ring, new_id, hub.clock(), connection="pos", name="headquarters"
            )
        return type(register)(client, known, acts_for=("shibuya", "1"))

    async def test_it_books_for_any_till_it_names(
        self, gateway: Any, register: Any, add_terminal: Any, new_sale: Any
    ) -> None:
        assert (await gateway.post(SALES, new_sale("7", None))).status_code == 200
        again = await register.post(SALES, new_sale("7", None))
        assert again.status_code == 200
        await add_terminal("2")
        gateway.acts_for = ("shibuya", "2")
        answer = await gateway.post(SALES, new_sale("8", None))
        assert code(answer) == (403, "sale_of_other_till")

    async def test_an_application_cannot_have_its_name(self, gateway: Any, hub: Any) -> None:
        named = {"connection": "pos", "name": "headquarters"}
        async with hub.database.begin() as conn:
            again = await terminals.add_gateway(conn, hub.ring, new_id, hub.clock(), **named)
            assert again.terminal == gateway.credential.terminal
            with pytest.raises(SettingsInvalid, match="a gateway of this connection already"):
                await terminals.add_application(conn, hub.ring, new_id, hub.clock(), **named)

    async def test_the_till_it_names_is_part_of_what_it_signs(
        self, gateway: Any, add_terminal: Any
    ) -> None:
        await add_terminal("2")
        gateway.headers = {"Renkei-Till": "2"}
        assert code(await gateway.post(RESOLVE, NOBODY)) == (401, "unauthorized")
        gateway.headers = {"Renkei-Till": None, "Renkei-Store": None}
        assert code(await gateway.post(RESOLVE, NOBODY)) == (401, "unauthorized")

    async def test_it_must_name_a_till_that_is_registered_and_not_disabled(
        self, gateway: Any, register: Any, hub: Any
    ) -> None:
        for named in (
            ("shibuya", "99"),
            ("", ""),
            ("%ff", "1"),
            ("a%00", "1"),
            ("", "headquarters"),
        ):
            gateway.acts_for = named
            assert code(await gateway.post(RESOLVE, NOBODY)) == (403, "till_unknown")
        gateway.acts_for = None
        assert code(await gateway.post(RESOLVE, NOBODY)) == (400, "till_not_named")
        gateway.acts_for = ("shibuya", "1")
        await disable(hub, register.credential.terminal)
        assert code(await gateway.post(RESOLVE, NOBODY)) == (403, "till_unknown")

    async def test_look_ups_count_for_the_till_it_names(
        self, gateway: Any, register: Any, add_terminal: Any, hub: Any
    ) -> None:
        for _ in range(MISSES):
            assert code(await gateway.post(RESOLVE, NOBODY)) == (404, "member_not_found")
        assert code(await register.post(RESOLVE, NOBODY)) == (429, "lookups_exhausted")
        await add_terminal("2")
        gateway.acts_for = ("shibuya", "2")
        assert code(await gateway.post(RESOLVE, NOBODY)) == (404, "member_not_found")
        async with hub.database.begin() as conn:
            by = (await conn.execute(text("SELECT DISTINCT terminal_id FROM lookup"))).all()
        assert gateway.credential.terminal not in {row[0] for row in by}

    async def test_no_other_credential_may_name_a_till(
        self, register: Any, add_terminal: Any
    ) -> None:
        await add_terminal("2")
        register.acts_for = ("shibuya", "2")
        assert code(await register.post(RESOLVE, NOBODY)) == (403, "scope_missing")

    async def test_it_makes_tills_known_and_calls_for_them_by_a_token(
        self, gateway: Any, register: Any, client: httpx.AsyncClient
    ) -> None:
        gateway.acts_for = None
        tills = [{"store": "渋谷", "till": "1", "label": "入口"}, {"store": "shibuya", "till": "1"}]
        answers = [await gateway.post(TERMINALS, {"terminals": tills}) for _ in range(2)]
        first, again = [answer.json()["terminals"] for answer in answers]
        assert [one["new"] for one in first] == [True, False]
        assert first[1]["terminal"] == register.credential.terminal
        assert [one["new"] for one in again] == [False, False]
        assert "secret" not in answers[0].text
        headers = await bearer(client, gateway.credential, scope="till:read")
        named = {"Renkei-Store": SHIBUYA, "Renkei-Till": "1"}
        found = await client.post(RESOLVE, json=NOBODY, headers=headers | named)
        assert code(found) == (404, "member_not_found")
        denied = await client.post(TERMINALS, json={"terminals": tills}, headers=headers)
        assert code(denied) == (403, "scope_missing")

    async def test_tills_that_are_none_are_refused_all_together(
        self, gateway: Any, register: Any, count: Any
    ) -> None:
        gateway.acts_for = None
        before = await count("terminal")
        good = {"store": "a", "till": "1"}
        for bad in ([good, good], [good, {"store": "", "till": "1"}], [good, {"till": "1"}], []):
            answer = await gateway.post(TERMINALS, {"terminals": bad})
            assert code(answer) == (422, "request_invalid")
        assert await count("terminal") == before
        assert code(await register.post(TERMINALS, {"terminals": [good]})) == (403, "scope_missing")
