"""Registers that dictate the format: a plugin that speaks XML in Shift_JIS, and the reference."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolExhausted
from structlog.testing import capture_logs

from renkei.bootstrap import Hub, new_id
from renkei.errors import Busy
from renkei.services.flow.watch_deliveries import WatchDeliveries
from renkei.services.till import credentials, terminals
from renkei.services.till.terminals import NewCredential
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import Observation
from renkei_contracts.order import TillKey
from renkei_contracts.reference.till.plugin import VENDOR as REFERENCE
from renkei_contracts.reference.till.twin_format import request, understood
from renkei_contracts.till import (
    CommitAnswer,
    CommitRequest,
    CouponHoldAnswer,
    HoldAnswer,
    HoldRequest,
    MemberAnswer,
    QuoteAnswer,
    ResolveMember,
    TillAnswer,
    TillCommand,
    TillProblem,
)
from renkei_contracts.toolkit.signature import require_secret
from renkei_contracts.toolkit.wire import parse
from renkei_contracts.twin.server import serve
from renkei_contracts.vendor import Vendor

SECRET = "the-shop-sends-this"
STORE = "渋谷"
XML = "application/xml; charset=Shift_JIS"


class XmlSettings(BaseModel):
    """One shop."""

    secret: SecretStr


class XmlWebhooks:
    """Only verifies: it sends nothing but its registers' requests."""

    signs_body = False
    tolerance = None

    def __init__(self, connection: Connection[XmlSettings]) -> None:
        self._secret = connection.settings.secret.get_secret_value()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        require_secret(delivery.header("X-Shop-Key"), self._secret, "shop key")

    def key(self, delivery: Delivery) -> str | None:
        return None

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return []


NAMES: dict[type[TillAnswer], str] = {
    MemberAnswer: "MEMBER",
    QuoteAnswer: "QUOTE",
    HoldAnswer: "HOLD",
    CouponHoldAnswer: "COUPON",
    CommitAnswer: "SALE",
    TillProblem: "ERROR",
}


class XmlTill:
    """``<LOOKUP …/>``, ``<HOLD …/>`` and ``<SALE …><LINE …/></SALE>``; store and till in each."""

    def __init__(self, connection: Connection[XmlSettings]) -> None:
        self._prefix = connection.id

    def command(self, delivery: Delivery) -> TillCommand:
        if delivery.method == "GET" and delivery.path == "lookup":
            (card,) = parse_qs(delivery.query).get("card", [""])
            return parse(ResolveMember, {"scheme": "card", "value": card}, "the query")
        asked = _element(delivery.body)
        told: dict[str, Any] = dict(asked.attrib)
        place = {"store": told.pop("store", ""), "till": told.pop("till", "")}
        for name in {"points", "points_used"} & set(told):
            told[name] = _whole(told[name])
        match asked.tag:
            case "LOOKUP":
                return parse(ResolveMember, {"scheme": "card", "value": told.get("card")}, "LOOKUP")
            case "HOLD":
                return parse(HoldRequest, told, "HOLD")
            case "SALE":
                key = place | {name: told.pop(name, "") for name in ("date", "receipt")}
                sale = {**place, "business_date": key["date"], "receipt_number": key["receipt"]}
                return parse(CommitRequest, told | {"sale": sale, "lines": _lines(asked)}, "SALE")
        raise PayloadInvalid("no request of this format")

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        fields = answer.model_dump(mode="json").items()
        flat = ((name, one) for name, one in fields if isinstance(one, str | int))
        said = " ".join(f"{name}={quoteattr(str(one))}" for name, one in flat)
        text = f'<?xml version="1.0" encoding="Shift_JIS"?>\n<{NAMES[type(answer)]} {said}/>'
        return text.encode("cp932", "xmlcharrefreplace"), XML

    def till(self, delivery: Delivery) -> tuple[str, str] | None:
        if delivery.method == "GET":
            return None
        named = _element(delivery.body).attrib
        return named.get("store", ""), named.get("till", "")


def _element(body: bytes) -> ElementTree.Element:
    try:
        text = body.decode("cp932")
        # No document type, so that there is no entity to expand.
        if "<!" in text:
            raise PayloadInvalid("only elements and their attributes are read")
        return ElementTree.fromstring(text)  # noqa: S314
    except (UnicodeDecodeError, ElementTree.ParseError):
        raise PayloadInvalid("the body is no XML in Shift_JIS") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise PayloadInvalid("a number is none")
    return int(text)


def _lines(asked: ElementTree.Element) -> list[dict[str, Any]]:
    return [
        {
            "id": str(at),
            "title": one.get("title", ""),
            "quantity": 1,
            "amount": _whole(one.get("yen", "")),
            "tax_rate": 1000,
        }
        for at, one in enumerate(asked.iter("LINE"))
    ]


class BrokenTill(XmlTill):
    """Its answers fail."""

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        raise KeyError("the author forgot something")


@pytest.fixture
def vendors() -> dict[str, Vendor]:
    settings = {"settings": XmlSettings, "webhooks": XmlWebhooks}
    return {
        "xml": Vendor("xml", "XML", **settings, till=XmlTill),
        "bare": Vendor("bare", "XML without webhooks", XmlSettings, till=XmlTill),
        "broken": Vendor("broken", "XML that fails", **settings, till=BrokenTill),
        "silent": Vendor("silent", "no registers", **settings),
        "reference-till": REFERENCE,
    }


@pytest.fixture
async def shop(hub: Hub, add_connection: Any) -> NewCredential:
    """The connection ``shop``, and the credential of its first till."""
    await add_connection("shop", {"secret": SECRET}, "xml")
    return await add_till(hub, "shop", STORE, "1")


async def add_till(hub: Hub, connection: str, store: str, till: str) -> NewCredential:
    async with hub.database.begin() as conn:
        return await terminals.add(
            conn, hub.ring, new_id, hub.clock(), connection=connection, store=store, till=till
        )


@pytest.fixture
async def http(app: FastAPI, shop: NewCredential) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's server, over a real socket."""
    async with serve(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        client.headers["X-Shop-Key"] = SECRET
        yield client


def heard(answer: httpx.Response, status: int = 200) -> tuple[str, dict[str, str]]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == XML
    element = ElementTree.fromstring(answer.content.decode("cp932"))  # noqa: S314
    return element.tag, dict(element.attrib)


def code(answer: httpx.Response, status: int = 200) -> str:
    tag, said = heard(answer, status)
    assert tag == "ERROR"
    assert 0 < len(said["message"]) <= 40
    return said["code"]


async def tell(http: httpx.AsyncClient, text: str, address: str = "/till/shop/v2/pos") -> Any:
    document = f'<?xml version="1.0" encoding="Shift_JIS"?>{text}'
    return await http.post(address, content=document.encode("cp932"))


def lookup(card: str, till: str = "1") -> str:
    return f'<LOOKUP store="{STORE}" till="{till}" card="{card}"/>'


def sold(member: str, hold: str, till: str = "1") -> str:
    return (
        f'<SALE store="{STORE}" till="{till}" date="2026-11-26" receipt="0042" member="{member}"'
        f' hold="{hold}" points_used="300" sold_at="2026-11-26T10:00:00+09:00">'
        '<LINE title="羊羹①" yen="1100"/></SALE>'
    )


async def test_a_register_that_speaks_xml_looks_up_holds_and_sells(
    http: httpx.AsyncClient, regular: Any
) -> None:
    tag, member = heard(await tell(http, lookup(regular.card)))
    assert (tag, member["member"], member["spendable"]) == ("MEMBER", regular.id, "500")
    assert "＊" in member["masked_name"]
    _, asked = heard(await http.get("/till/shop/lookup", params={"card": regular.card}))
    assert asked["member"] == regular.id
    place = f'store="{STORE}" till="1"'
    ask = f'<HOLD {place} key="h1" member="{regular.id}" points="300"/>'
    tag, held = heard(await tell(http, ask))
    assert (tag, held["points"], held["spendable"]) == ("HOLD", "300", "200")
    first, again = [await tell(http, sold(regular.id, held["hold"])) for _ in range(2)]
    tag, booked = heard(first)
    assert (tag, booked["used"], first.content) == ("SALE", "300", again.content)
    assert code(await tell(http, lookup("4900000000000"))) == "member_not_found"
    assert code(await tell(http, ask.replace("h1", "h2"))) == "insufficient_points"


async def test_what_is_not_from_the_shop_is_told_so_in_its_format(
    http: httpx.AsyncClient, regular: Any, count: Any
) -> None:
    before = await count("lookup")
    for key in ("", "another"):
        http.headers["X-Shop-Key"] = key
        assert code(await tell(http, lookup(regular.card)), 401) == "unauthorized"
    assert await count("lookup") == before


async def test_registers_that_are_refused_raise_the_alarm_of_their_connection(
    http: httpx.AsyncClient, regular: Any, hub: Hub
) -> None:
    assert heard(await tell(http, lookup(regular.card)))[0] == "MEMBER"
    http.headers["X-Shop-Key"] = "another"
    for _ in range(3):
        assert code(await tell(http, lookup(regular.card)), 401) == "unauthorized"
    await hub.counts.write()
    await WatchDeliveries(hub.database, hub.clock).look()
    async with hub.database.begin() as conn:
        rows = (await conn.execute(text("SELECT kind, connection_id, message FROM alert"))).all()
    ((kind, connection, message),) = [row for row in rows if row.kind.startswith("deliveries")]
    assert (kind, connection) == ("deliveries_refused", "shop")
    assert "3 of 4 deliveries" in message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<LOOKUP",
        "<LOOKUP card='羊'/>".encode(),
        b"<NONE/>",
        b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><LOOKUP card="&c;"/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><LOOKUP>&a;</LOOKUP>',
        b'<HOLD points="-1"/>',
    ],
)
async def test_what_is_no_request_is_refused_in_its_format(
    http: httpx.AsyncClient, body: bytes
) -> None:
    assert code(await http.post("/till/shop/v2/pos", content=body)) == "request_invalid"


async def test_every_till_is_known_by_its_name_and_the_only_one_without(
    http: httpx.AsyncClient, regular: Any, hub: Hub, shop: NewCredential
) -> None:
    assert code(await tell(http, lookup(regular.card, "9"))) == "till_unknown"
    assert code(await tell(http, lookup(regular.card, ""))) == "till_unknown"
    assert code(await tell(http, sold(regular.id, "hld_1_1", "9"))) == "till_unknown"
    second = await add_till(hub, "shop", STORE, "2")
    asked = {"card": regular.card}
    assert code(await http.get("/till/shop/lookup", params=asked)) == "till_not_named"
    assert heard(await tell(http, lookup(regular.card, "2")))[0] == "MEMBER"
    async with hub.database.begin() as conn:
        await credentials.disable(conn, second.terminal, hub.clock())
    assert code(await tell(http, lookup(regular.card, "2"))) == "till_unknown"
    assert heard(await http.get("/till/shop/lookup", params=asked))[0] == "MEMBER"


async def test_a_credential_of_the_till_is_accepted_in_place_of_the_vendors_proof(
    http: httpx.AsyncClient, regular: Any, register: Any, hub: Hub, shop: NewCredential
) -> None:
    del http.headers["X-Shop-Key"]
    http.headers["Authorization"] = f"Bearer {shop.key_id}.{shop.secret}"
    assert heard(await tell(http, lookup(regular.card)))[0] == "MEMBER"
    assert heard(await http.post("/till/shop", content=lookup("x").encode("cp932")))[0] == "ERROR"
    await add_till(hub, "shop", STORE, "2")
    other = sold(regular.id, "hld_1_1", "2")
    assert code(await tell(http, other)) == "sale_of_other_till"
    http.headers["Authorization"] = f"Bearer {shop.key_id}.wrong"
    assert code(await tell(http, lookup(regular.card)), 401) == "unauthorized"
    foreign = register.credential
    http.headers["Authorization"] = f"Bearer {foreign.key_id}.{foreign.secret}"
    assert code(await tell(http, lookup(regular.card)), 401) == "unauthorized"


async def test_a_gateway_asks_for_the_till_that_the_request_names(
    http: httpx.AsyncClient, regular: Any, hub: Hub, owner_engine: Any
) -> None:
    async with hub.database.begin() as conn:
        gateway = await terminals.add_gateway(
            conn, hub.ring, new_id, hub.clock(), connection="shop", name="headquarters"
        )
    async with owner_engine.begin() as conn:
        await conn.execute(text("UPDATE terminal_credential SET scopes = '{till:read,tills:any}'"))
    http.headers["Authorization"] = f"Bearer {gateway.key_id}.{gateway.secret}"
    assert heard(await tell(http, lookup(regular.card)))[0] == "MEMBER"
    assert code(await tell(http, lookup(regular.card, "9"))) == "till_unknown"
    assert code(await tell(http, sold(regular.id, "hld_1_1"))) == "scope_missing"


async def test_a_vendor_that_cannot_prove_itself_needs_a_credential(
    http: httpx.AsyncClient, hub: Hub, add_connection: Any, regular: Any
) -> None:
    await add_connection("bare", {"secret": SECRET}, "bare")
    known = await add_till(hub, "bare", STORE, "1")
    assert code(await tell(http, lookup(regular.card), "/till/bare"), 401) == "unauthorized"
    http.headers["Authorization"] = f"Bearer {known.key_id}.{known.secret}"
    assert heard(await tell(http, lookup(regular.card), "/till/bare"))[0] == "MEMBER"


async def test_no_trouble_of_ours_is_told_in_json(
    http: httpx.AsyncClient, hub: Hub, add_connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*asked: object) -> None:
        raise Busy("full")

    async def bug(*asked: object) -> None:
        raise ZeroDivisionError("of somebody's data")

    async def away(*asked: object) -> None:
        raise PoolExhausted("no connection is free")

    monkeypatch.setattr(hub.till, "resolve", busy)
    assert code(await tell(http, lookup("1"))) == "busy"
    monkeypatch.setattr(hub.till, "resolve", bug)
    with capture_logs() as logs:
        assert code(await tell(http, lookup("1"))) == "internal"
    assert "bug" in [entry["event"] for entry in logs]
    assert "somebody" not in str(logs)
    await add_connection("broken", {"secret": SECRET}, "broken")
    await add_connection("unset", {}, "xml")
    await add_connection("gone", {}, "uninstalled")
    for name, status in (("broken", 500), ("unset", 503), ("gone", 503)):
        answer = await tell(http, lookup("1"), f"/till/{name}/x")
        assert (answer.status_code, answer.content) == (status, b"")
    monkeypatch.setattr(hub.connections, "get", away)
    answer = await tell(http, lookup("1"))
    assert (answer.status_code, answer.content) == (503, b"")


async def test_an_address_of_no_connection_and_a_body_without_end_are_refused(
    http: httpx.AsyncClient, client: httpx.AsyncClient, add_connection: Any
) -> None:
    await add_connection("silent", {"secret": SECRET}, "silent")
    for name in ("nowhere", "silent", "%00"):
        answer = await tell(http, lookup("1"), f"/till/{name}/x")
        assert (answer.status_code, answer.json()["code"]) == (404, "connection_unknown")

    async def much() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000

    assert code(await client.post("/till/shop/x", content=much()), 413) == "body_too_large"


async def test_the_reference_till_asks_in_its_own_records(
    client: httpx.AsyncClient, hub: Hub, add_connection: Any, regular: Any, new_sale: Any
) -> None:
    secrets = {"header_secret": SECRET, "path_secret": "address"}
    shop = {"base_url": "https://shop.example.jp", "client_id": "a", "client_secret": "b"}
    await add_connection("ref", shop | secrets, "reference-till")
    await add_till(hub, "ref", "main", "1")

    async def ask(command: TillCommand, secret: str = SECRET) -> Any:
        sent = request(command)
        headers = {**sent.headers, "X-Till-Secret": secret}
        answer = await client.post("/till/ref/address", content=sent.body, headers=headers)
        return understood(answer.content, answer.headers["content-type"])

    who = ResolveMember(scheme="card", value=regular.card)
    assert (await ask(who))["spendable"] == 500
    assert (await ask(who, "forged"))["code"] == "unauthorized"
    held = await ask(HoldRequest(key="main/1/1", member=regular.id, points=100))
    told = CommitRequest.model_validate(new_sale("1", regular.id))
    key = TillKey(store="main", till="1", business_date=told.sale.business_date, receipt_number="1")
    sale = told.model_copy(update={"sale": key, "hold": held["hold"], "points_used": 100})
    assert (await ask(sale))["used"] == 100
