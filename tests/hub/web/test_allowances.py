"""Points used offline: set aside before, signed for one till, counted, reported, given back."""

import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from renkei.ledger.verify import verify
from renkei.services.till.allowance import GiveAllowance
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.allowance import AllowanceRequest

ALLOWANCES = "/pos/v1/allowances"
BATCHES = "/pos/v1/batches"
SALES = "/pos/v1/transactions"
HOLDS = "/pos/v1/holds"
RESOLVE = "/pos/v1/members:resolve"


@pytest.fixture
async def offline(publish: Any) -> None:
    """Up to 400 points for a day, and a day more to report them."""
    await publish({"offline": {"points": 400, "hours": 24, "grace_hours": 24}})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def spendable(register: Any, card: str) -> int:
    return int((await register.post(RESOLVE, {"value": card})).json()["spendable"])


async def give(register: Any, member: str, points: int = 400, key: str = "a1") -> dict[str, Any]:
    answer = await register.post(ALLOWANCES, {"key": key, "member": member, "points": points})
    assert answer.status_code == 200, answer.text
    given: dict[str, Any] = answer.json()
    return given


async def close(register: Any, given: dict[str, Any], last: int, points: int) -> dict[str, Any]:
    report = {"last_counter": last, "points_used": points}
    answer = await register.post(f"{ALLOWANCES}/{given['allowance']}:close", report)
    assert answer.status_code == 200, answer.text
    closed: dict[str, Any] = answer.json()
    return closed


def paid(sale: dict[str, Any], given: dict[str, Any], counter: int) -> dict[str, Any]:
    return sale | {"allowance": {"id": given["allowance"], "counter": counter}}


async def alerts(hub: Any) -> list[str]:
    async with hub.database.begin() as conn:
        found = await conn.execute(text("SELECT kind FROM alert ORDER BY kind"))
        return list(found.scalars())


async def findings(hub: Any) -> tuple[Any, ...]:
    async with hub.database.begin() as conn:
        return (await verify(conn)).findings


@pytest.mark.usefixtures("offline")
class TestUse:
    """An allowance pays for several sales, and what is left flows back."""

    async def test_the_rest_stays_held_from_sale_to_sale_until_the_till_reports(
        self, register: Any, regular: Any, new_sale: Any, hub: Any, client: httpx.AsyncClient
    ) -> None:
        given = await give(register, regular.id)
        assert (given["spendable"], await give(register, regular.id)) == (100, given)
        keys = KeySet.import_key_set((await client.get("/.well-known/renkei-keys.json")).json())
        token = jwt.decode(given["token"], keys, algorithms=["Ed25519"])
        assert token.header["typ"] == "renkei-allowance"
        assert token.claims["terminal"] == "shibuya/1"
        assert (token.claims["jti"], token.claims["points"]) == (given["allowance"], 400)
        first = paid(new_sale("1", regular.id, yen=150, points_used=150), given, 1)
        assert (await register.post(SALES, first)).json()["spendable"] == 100
        assert (await register.post(SALES, first)).json()["spendable"] == 100
        fact = paid(new_sale("2", regular.id, yen=100, points_used=100, occurred=True), given, 2)
        assert (await register.post(SALES, fact)).json()["spendable"] == 100
        assert (await findings(hub), await alerts(hub)) == ((), [])
        closed = await close(register, given, 2, 250)
        assert (closed["booked"], closed["difference"], closed["missing"]) == (250, 0, [])
        assert (closed["released"], closed["held"], closed["spendable"]) == (150, 0, 250)
        again = await close(register, given, 2, 250)
        assert (again["released"], again["spendable"]) == (0, 250)
        assert (await findings(hub), await alerts(hub)) == ((), [])

    async def test_what_is_held_cannot_be_used_elsewhere_and_the_whole_can_be_used(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        given = await give(register, regular.id)
        more = {"key": "h", "member": regular.id, "points": 101}
        assert refusal(await register.post(HOLDS, more)) == (409, "insufficient_points")
        hold = await self._hold_of(hub)
        for path in (f"{HOLDS}/{hold}:release", f"{HOLDS}/{hold}:extend"):
            await register.post(path, {} if path.endswith("extend") else None)
        assert await spendable(register, regular.card) == 100
        sale = paid(new_sale("1", regular.id, yen=400, points_used=400), given, 1)
        assert (await register.post(SALES, sale)).json()["used"] == 400
        assert (await close(register, given, 1, 400))["released"] == 0
        assert await findings(hub) == ()

    async def _hold_of(self, hub: Any) -> str:
        async with hub.database.begin() as conn:
            row = (await conn.execute(text("SELECT member_id, version FROM hold"))).one()
        return f"hld_{row[0].removeprefix('mem_')}_{row[1]}"

    async def test_a_restated_sale_uses_it_again_under_its_own_count(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        given = await give(register, regular.id)
        for revision, points in ((1, 100), (2, 300), (3, 50)):
            sale = new_sale("1", regular.id, yen=300, points_used=points, revision=revision)
            answer = await register.post(SALES, paid(sale, given, 1))
            assert answer.json()["used"] == points
        assert (await close(register, given, 1, 50))["released"] == 100
        assert (await spendable(register, regular.card), await findings(hub)) == (452, ())

    async def test_a_voided_sale_used_nothing_and_an_honest_report_agrees(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        given = await give(register, regular.id)
        for revision, voided in ((1, False), (2, True)):
            sale = new_sale("1", regular.id, yen=300, points_used=100, revision=revision)
            await register.post(SALES, paid(sale | {"voided": voided}, given, 1))
        closed = await close(register, given, 1, 0)
        assert (closed["booked"], closed["difference"], closed["missing"]) == (0, 0, [])
        assert (await alerts(hub), await findings(hub)) == ([], ())

    async def test_a_sale_keeps_the_count_it_has(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        given = await give(register, regular.id)
        sale = new_sale("1", regular.id, yen=300, points_used=100)
        await register.post(SALES, paid(sale, given, 1))
        again = paid(sale | {"revision": 2}, given, 2)
        assert refusal(await register.post(SALES, again)) == (409, "allowance_counter")


@pytest.mark.usefixtures("offline")
class TestRefusals:
    """What an allowance does not cover."""

    async def test_a_request_is_refused_where_it_does_not_fit(
        self,
        register: Any,
        regular: Any,
        new_sale: Any,
        client: httpx.AsyncClient,
        add_terminal: Any,
    ) -> None:
        given = await give(register, regular.id)
        sale = new_sale("1", regular.id, yen=900, points_used=100)
        told = await register.post(SALES, paid(sale, given, 2))
        assert refusal(told) == (409, "allowance_counter")
        too_much = paid(sale | {"points_used": 401}, given, 1)
        assert refusal(await register.post(SALES, too_much)) == (409, "allowance_exceeded")
        foreign = paid(sale, given | {"allowance": "alw_nobody"}, 1)
        assert refusal(await register.post(SALES, foreign)) == (404, "allowance_not_found")
        assert (await register.post(SALES, paid(sale, given, 1))).status_code == 200
        second = paid(new_sale("2", regular.id, points_used=100), given, 1)
        assert refusal(await register.post(SALES, second)) == (409, "allowance_counter")
        both = paid(sale, given, 1) | {"hold": "hld_x_1"}
        assert refusal(await register.post(SALES, both)) == (422, "request_invalid")
        other = type(register)(client, await add_terminal("2"))
        theirs = paid(new_sale("3", regular.id, points_used=10), given, 2)
        theirs["sale"] |= {"till": "2"}
        assert refusal(await other.post(SALES, theirs)) == (404, "allowance_not_found")
        closing = await other.post(
            f"{ALLOWANCES}/{given['allowance']}:close", {"last_counter": 0, "points_used": 0}
        )
        assert refusal(closing) == (404, "allowance_not_found")

    async def test_the_program_limits_points_and_time(self, register: Any, regular: Any) -> None:
        ask = {"key": "a", "member": regular.id, "points": 401}
        assert refusal(await register.post(ALLOWANCES, ask)) == (422, "allowance_limit")
        ask = {"key": "a", "member": regular.id, "points": 1, "ttl_seconds": 86_401}
        assert refusal(await register.post(ALLOWANCES, ask)) == (422, "allowance_limit")
        register.headers = {"Renkei-Training": "true"}
        assert (await give(register, regular.id))["token"] == ""

    async def test_a_fact_that_does_not_fit_is_booked_and_a_person_is_told(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        given = await give(register, regular.id)
        fact = new_sale("1", regular.id, yen=900, points_used=450, occurred=True)
        first = (await register.post(SALES, paid(fact, given, 1))).json()
        assert (first["used"], first["spendable"]) == (450, 54)
        fact = new_sale("2", regular.id, yen=60, points_used=60, occurred=True)
        second = (await register.post(SALES, paid(fact, given, 1))).json()
        assert (second["used"], second["spendable"]) == (60, 0)
        assert await alerts(hub) == ["allowance_exceeded", "allowance_misused", "overdraft"]
        assert await findings(hub) == ()


async def test_it_is_off_unless_the_program_says_otherwise(register: Any, regular: Any) -> None:
    ask = {"key": "a", "member": regular.id, "points": 1}
    assert refusal(await register.post(ALLOWANCES, ask)) == (403, "allowance_not_allowed")


class TestReport:
    """What the till says at the end, and what its sales said."""

    @pytest.mark.usefixtures("offline")
    async def test_what_no_sale_has_told_yet_stays_held_and_a_person_is_told_once(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        given = await give(register, regular.id)
        sale = new_sale("1", regular.id, yen=100, points_used=100)
        await register.post(SALES, paid(sale, given, 1))
        for _ in range(2):
            closed = await close(register, given, 3, 220)
            assert (closed["difference"], closed["missing"]) == (120, [2, 3])
            assert (closed["held"], closed["spendable"]) == (120, 280)
        assert (await alerts(hub), await findings(hub)) == (["allowance_differs"], ())
        late = [
            paid(new_sale(receipt, regular.id, yen=60, points_used=60), given, counter)
            for receipt, counter in (("3", 3), ("2", 2))
        ]
        lines = [
            {"type": "commit", "sequence": n, "device_time": sale["sold_at"], "body": sale}
            for n, sale in enumerate(late, 1)
        ]
        register.headers = {"Content-Type": "application/x-ndjson"}
        told = await register.send(BATCHES, "\n".join(map(json.dumps, lines)).encode())
        assert [one["status"] for one in told.json()["results"]] == ["applied", "applied"]
        register.headers = {}
        closed = await close(register, given, 3, 220)
        assert (closed["difference"], closed["held"], closed["spendable"]) == (0, 0, 280)
        assert (await alerts(hub), await findings(hub)) == (["allowance_differs"], ())

    async def test_unreported_it_lapses_and_a_later_report_is_owed_with_an_alert(
        self, register: Any, regular: Any, new_sale: Any, hub: Any, publish: Any
    ) -> None:
        await publish({"offline": {"points": 500, "hours": 24, "grace_hours": 0}})
        terminal = Terminal(register.credential.terminal, "pos", "shibuya", "1")
        ask = AllowanceRequest(key="a", member=regular.id, points=500)
        short = ask.model_copy(update={"ttl_seconds": 1})
        command = GiveAllowance(short, terminal, "alw_1", hub.ring)
        given = (await hub.ledger.submit(command)).model_dump(mode="json")
        while not await hub.booking.lapse_holds():
            pass  # it takes a second
        assert await spendable(register, regular.card) == 500
        elsewhere = new_sale("1", regular.id, yen=450, points_used=450)
        assert (await register.post(SALES, elsewhere)).json()["spendable"] == 50
        late = new_sale("2", regular.id, yen=100, points_used=100, occurred=True)
        booked = (await register.post(SALES, paid(late, given, 1))).json()
        assert (booked["used"], booked["spendable"]) == (100, 0)
        assert await alerts(hub) == ["allowance_exceeded", "overdraft"]
        closed = await close(register, given, 1, 100)
        assert (closed["difference"], closed["released"]) == (0, 0)
        assert await findings(hub) == ()
