"""Shoppers' browsers at a vendor's shop: their points, and codes for some of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from pydantic import BaseModel
from sqlalchemy import text
from structlog.testing import capture_logs

from renkei.bootstrap import Hub
from renkei.ledger.verify import verify
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.vendor import Vendor

START = datetime.now(UTC)
KEY = "5e0f7a2c-9a1b"

Visit = Callable[..., Any]


class Nothing(BaseModel):
    """Settings of shops that need none."""


class Front:
    """Passes on who it is, with a word that only it knows."""

    def __init__(self, connection: Connection[Nothing]) -> None:
        self._id = connection.id

    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        asked = dict(parse_qsl(delivery.query, keep_blank_values=True))
        if asked.get("word") != "mall":
            raise SignatureInvalid("not from the mall")
        who = asked["who"]
        return ExternalRef(connection=self._id, id=who) if who else None


class Needy(BaseModel):
    """Settings of a shop that needs one."""

    word: str


def broken(connection: Connection[Nothing]) -> Front:
    """A plugin's fault."""
    raise ZeroDivisionError("of somebody's data")


class Codes:
    """Takes every code."""

    codes_told = True

    def __init__(self, connection: Connection[Nothing]) -> None:
        self._id = connection.id

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        return None

    async def revoke(self, code: str) -> None:
        return None


@pytest.fixture
def vendors(vendors: dict[str, Vendor]) -> dict[str, Vendor]:
    mall = Vendor("mall", "Mall", Nothing, storefront=Front, coupons=Codes)
    plain = Vendor("plain", "Plain", Nothing, storefront=Front)
    needy = Vendor("needy", "Needy", Needy, storefront=Front)
    faulty = Vendor("faulty", "Faulty", Nothing, storefront=broken)
    return {**vendors, "mall": mall, "plain": plain, "needy": needy, "faulty": faulty}


@pytest.fixture
async def hanako(hub: Hub, regular: Any, add_connection: Any) -> Any:
    """The regular, who has 500 points, as customer c1 of the mall and of the plain shop."""
    for id in ("mall", "plain"):
        await add_connection(id, {}, vendor=id)
        proven = Identity(kind=IdentityKind.EMAIL, value=regular.email, grade=Grade.VERIFIED)
        own = Identity(kind=IdentityKind.VENDOR_CUSTOMER, scope=id, value="c1", grade=Grade.STRONG)
        ref = ExternalRef(connection=id, id="c1")
        found = await hub.booking.enrol(Member(ref=ref, changed_at=START, identities=(own, proven)))
        assert found.member == regular.id
    return regular


@pytest.fixture
def visit(client: httpx.AsyncClient, hanako: Any) -> Visit:
    """A browser's request at a shop; by nobody, or from elsewhere, where it is said."""

    async def ask(
        method: str, what: str, who: str = "c1", at: str = "mall", word: str = "mall", **more: Any
    ) -> httpx.Response:
        given = more | {"who": who, "word": word}
        return await client.request(method, f"/storefront/{at}/{what}", params=given)

    return ask


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_shopper_sees_the_points(visit: Visit) -> None:
    answer = await visit("GET", "points")
    assert answer.json() == {"signed_in": True, "member": True, "spendable": 500, "pending": 0}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("vendor", ["needy", "faulty", "uninstalled"])
async def test_a_shop_whose_plugin_cannot_work_is_to_be_asked_again(
    visit: Visit, add_connection: Any, vendor: str
) -> None:
    await add_connection("lame", {}, vendor=vendor)
    with capture_logs() as logs:
        assert refusal(await visit("GET", "points", at="lame")) == (503, "unavailable")
    assert [one["connection"] for one in logs if one["event"] == "shopper_not_answered"] == ["lame"]
    assert "somebody" not in str(logs)


async def test_a_stranger_sees_nothing(visit: Visit) -> None:
    nothing = {"member": False, "spendable": 0, "pending": 0}
    assert (await visit("GET", "points", who="")).json() == {"signed_in": False, **nothing}
    assert (await visit("GET", "points", who="c9")).json() == {"signed_in": True, **nothing}


async def test_points_become_a_code_which_pays_for_an_order(visit: Visit, hub: Hub) -> None:
    made = (await visit("POST", "holds", points=300, key=KEY)).json()
    assert (made["points"], made["yen"], made["state"]) == (300, 300, "wanted")
    assert (await visit("GET", "points")).json()["spendable"] == 200
    paid = Order(
        ref=ExternalRef(connection="mall", id="o1"),
        changed_at=START + timedelta(seconds=1),
        placed_at=START,
        state=OrderState.PAID,
        customer=ExternalRef(connection="mall", id="c1"),
        lines=(LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000),),
        hold_codes=(made["code"],),
    )
    settled = await hub.booking.settle(paid, read_at=None, delivery_key=None)
    assert settled.redeemed == 300
    assert (await visit("GET", "holds", hold=made["hold"])).json()["state"] == "used"
    async with hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_the_same_wish_again_is_the_same_code(visit: Visit) -> None:
    first = (await visit("POST", "holds", points=300, key=KEY)).json()
    assert (await visit("POST", "holds", points=300, key=KEY)).json() == first
    assert refusal(await visit("POST", "holds", points=200, key=KEY)) == (409, "key_reused")
    assert (await visit("GET", "points")).json()["spendable"] == 200


async def test_a_code_that_is_given_back_sets_the_points_free(visit: Visit) -> None:
    made = (await visit("POST", "holds", points=300, key=KEY)).json()
    for _ in range(2):
        back = (await visit("POST", "holds/release", hold=made["hold"])).json()
        assert back["state"] in ("unwanted", "revoked")
    assert (await visit("GET", "points")).json()["spendable"] == 500


async def test_no_more_than_there_is_is_set_aside(visit: Visit) -> None:
    assert refusal(await visit("POST", "holds", points=501, key=KEY)) == (
        409,
        "insufficient_points",
    )


async def test_whoever_plays_with_codes_gets_no_more_of_them(visit: Visit) -> None:
    for number in range(20):
        made = (await visit("POST", "holds", points=1, key=f"{KEY}-{number}")).json()
        await visit("POST", "holds/release", hold=made["hold"])
    answer = await visit("POST", "holds", points=1, key=f"{KEY}-more")
    assert refusal(answer) == (429, "codes_exhausted")


@pytest.mark.parametrize("who", ["", "c9"])
async def test_who_is_no_member_gets_no_code(visit: Visit, who: str) -> None:
    answer = await visit("POST", "holds", who=who, points=1, key=KEY)
    assert refusal(answer) == (404, "member_not_found")


@pytest.mark.parametrize("who", ["", "c9"])
@pytest.mark.parametrize(("method", "what"), [("GET", "holds"), ("POST", "holds/release")])
async def test_anothers_code_is_not_found(visit: Visit, who: str, method: str, what: str) -> None:
    made = (await visit("POST", "holds", points=300, key=KEY)).json()
    assert refusal(await visit(method, what, who=who, hold=made["hold"])) == (404, "hold_not_found")
    assert (await visit("GET", "points")).json()["spendable"] == 200


@pytest.mark.parametrize(
    ("method", "what"),
    [("GET", "points"), ("POST", "holds"), ("GET", "holds"), ("POST", "holds/release")],
)
async def test_what_the_vendor_does_not_vouch_for_is_refused(
    visit: Visit, method: str, what: str
) -> None:
    answer = await visit(method, what, word="wall", points=1, key=KEY, hold="hld_1")
    assert refusal(answer) == (401, "delivery_refused")


@pytest.mark.parametrize("at", ["signing", "nowhere", "NO-NAME"])
async def test_a_shop_without_a_storefront_is_none(visit: Visit, at: str) -> None:
    assert refusal(await visit("GET", "points", at=at)) == (404, "connection_unknown")


async def test_where_no_code_can_be_issued_no_points_are_usable(visit: Visit, hub: Hub) -> None:
    answer = await visit("POST", "holds", at="plain", points=300, key=KEY)
    assert refusal(answer)[1] == "points_not_usable"
    async with hub.database.begin() as conn:
        held = (await conn.execute(text("SELECT count(*) FROM hold"))).scalar_one()
    assert held == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"points": 0, "key": KEY},
        {"points": "many", "key": KEY},
        {"points": 1},
        {"points": 1, "key": "short"},
        {"points": 1, "key": "a/b/c/d/e/f"},
    ],
)
async def test_a_wish_that_is_none_is_refused(visit: Visit, asked: dict[str, Any]) -> None:
    assert refusal(await visit("POST", "holds", **asked)) == (422, "request_invalid")
