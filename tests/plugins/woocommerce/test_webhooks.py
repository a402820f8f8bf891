"""Deliveries: signatures, keys, and what they tell."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft, MemberSeen, OrderSeen
from renkei_woocommerce.webhooks import WooCommerceWebhooks

Hooks = Callable[..., WooCommerceWebhooks]
Deliver = Callable[..., Delivery]
Make = Callable[..., dict[str, Any]]

VECTOR = b'{"id":727,"status":"processing","total":"1100"}'
SIGNED = "3W6W7dvQDi0uJdTgAMEb3Fu/xc5veGhdweaqOeqjB+c="
"""The fact sheet's: signed with ``secret&key``."""


def ping(delivery: Delivery) -> Delivery:
    """What a new webhook is tried with."""
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    return replace(delivery, headers=form, body=b"webhook_id=12")


@pytest.mark.parametrize("secret", ["secret&key", "secret&amp;key"])
def test_the_sheets_vector_is_accepted_however_the_secret_is_written(
    hooks: Hooks, delivery: Deliver, secret: str
) -> None:
    sent = delivery("order.updated", VECTOR, "secret&key")
    assert sent.header("x-wc-webhook-signature") == SIGNED
    hooks(webhook_secret=secret).verify(sent, sent.received_at)


def test_another_body_or_secret_is_refused(hooks: Hooks, delivery: Deliver) -> None:
    sent = delivery("order.updated", VECTOR)
    for wrong in (replace(sent, body=VECTOR + b" "), delivery("order.updated", VECTOR, "other")):
        with pytest.raises(SignatureInvalid):
            hooks().verify(wrong, wrong.received_at)


def test_the_ping_of_a_new_webhook_passes_and_does_nothing(hooks: Hooks, delivery: Deliver) -> None:
    sent = ping(delivery("order.updated", VECTOR))
    hooks().verify(sent, sent.received_at)
    assert [type(one) for one in hooks().read(sent)] == [Ignored]
    another = replace(sent, body=b"webhook_id=13")
    assert hooks().key(sent) == hooks().key(another) == "ping"


def test_nothing_but_a_ping_passes_unsigned(hooks: Hooks, delivery: Deliver) -> None:
    sent = ping(delivery("order.updated", VECTOR))
    for body in (VECTOR, b"webhook_id=1&a=b", b"webhook_id=", b"webhook_id=12\n", b'{"id":1}'):
        with pytest.raises(SignatureInvalid):
            hooks().verify(replace(sent, body=body), sent.received_at)
    with pytest.raises(SignatureInvalid):
        hooks(webhook_secret="").verify(sent, sent.received_at)


def test_deliveries_of_one_second_share_an_id_but_no_key(
    hooks: Hooks, delivery: Deliver, order: Make
) -> None:
    shared = ("X-WC-Webhook-Delivery-ID", "52a1b0c7")
    sent = [
        delivery("order.created", order()),
        delivery("order.updated", order()),
        delivery("order.updated", order(status="completed")),
    ]
    keys = [hooks().key(replace(one, headers=(*one.headers, shared))) for one in sent]
    assert len(set(keys)) == 3
    assert hooks().key(delivery("order.updated", order())) == keys[1]


def test_an_order_is_told_whole_as_it_is_now(hooks: Hooks, delivery: Deliver, order: Make) -> None:
    for topic in ("order.created", "order.updated", "order.restored"):
        (seen,) = hooks().read(delivery(topic, order(status="completed")))
        assert isinstance(seen, OrderSeen)
        assert (seen.order.ref.id, seen.order.state.value) == ("727", "fulfilled")


def test_an_order_with_refunds_is_read_again(hooks: Hooks, delivery: Deliver, order: Make) -> None:
    refunds = [{"id": 730, "reason": "", "total": "-1080"}]
    for body in (order(refunds=refunds), order(status="refunded")):
        (seen,) = hooks().read(delivery("order.updated", body))
        assert isinstance(seen, Changed)
        assert (seen.kind, seen.ref.id) == ("order", "727")


def test_a_draft_of_the_checkout_is_ignored(hooks: Hooks, delivery: Deliver) -> None:
    (seen,) = hooks().read(delivery("order.created", {"id": 1, "status": "checkout-draft"}))
    assert isinstance(seen, Ignored)


def test_what_was_deleted_is_told_by_its_id(hooks: Hooks, delivery: Deliver) -> None:
    (trashed,) = hooks().read(delivery("order.deleted", {"id": 727}))
    assert isinstance(trashed, Changed)
    sent = delivery("customer.deleted", {"id": 26})
    (left,) = hooks().read(sent)
    assert isinstance(left, MemberLeft)
    assert (left.ref.id, left.at) == ("26", sent.received_at)


@pytest.mark.parametrize("topic", ["customer.deleted", "order.deleted"])
def test_a_body_that_was_signed_for_another_topic_deletes_nothing(
    hooks: Hooks, delivery: Deliver, order: Make, customer: Make, topic: str
) -> None:
    for body in (customer(), order(), {"id": 26, "email": "h@example.com"}):
        with pytest.raises(PayloadInvalid, match="not understood"):
            hooks().read(delivery(topic, body))


def test_a_customer_is_told_with_the_points_shown(
    hooks: Hooks, delivery: Deliver, customer: Make
) -> None:
    (seen,) = hooks().read(delivery("customer.updated", customer()))
    assert isinstance(seen, MemberSeen)
    assert (seen.member.family_name, seen.member.points_seen) == ("山田", 120)


@pytest.mark.parametrize("topic", ["product.updated", "coupon.created", "action.woocommerce_x"])
def test_other_topics_are_ignored(hooks: Hooks, delivery: Deliver, topic: str) -> None:
    (seen,) = hooks().read(delivery(topic, {"id": 1}))
    assert isinstance(seen, Ignored)


def test_what_is_gone_when_it_is_sent_is_ignored_and_what_is_forbidden_is_not(
    hooks: Hooks, delivery: Deliver
) -> None:
    gone = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}
    (seen,) = hooks().read(delivery("order.updated", {**gone, "data": {"status": 404}}))
    assert isinstance(seen, Ignored)
    with pytest.raises(PayloadInvalid):
        hooks().read(delivery("order.updated", {**gone, "data": {"status": 401}}))


def test_legacy_shapes_and_missing_topics_are_refused(
    hooks: Hooks, delivery: Deliver, order: Make
) -> None:
    for sent in (delivery("order.updated", {"order": order()}), delivery(None, order())):
        with pytest.raises(PayloadInvalid):
            hooks().read(sent)
