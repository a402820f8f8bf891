"""The feed: what it tells of, from the beginning and from a cursor, and that it skips nothing."""

import asyncio
import base64
import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from renkei.ledger.journal import FEED_LANE
from renkei.ledger.statements import FEED
from renkei.loyalty.program import Program
from renkei.services.members.merge import MergeMembers
from renkei.services.setup.programs import publish
from renkei.services.setup.stores import set_store
from renkei.services.till import credentials
from renkei.services.till.feed import cursor_of, position
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member

CHANGES = "/pos/v1/changes"
SNAPSHOT = "/pos/v1/snapshot"
SALES = "/pos/v1/transactions"


async def since(register: Any, cursor: str, types: str = "") -> dict[str, Any]:
    query = f"cursor={cursor}" + (f"&types={types}" if types else "")
    page: dict[str, Any] = (await register.get(CHANGES, query)).json()
    return page


async def at_the_end(register: Any) -> str:
    return str((await register.get(CHANGES, "limit=200")).json()["next_cursor"])


async def other_member(hub: Any) -> str:
    ref = ExternalRef(connection="signing", id="c2")
    member = (await hub.booking.enrol(Member(ref=ref, changed_at=hub.clock()))).member
    return str(member)


class TestWhatItTells:
    """Every kind of change, and the tombstones."""

    async def test_a_sale_tells_of_the_balance_and_a_new_member_of_both(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        cursor = await at_the_end(register)
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        newcomer = await other_member(hub)
        page = await since(register, cursor)
        told = [(one["type"], one["member"]) for one in page["data"]]
        assert told == [("balance", regular.id), ("balance", newcomer), ("member", newcomer)]
        assert page["data"][0]["spendable"] == 600

    async def test_rules_and_stores_are_told_of_when_they_are_set(
        self, register: Any, regular: Any, hub: Any
    ) -> None:
        cursor = await at_the_end(register)
        await publish(hub.database, Program(title="二倍"), hub.clock() + timedelta(days=1))
        await set_store(hub.database, "pos", "shibuya", "tokyo", 120)
        await set_store(hub.database, "signing", "elsewhere", None, 60)
        still, rule, store = (await since(register, cursor, "rule,store"))["data"]
        assert (still["version"], rule["version"]) == (1, 2), "the first until the second begins"
        assert (rule["program"], len(rule["digest"])) == ("default", 64)
        assert (store["store"], store["area"], store["day_ends"]) == ("shibuya", "tokyo", 120)

    async def test_a_merged_member_leaves_a_tombstone_that_says_who_remains(
        self, register: Any, regular: Any, hub: Any
    ) -> None:
        gone = await other_member(hub)
        cursor = await at_the_end(register)
        await hub.ledger.submit(MergeMembers(gone, regular.id, "test"))
        told = (await since(register, cursor, "member"))["data"]
        tombs = [(one["member"], one["merged_into"]) for one in told if one["deleted"]]
        assert tombs == [(gone, regular.id)]


class TestSnapshot:
    """Everything, to begin with."""

    async def test_pages_hold_every_member_once_and_changes_go_on_from_its_cursor(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        newcomer = await other_member(hub)
        first = (await register.get(SNAPSHOT, "limit=1")).json()
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        second = (await register.get(SNAPSHOT, f"limit=1&page={first['next']}")).json()
        assert second["next"] is None
        data = first["data"] + second["data"]
        members = [one["member"] for one in data if one["type"] == "member"]
        assert sorted(members) == sorted([regular.id, newcomer])
        assert [one["version"] for one in data if one["type"] == "rule"] == [1]
        missed = (await since(register, second["cursor"], "balance"))["data"]
        assert [one["spendable"] for one in missed] == [600]

    async def test_the_rules_in_force_are_there_beside_those_to_come(
        self, register: Any, regular: Any, publish: Any
    ) -> None:
        await publish({"earn": {"percent": 200}})
        await publish({"earn": {"percent": 300}}, "2200-01-02T00:00:00Z")
        for path in (f"{SNAPSHOT}?types=rule", f"{CHANGES}?types=rule"):
            told = (await register.get(*path.split("?"))).json()["data"]
            assert [one["version"] for one in told] == [2, 3]
            assert told[1]["in_force_from"] == "2200-01-02T00:00:00Z"

    async def test_rules_that_were_to_come_and_never_will_be_in_force_are_not_told(
        self, register: Any, regular: Any, hub: Any
    ) -> None:
        week = hub.clock() + timedelta(days=7)
        await publish(hub.database, Program(title="二倍"), week)
        await publish(hub.database, Program(title="三倍"), week + timedelta(days=1))
        sooner = week - timedelta(days=2)
        await publish(hub.database, Program(), sooner, replace_scheduled=True)
        told = (await register.get(SNAPSHOT, "types=rule")).json()["data"]
        assert [one["version"] for one in told] == [1, 4]


class TestCheapPolls:
    """A register that polls every half minute."""

    async def test_nothing_new_is_304_until_something_is(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        answer = await register.get(CHANGES, "limit=200")
        tag, cursor = answer.headers["etag"], answer.json()["next_cursor"]
        register.headers = {"If-None-Match": tag}
        assert (await register.get(CHANGES, f"cursor={cursor}")).status_code == 304
        register.headers = {}
        await register.post(SALES, new_sale("1001", regular.id))
        register.headers = {"If-None-Match": tag}
        answer = await register.get(CHANGES, f"cursor={cursor}")
        assert (answer.status_code, len(answer.json()["data"])) == (200, 1)

    async def test_sales_are_no_news_for_who_keeps_rules_and_stores(
        self, register: Any, regular: Any, new_sale: Any, hub: Any
    ) -> None:
        query = "types=rule,store"
        answer = await register.get(CHANGES, query)
        tag, cursor = answer.headers["etag"], answer.json()["next_cursor"]
        for receipt in ("1001", "1002", "1003"):
            await register.post(SALES, new_sale(receipt, regular.id))
        register.headers = {"If-None-Match": tag}
        again = f"{query}&cursor={cursor}"
        assert (await register.get(CHANGES, again)).status_code == 304
        await set_store(hub.database, "pos", "shibuya", "tokyo", 120)
        page = (await register.get(CHANGES, f"{again}&limit=1")).json()
        assert [one["type"] for one in page["data"]] == ["store"]
        assert (page["has_more"], page["next_cursor"]) == (False, await at_the_end(register))

    async def test_a_poll_without_news_leaves_no_line_in_the_log(self, register: Any) -> None:
        answer = await register.get(CHANGES)
        register.headers = {"If-None-Match": answer.headers["etag"]}
        again = f"cursor={answer.json()['next_cursor']}"
        with capture_logs() as logs:
            assert (await register.get(CHANGES, again)).status_code == 304
        assert [one["log_level"] for one in logs if one["event"] == "request"] == ["debug"]

    async def test_a_mark_of_nobodys_is_no_tag(self, register: Any, regular: Any) -> None:
        register.headers = {"If-None-Match": 'W/"nobody\'s"'}
        assert (await register.get(CHANGES)).status_code == 200

    async def test_a_page_looks_only_so_far_for_what_is_asked(
        self, register: Any, regular: Any, hub: Any, monkeypatch: Any
    ) -> None:
        await set_store(hub.database, "pos", "shibuya", "tokyo", 120)
        monkeypatch.setattr("renkei.services.till.feed.FARTHEST", 1)
        page: dict[str, Any] = {"next_cursor": cursor_of(0), "has_more": True}
        pages = []
        while page["has_more"]:
            page = await since(register, page["next_cursor"], "store")
            pages.append([one["store"] for one in page["data"]])
        assert len(pages) > 2
        assert (pages[0], pages[-1]) == ([], ["shibuya"])

    async def test_the_newest_tag_hides_nothing_from_a_cursor_that_is_behind(
        self, register: Any, regular: Any
    ) -> None:
        answer = await register.get(CHANGES, "limit=200")
        register.headers = {"If-None-Match": answer.headers["etag"]}
        again = await register.get(CHANGES, "limit=200")
        assert again.status_code == 200
        assert len(again.json()["data"]) == len(answer.json()["data"]) > 0

    @pytest.mark.parametrize("said", ["W/{}", '"other", {}'])
    async def test_a_tag_that_a_proxy_made_weak_or_put_in_a_list_is_known(
        self, register: Any, regular: Any, said: str
    ) -> None:
        answer = await register.get(CHANGES, "limit=200")
        register.headers = {"If-None-Match": said.format(answer.headers["etag"])}
        cursor = answer.json()["next_cursor"]
        assert (await register.get(CHANGES, f"cursor={cursor}")).status_code == 304

    async def test_a_long_poll_is_answered_by_the_next_change(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        cursor = await at_the_end(register)
        waiting = asyncio.create_task(register.get(CHANGES, f"cursor={cursor}&wait=50"))
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        async with asyncio.timeout(20):
            page = (await waiting).json()
        assert [one["spendable"] for one in page["data"]] == [600]

    async def test_a_till_that_is_disabled_while_it_waits_hears_nothing_more(
        self, register: Any, regular: Any, hub: Any, monkeypatch: Any
    ) -> None:
        cursor, waits, begin = await at_the_end(register), asyncio.Event(), hub.wakers.register

        def registered() -> asyncio.Event:
            waits.set()
            event: asyncio.Event = begin()
            return event

        monkeypatch.setattr(hub.wakers, "register", registered)
        waiting = asyncio.create_task(register.get(CHANGES, f"cursor={cursor}&wait=50"))
        await waits.wait()
        async with hub.database.begin() as conn:
            await credentials.disable(conn, register.credential.terminal, hub.clock())
        await set_store(hub.database, "pos", "shibuya", "tokyo", 120)
        hub.wakers.wake()
        answer = await waiting
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


class TestMarks:
    """Cursors and page marks that the hub has not given."""

    async def test_a_cursor_beyond_the_end_is_not_known(self, register: Any, regular: Any) -> None:
        end = position(await at_the_end(register))
        assert (await register.get(CHANGES, f"cursor={cursor_of(end)}")).status_code == 200
        beyond = await register.get(CHANGES, f"cursor={cursor_of(end + 1)}")
        assert (beyond.status_code, beyond.json()["code"]) == (400, "cursor_unknown")

    async def test_a_page_mark_that_no_database_can_look_for_is_not_known(
        self, register: Any
    ) -> None:
        mark = base64.urlsafe_b64encode(f"s:{cursor_of(0)}:\0".encode()).decode().rstrip("=")
        answer = await register.get(SNAPSHOT, f"page={mark}")
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_unknown")


class TestTable:
    """A till that reads files."""

    async def test_a_table_in_cp932_has_every_column_and_its_cursor(
        self, register: Any, regular: Any
    ) -> None:
        answer = await register.get(CHANGES, "format=csv&charset=cp932&types=member")
        assert answer.headers["content-type"] == "text/csv; charset=Shift_JIS"
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("cp932"))))
        assert [(row["type"], row["card"]) for row in rows] == [("member", regular.card)]
        assert rows[0]["masked_name"].startswith("山")
        assert (rows[0]["merged_into"], rows[0]["code"]) == ("", "")
        assert answer.headers["renkei-cursor"] == await at_the_end(register)


async def test_no_change_is_skipped_when_a_transaction_that_came_first_commits_last(
    register: Any, regular: Any, hub: Any
) -> None:
    cursor = await at_the_end(register)
    values = {"n": 1, "lane": FEED_LANE, "p": f'[{{"k": "balance", "m": "{regular.id}", "v": 1}}]'}

    async def write(held: asyncio.Event, release: asyncio.Event) -> None:
        async with hub.database.begin() as conn:
            await conn.execute(text(FEED), values)
            held.set()
            await release.wait()

    slow_has, slow_may, fast_has, fast_may = (asyncio.Event() for _ in range(4))
    fast_may.set()
    async with asyncio.TaskGroup() as writers:
        writers.create_task(write(slow_has, slow_may))
        await slow_has.wait()
        fast = writers.create_task(write(fast_has, fast_may))
        for _ in range(20):  # the fast writer has every chance to come first
            page = await since(register, cursor, "balance")
            assert (page["data"], page["next_cursor"]) == ([], cursor)
        assert not fast.done()
        slow_may.set()
    async with hub.database.begin() as conn:
        numbers = (await conn.execute(text("SELECT feed_seq FROM feed ORDER BY 1"))).scalars().all()
    assert list(numbers) == list(range(1, len(numbers) + 1))
    assert len((await since(register, cursor, "balance"))["data"]) == 1
