"""Deliveries from Square: the signature's vectors, and what each event tells."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft, MembersMerged, Observation
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_square.settings import SquareSettings
from renkei_square.webhooks import SIGNATURE, SquareWebhooks

NOW = datetime(2026, 5, 13, 1, 46, 58, tzinfo=UTC)
URL = "https://example.test/hook"
KEY = "test_key"
EVENT = {"merchant_id": "ML1", "event_id": "7d2c", "created_at": "2026-05-13T01:46:58.783Z"}


def webhooks(**changed: Any) -> SquareWebhooks:
    settings = SquareSettings(
        merchant_id="ML1",
        location_ids=("L123",),
        **{
            "access_token": "token",
            "signature_key": KEY,
            "notification_url": URL,
            "points": "rewards",
            **changed,
        },
    )
    return SquareWebhooks(
        Connection("till", settings, httpx.AsyncClient(), MemoryTokens(), lambda: NOW)
    )


def delivery(body: bytes, signature: str | None = None) -> Delivery:
    signed = hmac_sha256_base64(KEY, URL.encode() + body) if signature is None else signature
    return Delivery("till", NOW, ((SIGNATURE, signed),), body)


def event(type: str, id: str, **about: Any) -> bytes:
    data = {"type": type.split(".")[0], "id": id, "object": about}
    return json.dumps({**EVENT, "type": type, "data": data}).encode()


def told(type: str, id: str = "x", **about: Any) -> list[tuple[str, str]]:
    """Kind and id of what must be read; the reason of what is ignored."""
    seen: list[Observation] = list(webhooks().read(delivery(event(type, id, **about))))
    found = []
    for one in seen:
        if isinstance(one, Changed):
            found.append((one.kind, one.ref.id))
        elif isinstance(one, MembersMerged):
            found.append(("merged", f"{one.gone.id} into {one.kept.id}"))
        elif isinstance(one, MemberLeft):
            found.append(("left", one.ref.id))
        else:
            assert isinstance(one, Ignored)
            found.append(("ignored", one.reason))
    return found


class TestSignature:
    def test_the_vector_of_the_official_algorithm_is_what_is_compared(self) -> None:
        signed = hmac_sha256_base64("test_key", b'https://example.test/hook{"a":1}')
        assert signed == "IiC6O6lP31rpTJnLYSJmSP54HJkrHuQkYYUEWytenxI="

    def test_every_byte_of_the_registered_url_counts(self) -> None:
        genuine = delivery(event("payment.updated", "p"))
        webhooks().verify(genuine, NOW)
        for other in (URL + "/", URL.upper(), URL.replace("https", "http"), URL + "?a=1"):
            with pytest.raises(SignatureInvalid):
                webhooks(notification_url=other).verify(genuine, NOW)

    def test_without_url_or_key_everything_is_refused(self) -> None:
        genuine = delivery(event("payment.updated", "p"))
        for lacking in ({"notification_url": ""}, {"signature_key": ""}):
            with pytest.raises(SignatureInvalid):
                webhooks(**lacking).verify(genuine, NOW)

    def test_while_the_key_is_rotated_both_are_accepted(self) -> None:
        genuine = delivery(event("payment.updated", "p"))
        webhooks(signature_key="new", old_signature_key=KEY).verify(genuine, NOW)
        with pytest.raises(SignatureInvalid):
            webhooks(signature_key="new").verify(genuine, NOW)

    def test_one_subscription_serves_many_sellers_and_only_ours_gets_in(self) -> None:
        body = event("payment.updated", "p").replace(b"ML1", b"ML2")
        for other in (body, b"[]", b"not JSON"):
            with pytest.raises(SignatureInvalid, match="another seller"):
                webhooks().verify(delivery(other), NOW)

    def test_a_retry_has_the_key_of_the_first_try_and_another_event_has_not(self) -> None:
        first = delivery(event("payment.updated", "p"))
        other = delivery(event("payment.updated", "p").replace(b"7d2c", b"7d2d"))
        assert webhooks().key(first) == webhooks().key(delivery(first.body))
        assert webhooks().key(first) != webhooks().key(other)


class TestEvents:
    def test_a_completed_payment_says_to_read_its_order(self) -> None:
        payment = {"id": "p", "status": "COMPLETED", "order_id": "o"}
        assert told("payment.updated", payment=payment) == [("order", "o")]
        for other in ({**payment, "status": "APPROVED"}, {**payment, "order_id": None}):
            assert told("payment.updated", payment=other)[0][0] == "ignored"

    def test_a_payment_at_a_location_that_is_not_read_is_ignored(self) -> None:
        payment = {"id": "p", "status": "COMPLETED", "order_id": "o", "location_id": "L123"}
        assert told("payment.updated", payment=payment) == [("order", "o")]
        ((kind, reason),) = told("payment.updated", payment={**payment, "location_id": "L124"})
        assert kind == "ignored"
        assert "location" in reason

    def test_a_refund_says_to_read_its_order_wherever_it_was_made(self) -> None:
        refund = {
            "id": "r",
            "status": "COMPLETED",
            "order_id": "back",
            "location_id": "L124",
            "amount_money": {"amount": 1, "currency": "JPY"},
            "updated_at": "2026-05-13T01:46:58Z",
        }
        assert told("refund.updated", refund=refund) == [("order", "back")]

    def test_a_refund_says_to_read_its_order_once_it_is_made(self) -> None:
        refund = {
            "id": "r",
            "status": "COMPLETED",
            "order_id": "back",
            "amount_money": {"amount": 1, "currency": "JPY"},
            "updated_at": "2026-05-13T01:46:58Z",
        }
        assert told("refund.updated", refund=refund) == [("order", "back")]
        for status in ("PENDING", "REJECTED", "FAILED"):
            seen = told("refund.updated", refund={**refund, "status": status})
            assert seen[0][0] == "ignored"

    def test_orders_are_read_again_when_they_change_but_not_drafts(self) -> None:
        order = {"order_id": "o", "state": "OPEN"}
        assert told("order.updated", order_updated=order) == [("order", "o")]
        named = {"order_fulfillment_updated": order}
        assert told("order.fulfillment.updated", **named) == [("order", "o")]
        draft = {**order, "state": "DRAFT"}
        assert told("order.updated", order_updated=draft)[0][0] == "ignored"
        # It tells of orders that an API made, never of a sale at the register.
        assert told("order.created", order_created=order)[0][0] == "ignored"

    def test_customers_who_became_a_new_one_are_merged_into_that(self) -> None:
        merge = {"from_customer_ids": ["a", "b"], "to_customer_id": "c"}
        context = {"customer": {"id": "c"}, "event_context": {"merge": merge}}
        pairs = [("merged", "a into c"), ("merged", "b into c")]
        assert told("customer.created", "c", **context) == [("member", "c"), *pairs]
        assert told("customer.deleted", "a", **context) == pairs
        assert told("customer.deleted", "a", customer={"id": "a"}) == [("left", "a")]
        assert told("customer.updated", "a", customer={"id": "a"}) == [("member", "a")]

    def test_points_are_read_where_they_are_the_hubs(self) -> None:
        account = {"id": "acc", "customer_id": "c", "balance": 5}
        about = {"loyalty_account": account}
        assert told("loyalty.account.updated", **about) == [("balance", "c")]
        for other in ({**account, "balance": -5}, {**account, "customer_id": None}):
            assert told("loyalty.account.updated", loyalty_account=other)[0][0] == "ignored"
        body = event("loyalty.account.updated", "acc", **about)
        (seen,) = webhooks(points="none").read(delivery(body))
        assert isinstance(seen, Ignored)

    def test_an_event_without_its_object_is_invalid(self) -> None:
        for type in ("payment.updated", "refund.updated", "order.updated"):
            with pytest.raises(PayloadInvalid):
                webhooks().read(delivery(event(type, "x")))
