"""What can be done at the twin register, what it then sends, and what the plugin makes of it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.event import Changed
from renkei_contracts.member import IdentityKind, MemberState
from renkei_contracts.order import OrderState
from renkei_contracts.paging import Window
from renkei_contracts.stage import STRAIGHT, Mischief, Shopper
from renkei_contracts.testing import Bench
from renkei_smaregi.plugin import VENDOR
from renkei_smaregi.twin import SmaregiTwin
from renkei_smaregi.twin_app import TOKEN_SECONDS
from renkei_smaregi.twin_pos import CATALOGUE

HANAKO = Shopper("hanako@example.jp", "山田", "花子", card="2100000000012")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(VENDOR) as bench:
        yield bench
        assert bench.twin.schema.complaints == []


@pytest.fixture
def stage(bench: Bench) -> SmaregiTwin:
    return _stage(bench)


def _stage(bench: Bench) -> SmaregiTwin:
    assert isinstance(bench.twin, SmaregiTwin)
    return bench.twin


def told(sent: list[Delivery]) -> list[tuple[str, str]]:
    """Event and action of each delivery."""
    bodies = [json.loads(one.body) for one in sent]
    return [(body["event"], body["action"]) for body in bodies]


def hinted(bench: Bench, sent: list[Delivery]) -> list[tuple[str, str]]:
    """What the plugin wants to read again."""
    hints = [seen for one in sent for seen in bench.webhooks().read(one)]
    assert all(isinstance(one, Changed) for one in hints)
    return [(one.kind, one.ref.id) for one in hints if isinstance(one, Changed)]


class TestMembers:
    async def test_one_made_at_the_register_is_told(self, bench: Bench, stage: SmaregiTwin) -> None:
        sent = await bench.deliveries(lambda: stage.register(HANAKO))
        assert told(sent) == [("pos:customers", "created")]
        assert hinted(bench, sent) == [("member", "1")]
        member = await bench.members().fetch("1")
        assert (member.family_name, member.given_name) == ("山田", "花子")
        assert [(one.kind, one.value) for one in member.identities[1:]] == [
            (IdentityKind.CARD, HANAKO.card),
            (IdentityKind.EMAIL, HANAKO.email),
        ]
        assert await stage.points_shown(HANAKO.card) == 0

    async def test_one_without_card_and_address_gets_a_code(
        self, bench: Bench, stage: SmaregiTwin
    ) -> None:
        id = await stage.register(Shopper("", "山田", "花子"))
        member = await bench.members().fetch(id)
        assert [one.kind for one in member.identities] == [
            IdentityKind.VENDOR_CUSTOMER,
            IdentityKind.CARD,
        ]

    async def test_a_card_that_is_known_makes_no_second_member(
        self, bench: Bench, stage: SmaregiTwin
    ) -> None:
        id = await stage.register(HANAKO)
        assert await bench.deliveries(lambda: stage.register(HANAKO)) == []
        assert await stage.register(HANAKO) == id

    async def test_a_new_name_is_told(self, bench: Bench, stage: SmaregiTwin) -> None:
        id = await stage.register(HANAKO)
        other = Shopper("new@example.jp", "鈴木", "花子")
        sent = await bench.deliveries(lambda: stage.rename(id, other))
        assert told(sent) == [("pos:customers", "edited")]
        assert (await bench.members().fetch(id)).family_name == "鈴木"

    async def test_one_who_leaves_is_withdrawn(self, bench: Bench, stage: SmaregiTwin) -> None:
        id = await stage.register(HANAKO)
        sent = await bench.deliveries(lambda: stage.withdraw(id))
        assert hinted(bench, sent) == [("member", id)]
        assert (await bench.members().fetch(id)).state is MemberState.WITHDRAWN

    @pytest.mark.parametrize("points", [0, 77])
    async def test_points_changed_by_hand_are_read_but_not_told(
        self, bench: Bench, stage: SmaregiTwin, points: int
    ) -> None:
        id = await stage.register(HANAKO)
        stage.twin.pos.points[id] = 50
        assert await bench.deliveries(lambda: stage.adjust(id, points)) == []
        assert await bench.balances().read(id) == await stage.points_shown(HANAKO.card) == points


class TestSales:
    async def test_what_is_owed_is_what_the_lines_say(
        self, bench: Bench, stage: SmaregiTwin
    ) -> None:
        id = await stage.sell("", CATALOGUE, 0, STRAIGHT)
        order = await bench.orders().fetch(id)
        assert await stage.charged(id) == {800: 3_240, 1000: 15_400}
        assert sum(line.amount for line in order.lines) == 18_640

    @pytest.mark.parametrize(
        ("mischief", "times"),
        [(STRAIGHT, 1), (Mischief(times=2, reversed=True), 2), (Mischief(lost=True), 0)],
        ids=["straight", "twice", "lost"],
    )
    async def test_a_voided_sale_is_told_and_owes_nothing(
        self, bench: Bench, stage: SmaregiTwin, mischief: Mischief, times: int
    ) -> None:
        id = await stage.sell("", CATALOGUE[:2], 0, STRAIGHT)
        sent = await bench.deliveries(lambda: stage.cancel(id, mischief))
        assert told(sent) == [("pos:transactions", "canceled")] * times
        assert hinted(bench, sent) == [("order", id)] * times
        assert (await bench.orders().fetch(id)).state is OrderState.CANCELLED
        assert await stage.charged(id) == {}

    async def test_a_sale_is_undone_once(self, stage: SmaregiTwin) -> None:
        id = await stage.sell("", CATALOGUE[:1], 0, STRAIGHT)
        await stage.cancel(id)
        with pytest.raises(ValueError, match="already"):
            await stage.cancel(id)

    async def test_a_sale_undone_by_a_record_owes_nothing(self, stage: SmaregiTwin) -> None:
        id = await stage.sell("", CATALOGUE[:1], 0, STRAIGHT)
        record = stage.twin.pos.dispose(id)["transactionHeadId"]
        assert await stage.charged(id) == await stage.charged(record) == {}

    async def test_pages_are_as_long_as_the_connection_asks(
        self, bench: Bench, stage: SmaregiTwin
    ) -> None:
        for _ in range(3):
            await stage.sell("", CATALOGUE[:1], 0, STRAIGHT)
        hour = timedelta(hours=1)
        window = Window(bench.clock() - hour, bench.clock() + hour)
        page = await bench.orders().changed(window, None)
        assert len(page.items) == 2
        assert page.cursor is not None


class TestSecrets:
    async def test_while_the_header_changes_both_values_are_genuine(
        self, bench: Bench, stage: SmaregiTwin
    ) -> None:
        first = stage.settings()
        (old,) = await bench.deliveries(lambda: stage.register(HANAKO))
        await stage.rotate()
        (new,) = await bench.deliveries(lambda: stage.register(Shopper("", "鈴木", "太郎")))
        for delivery in (old, new):
            bench.webhooks().verify(delivery, bench.clock())
        with pytest.raises(SignatureInvalid):
            bench.webhooks(first).verify(new, bench.clock())

    async def test_a_token_ends_by_the_twins_clock(self, bench: Bench, stage: SmaregiTwin) -> None:
        id = await stage.register(HANAKO)
        members = bench.members()
        await members.fetch(id)
        bench.clock.forward(timedelta(seconds=TOKEN_SECONDS))
        await members.fetch(id)
        assert stage.twin.granted == 2
