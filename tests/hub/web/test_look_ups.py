"""Finding a member at the counter: rotating codes, short lists, new cards, guessing."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy import text

from renkei.services.members.look_ups import MISSES, draw_qr
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Identity, IdentityKind, Member

RESOLVE = "/pos/v1/members:resolve"
SEARCH = "/pos/v1/members:search"
MEMBERS = "/pos/v1/members"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def code(hub: Any, member: str, jti: str = "q1", late: int = 0) -> str:
    return draw_qr(hub.ring, member, hub.clock() - timedelta(seconds=late), jti)


class TestQr:
    """The code on a phone."""

    @pytest.mark.parametrize("scheme", ["qr", "auto"])
    async def test_a_code_shows_its_member_once(
        self, register: Any, regular: Any, hub: Any, scheme: str
    ) -> None:
        ask = {"scheme": scheme, "value": code(hub, regular.id)}
        assert (await register.post(RESOLVE, ask)).json()["member"] == regular.id
        assert refusal(await register.post(RESOLVE, ask)) == (409, "qr_used")

    async def test_a_code_of_two_minutes_ago_is_over(
        self, register: Any, regular: Any, hub: Any
    ) -> None:
        ask = {"scheme": "qr", "value": code(hub, regular.id, late=120)}
        assert refusal(await register.post(RESOLVE, ask)) == (409, "qr_expired")

    async def test_a_code_that_this_hub_did_not_sign_is_none(
        self, register: Any, regular: Any
    ) -> None:
        now = int(datetime.now(UTC).timestamp())
        said = {"iss": "renkei", "sub": regular.id, "iat": now, "exp": now + 60, "jti": "x"}
        header = {"alg": "Ed25519", "typ": "renkei-qr"}
        forged = jwt.encode(header, said, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])
        unsigned = forged.rpartition(".")[0] + "."
        for token in (forged, unsigned, "x"):
            answer = await register.post(RESOLVE, {"scheme": "qr", "value": token})
            assert refusal(answer) == (422, "qr_invalid")

    async def test_anybody_can_check_a_code_with_the_public_key(
        self, client: httpx.AsyncClient, regular: Any, hub: Any
    ) -> None:
        keys = (await client.get("/.well-known/renkei-keys.json")).json()
        assert "d" not in keys["keys"][0]
        read = jwt.decode(
            code(hub, regular.id), KeySet.import_key_set(keys), algorithms=["Ed25519"]
        )
        assert read.claims["sub"] == regular.id


@pytest.mark.parametrize("scheme", ["auto", "card", "phone", "email"])
async def test_a_value_longer_than_any_identity_is_nobodys(register: Any, scheme: str) -> None:
    answer = await register.post(RESOLVE, {"scheme": scheme, "value": "9" * 400})
    assert refusal(answer) == (404, "member_not_found")


class TestSearch:
    """Several members share a number."""

    async def test_a_shared_phone_gives_a_masked_list_of_which_one_is_chosen(
        self, register: Any, hub: Any
    ) -> None:
        phone = Identity(kind=IdentityKind.PHONE, value="03-1234-5678")
        for number, given in enumerate(("花子", "太郎")):
            seen = Member(
                ref=ExternalRef(connection="signing", id=f"p{number}"),
                changed_at=SINCE,
                family_name="山田",
                given_name=given,
                identities=(phone,),
            )
            await hub.booking.enrol(seen)
        ask = {"scheme": "phone", "value": "０３−１２３４−５６７８"}
        assert refusal(await register.post(RESOLVE, ask)) == (409, "member_ambiguous")
        answer = await register.post(SEARCH, ask)
        hits = answer.json()["hits"]
        assert len(hits) == 2
        assert "花子" not in answer.text
        chosen = await register.post(RESOLVE, {"scheme": "member", "value": hits[0]["member"]})
        assert chosen.json()["card"][-4:] == hits[0]["card_end"]

    async def test_nobody_is_an_empty_list(self, register: Any) -> None:
        answer = await register.post(SEARCH, {"scheme": "email", "value": "nobody@example.jp"})
        assert answer.json() == {"hits": []}


class TestNewCard:
    """A card is given out before its owner is known."""

    async def test_a_new_card_earns_at_once_and_again_is_the_same_member(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        first, again = [
            (await register.post(MEMBERS, {"card": "2999000000012"})).json() for _ in range(2)
        ]
        assert (first["member"], first["spendable"]) == (again["member"], 0)
        await register.post("/pos/v1/transactions", new_sale("7", first["member"], yen=11_000))
        found = (await register.post(RESOLVE, {"value": "2999000000012"})).json()
        assert (found["member"], found["spendable"]) == (first["member"], 100)

    async def test_a_card_read_in_full_width_digits_is_the_same_card(self, register: Any) -> None:
        first, again = [
            (await register.post(MEMBERS, {"card": card})).json()
            for card in ("２９９９０００００００１２", "2999000000012")
        ]
        assert (first["member"], first["card"]) == (again["member"], "2999000000012")

    async def test_in_training_a_card_is_shown_and_given_out_to_nobody(self, register: Any) -> None:
        register.headers = {"Renkei-Training": "true"}
        shown = (await register.post(MEMBERS, {"card": "2999000000012"})).json()
        assert (shown["card"], shown["spendable"]) == ("2999000000012", 0)
        register.headers = {}
        found = await register.post(RESOLVE, {"value": "2999000000012"})
        assert refusal(found) == (404, "member_not_found")

    @pytest.mark.parametrize("card", ["2999000000013", "123", "card-no-1", "9" * 21])
    async def test_what_is_no_card_number_is_not_given_out(self, register: Any, card: str) -> None:
        assert refusal(await register.post(MEMBERS, {"card": card})) == (409, "card_taken")


class TestGuessing:
    """Look-ups are written down, and a terminal cannot try numbers."""

    async def test_after_many_misses_a_terminal_must_wait_and_another_need_not(
        self, register: Any, regular: Any, add_terminal: Any, client: httpx.AsyncClient
    ) -> None:
        for number in range(MISSES):
            answer = await register.post(RESOLVE, {"value": f"29000000{number:05}"})
            assert answer.status_code == 404
        answer = await register.post(RESOLVE, {"value": regular.card})
        assert refusal(answer) == (429, "lookups_exhausted")
        assert answer.headers["retry-after"] == "60"
        other = type(register)(client, await add_terminal("2"))
        assert (await other.post(RESOLVE, {"value": regular.card})).status_code == 200

    async def test_many_numbers_at_once_are_no_way_round_the_limit(self, register: Any) -> None:
        asks = ({"value": f"29000000{number:05}"} for number in range(3 * MISSES))
        answers = await asyncio.gather(*(register.post(RESOLVE, ask) for ask in asks))
        found = Counter(answer.status_code for answer in answers)
        assert found == {404: MISSES, 429: 2 * MISSES}

    async def test_to_try_while_waiting_makes_nobody_wait_longer(
        self, register: Any, regular: Any, hub: Any
    ) -> None:
        rows = [("none", 61)] * MISSES + [("refused", 1)] * MISSES
        async with hub.database.begin() as conn:
            for outcome, ago in rows:
                await conn.execute(
                    text(
                        "INSERT INTO lookup (terminal_id, at, scheme, blind, outcome) VALUES "
                        "(:t, clock_timestamp() - make_interval(secs => :ago), 'card', '', :o)"
                    ),
                    {"t": register.credential.terminal, "ago": ago, "o": outcome},
                )
        assert (await register.post(RESOLVE, {"value": regular.card})).status_code == 200

    async def test_a_code_that_is_refused_is_written_down_too(
        self, register: Any, hub: Any
    ) -> None:
        await register.post(RESOLVE, {"scheme": "qr", "value": "x"})
        async with hub.database.begin() as conn:
            kept = (await conn.execute(text("SELECT scheme, outcome FROM lookup"))).all()
        assert [tuple(row) for row in kept] == [("qr", "refused")]

    async def test_every_look_up_is_kept_without_its_value(
        self, register: Any, regular: Any, hub: Any
    ) -> None:
        await register.post(RESOLVE, {"value": regular.card})
        await register.post(RESOLVE, {"value": "2900000099999"})
        async with hub.database.begin() as conn:
            rows = (
                await conn.execute(
                    text("SELECT terminal_id, scheme, outcome, member_id, lookup::text FROM lookup")
                )
            ).all()
        kept = [tuple(row[:4]) for row in rows[-2:]]
        terminal = register.credential.terminal
        assert kept == [
            (terminal, "auto", "found", regular.id),
            (terminal, "auto", "none", None),
        ]
        assert not any(regular.card in row[4] for row in rows)
