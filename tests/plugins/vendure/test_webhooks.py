"""Deliveries of the shop's emitter: which are believed, and what they tell."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft, Observation
from renkei_contracts.ids import ExternalRef
from renkei_vendure.settings import VendureSettings
from renkei_vendure.webhooks import VendureWebhooks

Make = Callable[..., Delivery]
Connect = Callable[..., Connection[VendureSettings]]

SENT_AT = 1795705540
SIGNATURE = "sha256=Mj8Hnt2YqPJ70zJWL0Mc9LlNjJ+jFLMDYB9OZvNtkGo="
PLACED = "order.placed-PaymentSettled"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    mac = hmac.digest(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return "sha256=" + base64.b64encode(mac).decode()


@pytest.fixture
def webhooks(connect: Connect) -> VendureWebhooks:
    return VendureWebhooks(connect())


def sent_at(delivery: Delivery, seconds: float = 0) -> Any:
    return delivery.received_at.fromtimestamp(SENT_AT + seconds, delivery.received_at.tzinfo)


def verify(webhooks: VendureWebhooks, delivery: Delivery, seconds: float = 0) -> None:
    webhooks.verify(delivery, sent_at(delivery, seconds))


class TestVerify:
    def test_a_genuine_delivery_is_believed(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        verify(webhooks, delivery(PLACED))

    @pytest.mark.parametrize("seconds", [-300, 300])
    def test_it_is_believed_for_five_minutes(
        self, webhooks: VendureWebhooks, delivery: Make, seconds: int
    ) -> None:
        verify(webhooks, delivery(PLACED), seconds)

    @pytest.mark.parametrize("seconds", [-301, 301, 86_400])
    def test_it_is_not_believed_before_or_after(
        self, webhooks: VendureWebhooks, delivery: Make, seconds: int
    ) -> None:
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED), seconds)

    @pytest.mark.parametrize(
        "signature",
        [
            None,
            "",
            "sha256=",
            "sha256",
            SIGNATURE.removeprefix("sha256="),
            SIGNATURE[:-1],
            SIGNATURE[:20],
            SIGNATURE + "=",
            SIGNATURE.lower(),
            SIGNATURE.replace("+", "-"),
            SIGNATURE.replace("sha256", "sha512"),
            "sha256=" + "A" * 43 + "=",
            "sha256=" + base64.b64decode(SIGNATURE.removeprefix("sha256=")).hex(),
            "sha256=署名",
            f" {SIGNATURE}",
            f"sha256={SIGNATURE}",
        ],
    )
    def test_any_other_signature_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, signature: str | None
    ) -> None:
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, signature=signature))

    @pytest.mark.parametrize(
        "timestamp", [None, "", str(SENT_AT + 1), f"{SENT_AT}.0", "now", "１７９５７０５５４０"]
    )
    def test_any_other_timestamp_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, timestamp: str | None
    ) -> None:
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, timestamp=timestamp))

    @pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "１７９５７０５５４０", "9" * 13])
    def test_a_signed_timestamp_that_is_no_number_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, timestamp: str
    ) -> None:
        signed = sign("recorded-secret", timestamp, delivery(PLACED).body)
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, timestamp=timestamp, signature=signed))

    @pytest.mark.parametrize("place", [0, 40, -1])
    def test_a_body_with_one_byte_changed_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, place: int
    ) -> None:
        body = bytearray(delivery(PLACED).body)
        body[place] ^= 1
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, body=bytes(body)))

    def test_a_body_that_was_written_anew_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        body = json.dumps(json.loads(delivery(PLACED).body)).encode()
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, body=body))

    def test_the_dot_between_timestamp_and_body_cannot_be_moved(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        body = b"0." + delivery(PLACED).body
        signed = sign("recorded-secret", f"{SENT_AT}.0", delivery(PLACED).body)
        assert signed == sign("recorded-secret", str(SENT_AT), body)
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, timestamp=f"{SENT_AT}.0", signature=signed))

    @pytest.mark.parametrize("secret", ["wrong", "the secret of another connection", ""])
    def test_another_secret_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, secret: str
    ) -> None:
        signed = sign(secret, str(SENT_AT), delivery(PLACED).body)
        with pytest.raises(SignatureInvalid):
            verify(webhooks, delivery(PLACED, signature=signed))

    def test_the_previous_secret_is_believed_while_it_is_rotated(
        self, connect: Connect, delivery: Make
    ) -> None:
        rotated = connect(webhook_secret="new", old_webhook_secret="recorded-secret")
        verify(VendureWebhooks(rotated), delivery(PLACED))

    def test_the_previous_secret_is_refused_afterwards(
        self, connect: Connect, delivery: Make
    ) -> None:
        with pytest.raises(SignatureInvalid):
            verify(VendureWebhooks(connect(webhook_secret="new")), delivery(PLACED))

    def test_an_unset_previous_secret_signs_nothing(self, connect: Connect, delivery: Make) -> None:
        signed = sign("", str(SENT_AT), delivery(PLACED).body)
        with pytest.raises(SignatureInvalid):
            verify(VendureWebhooks(connect()), delivery(PLACED, signature=signed))

    def test_a_refusal_repeats_neither_secret_nor_signature(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        with pytest.raises(SignatureInvalid) as refusal:
            verify(webhooks, delivery(PLACED, signature="sha256=forged"))
        assert "forged" not in str(refusal.value)
        assert "recorded-secret" not in str(refusal.value)


class TestKey:
    def test_it_is_the_delivery_id(self, webhooks: VendureWebhooks, delivery: Make) -> None:
        assert webhooks.key(delivery(PLACED)) == "08d8e4a0-29c1-409f-9eff-ff0d6845e550"

    def test_it_stays_when_a_try_is_signed_anew(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        again = delivery(PLACED, timestamp=str(SENT_AT + 4), signature="sha256=other")
        assert webhooks.key(again) == webhooks.key(delivery(PLACED))

    def test_two_deliveries_of_the_same_thing_have_two(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        keys = {webhooks.key(delivery(name)) for name in ("refund.created", PLACED)}
        assert len(keys) == 2

    @pytest.mark.parametrize("id", [None, ""])
    def test_without_an_id_there_is_none(
        self, webhooks: VendureWebhooks, delivery: Make, id: str | None
    ) -> None:
        assert webhooks.key(delivery(PLACED, delivery=id)) is None


def ref(id: str) -> ExternalRef:
    return ExternalRef(connection="shop", id=id)


class TestRead:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            (PLACED, Changed(kind="order", ref=ref("1"))),
            ("order.state-PaymentSettled", Changed(kind="order", ref=ref("1"))),
            ("order.state-Cancelled", Changed(kind="order", ref=ref("2"))),
            ("refund.created", Changed(kind="order", ref=ref("1"))),
            ("refund.state-Settled", Changed(kind="order", ref=ref("1"))),
            ("customer.changed-created", Changed(kind="member", ref=ref("1"))),
            ("customer.changed-updated", Changed(kind="member", ref=ref("1"))),
            ("account.verified", Changed(kind="member", ref=ref("1"))),
        ],
    )
    def test_what_changed_is_named(
        self, webhooks: VendureWebhooks, delivery: Make, name: str, told: Observation
    ) -> None:
        assert list(webhooks.read(delivery(name))) == [told]

    @pytest.mark.parametrize(
        "name",
        ["order.state-AddingItems", "order.state-ArrangingPayment", "payment.state-Settled"],
    )
    def test_a_cart_is_of_no_concern(
        self, webhooks: VendureWebhooks, delivery: Make, name: str
    ) -> None:
        (told,) = webhooks.read(delivery(name))
        assert isinstance(told, Ignored)

    @pytest.mark.parametrize(
        ("before", "seen"), [("AddingItems", Ignored), ("PaymentSettled", Changed)]
    )
    def test_a_cancelled_cart_is_of_no_concern_and_a_cancelled_order_is(
        self, webhooks: VendureWebhooks, delivery: Make, before: str, seen: type
    ) -> None:
        event = json.loads(delivery("order.state-Cancelled").body) | {"from": before}
        (told,) = webhooks.read(delivery(PLACED, body=json.dumps(event).encode()))
        assert isinstance(told, seen)

    def test_a_deleted_customer_left_when_the_shop_says(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        (told,) = webhooks.read(delivery("customer.changed-deleted"))
        assert isinstance(told, MemberLeft)
        assert (told.ref, told.at.isoformat()) == (ref("2"), "2026-11-26T15:05:42.004000+00:00")

    def test_the_unsigned_topic_decides_nothing(
        self, webhooks: VendureWebhooks, delivery: Make
    ) -> None:
        (told,) = webhooks.read(delivery(PLACED, topic="customer.changed"))
        assert told == Changed(kind="order", ref=ref("1"))

    @pytest.mark.parametrize(
        "change",
        [
            {"event": "stock.moved"},
            {"event": "注文" * 300},
            {"event": "order.placed", "type": "customer"},
            {"event": "customer.changed", "type": "order"},
        ],
    )
    def test_an_unknown_event_is_ignored(
        self, webhooks: VendureWebhooks, delivery: Make, change: dict[str, str]
    ) -> None:
        event = json.loads(delivery(PLACED).body) | change
        (told,) = webhooks.read(delivery(PLACED, body=json.dumps(event).encode()))
        assert isinstance(told, Ignored)

    @pytest.mark.parametrize(
        "body",
        [b"", b"no json", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, b'"text"'],
    )
    def test_a_body_that_is_no_event_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, body: bytes
    ) -> None:
        with pytest.raises(PayloadInvalid):
            webhooks.read(delivery(PLACED, body=body))

    @pytest.mark.parametrize(
        "change",
        [
            {"id": None},
            {"id": 1},
            {"id": ""},
            {"createdAt": "2026-11-26T15:05:40"},
            {"createdAt": "yesterday"},
            {"event": 7},
        ],
    )
    def test_a_field_that_is_none_of_ours_is_refused(
        self, webhooks: VendureWebhooks, delivery: Make, change: dict[str, Any]
    ) -> None:
        event = json.loads(delivery(PLACED).body) | change
        with pytest.raises(PayloadInvalid):
            webhooks.read(delivery(PLACED, body=json.dumps(event).encode()))

    def test_a_refusal_repeats_no_address(self, webhooks: VendureWebhooks, delivery: Make) -> None:
        body = b'{"code": "taro@example.jp", "event": 1'
        with pytest.raises(PayloadInvalid) as refusal:
            webhooks.read(delivery(PLACED, body=body))
        assert "taro" not in str(refusal.value)
        assert refusal.value.__cause__ is None

    def test_a_hint_may_be_read_at_once(self, webhooks: VendureWebhooks, delivery: Make) -> None:
        (told,) = webhooks.read(delivery(PLACED))
        assert isinstance(told, Changed)
        assert told.delay == timedelta(0)
